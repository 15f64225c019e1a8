"""One table on its way to one sink: batch after batch in the order of commits, each until it is
confirmed. What a sink refuses of a batch is set aside and told; all else is sent again for ever.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import replace

from app import log
from app.records.errors import RecordsError
from app.records.outbox import Outbox
from app.records.shipper.back_off import BackOff
from app.records.shipper.sink import Batch, RowsRefusedError, Sent, Sink, SinkError
from app.records.shipper.source import Source

_POLL_S = 0.5
# As many rows that were refused are kept.
_MOST_REFUSED = 10_000


class Lane:
    """A thread's work, from `run` until `stop`, and then as long as there is something to send."""

    def __init__(self, outbox: Outbox, sink: Sink, source: Source) -> None:
        self.sink, self.source = sink, source
        self._outbox = outbox
        self._stopping = threading.Event()
        self._back_off, self._told = BackOff(), ""
        # What is sent and could not be noted: a full disk must not send it again and again.
        self._sent = ("", 0)

    def stop(self) -> None:
        """Have `run` end once all is sent."""
        self._stopping.set()

    def run(self) -> None:
        """Send what comes."""
        while True:
            # What was committed before the end was told is there by now.
            is_last = self._stopping.is_set()
            wait_s = self._send_all(is_last)
            if wait_s is None and is_last:
                return
            self._wait(_POLL_S if wait_s is None else wait_s)

    def _wait(self, seconds: float) -> None:
        """Wait; at the end not for long."""
        if self._stopping.is_set():
            time.sleep(min(seconds, _POLL_S))
        else:
            self._stopping.wait(seconds)

    def _send_all(self, is_last: bool) -> float | None:
        """Send what is there; return None, or the seconds to wait after a failure."""
        try:
            while self._send_some(is_last):
                pass
        except (SinkError, RecordsError) as error:
            return self._tell(error)
        return None

    def _send_some(self, is_last: bool) -> bool:
        """Send a batch; say whether there may be more to send."""
        batch = self._batch()
        if not batch.rows or not (is_last or self._is_due(batch)):
            return False
        self._send(batch)
        self._recover()
        return batch.is_full

    def _batch(self) -> Batch:
        if not self._outbox.path.exists():
            return Batch("", 0, [], False)
        batch = self.source.batch(self._outbox, self.sink.name, self.sink.pace)
        log_id, position = self._sent
        if log_id == batch.log and position > batch.position:
            self._outbox.confirm(self.sink.name, position, self.source.name)
            return self._batch()
        return batch

    def _is_due(self, batch: Batch) -> bool:
        if batch.is_full or not self.sink.pace.wait_s:
            return True
        return time.time() - batch.rows[0].values["created_at"] / 1e6 >= self.sink.pace.wait_s

    def _send(self, batch: Batch) -> None:
        whole = batch
        while batch.rows:
            try:
                self.sink.send(batch)
                break
            except RowsRefusedError as refusal:
                self._set_aside(batch, refusal.reasons)
                kept = [row for place, row in enumerate(batch.rows) if place not in refusal.reasons]
                batch = replace(batch, rows=kept)
        self._sent = (whole.log, whole.end)
        self._outbox.confirm(self.sink.name, whole.end, self.source.name)

    def _set_aside(self, batch: Batch, reasons: Mapping[int, str]) -> None:
        """Keep rows that a sink does not take where they can be looked at; raises RecordsError."""
        for place, reason in reasons.items():
            row = batch.rows[place]
            self._outbox.write(
                "INSERT OR IGNORE INTO refused VALUES (?, ?, ?, ?, ?, ?, ?)",
                self._note(row, reason),
            )
            log.event(
                "row_refused",
                "ERROR",
                sink=self.sink.name,
                source=self.source.name,
                prediction_id=row.values["prediction_id"],
                instance_index=row.values.get("instance_index"),
                reason=reason,
            )
        self._outbox.write(
            "DELETE FROM refused WHERE rowid <= (SELECT max(rowid) FROM refused) - ?",
            (_MOST_REFUSED,),
        )

    def _note(self, row: Sent, reason: str) -> tuple[str | int, ...]:
        now, told = time.time_ns() // 1000, json.dumps(dict(row.values))
        prediction = row.values["prediction_id"]
        return (self.sink.name, self.source.name, row.seq, prediction, now, reason, told)

    def _tell(self, error: SinkError | RecordsError) -> float:
        """Log a failure where it is another than the last; return the seconds to wait."""
        is_lasting = not isinstance(error, SinkError) or error.needs_somebody
        wait_s = self._back_off.next_s(getattr(error, "retry_after_s", 0.0))
        if str(error) != self._told:
            self._told = str(error)
            log.event(
                "shipping_failed",
                "ERROR" if is_lasting else "WARNING",
                sink=self.sink.name,
                source=self.source.name,
                error=self._told,
                retry_in_s=round(wait_s, 1),
            )
        return wait_s

    def _recover(self) -> None:
        self._back_off.reset()
        if self._told:
            self._told = ""
            log.event("shipping_recovered", sink=self.sink.name, source=self.source.name)

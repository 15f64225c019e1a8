"""The shipper: `python -m app.records.shipper` sends the prediction log on until it is told to end.

Predictions go first: it takes the processor time that they leave, and a twentieth of a busy core.
It ends with whoever started it; told to end, it sends what is there for some seconds more, and says
what stays.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

from app import log
from app.records.errors import RecordsError
from app.records.inputs import keep_moving
from app.records.outbox import Outbox
from app.records.settings import RecordSettings
from app.records.shipper import LAST_S
from app.records.shipper.drivers import missing_driver
from app.records.shipper.lane import Lane
from app.records.shipper.sinks import sinks_of
from app.settings import Settings
from app.variables import SettingsError

# At 19 it would have a hundredth of a core where all are busy: fewer rows than a quick model makes,
# so that the log would fill, and lose rows, for as long as that goes on.
_NICENESS = 10
_POLL_S = 0.5


def main() -> int:
    """Ship until SIGTERM; return the exit status."""
    parent = os.getppid()
    try:
        settings = Settings.from_environment()
        records = settings.records
        if missing := missing_driver(records):
            raise SettingsError(missing)
        if records.prediction_log is None or not records.has_shipper:
            raise SettingsError("BIGQUERY_TABLE, PREDICTION_SINK and RECORD_INPUTS are not set")
    except SettingsError as error:
        log.configure()
        log.event("bad_setting", "ERROR", error=str(error))
        return 2
    log.configure(settings.log_level)
    os.nice(_NICENESS)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    outbox = Outbox(records.prediction_log, records)
    lanes = [Lane(outbox, sink, source) for sink, source in sinks_of(records)]
    threads = [threading.Thread(target=_run, args=(lane,), daemon=True) for lane in lanes]
    if records.inputs_share:
        threads.append(threading.Thread(target=_move, args=(records, stopping), daemon=True))
    for thread in threads:
        thread.start()
    while not stopping.wait(_POLL_S):
        # Who outlives its parent would ship beside its successor; a thread never ends by itself.
        if os.getppid() != parent or not all(thread.is_alive() for thread in threads):
            return 1
    _finish(outbox, lanes, threads)
    return 0


def _run(lane: Lane) -> None:
    try:
        lane.run()
    except Exception:
        # The process ends of it, and is started again.
        sink, source = lane.sink.name, lane.source.name
        log.event("shipper_failed", "ERROR", exception=True, sink=sink, source=source)


def _move(records: RecordSettings, stopping: threading.Event) -> None:
    try:
        keep_moving(records, stopping)
    except Exception:
        log.event("shipper_failed", "ERROR", exception=True, source="inputs")


def _finish(outbox: Outbox, lanes: list[Lane], threads: list[threading.Thread]) -> None:
    """Send what is there, for so long; say what is not sent."""
    give_up_at = time.monotonic() + LAST_S
    for lane in lanes:
        lane.stop()
    for thread in threads:
        thread.join(max(0.0, give_up_at - time.monotonic()))
    left = {}
    try:
        left = {name: sink.rows for name, sink in outbox.state().sinks.items()}
    except RecordsError as error:
        if outbox.path.exists():
            log.event("prediction_log_failed", "ERROR", file=str(outbox.path), error=str(error))
    rows = max(left.values(), default=0)
    severity = "WARNING" if rows else "INFO"
    log.event("predictions_left", severity, rows=rows, sinks=left, file=str(outbox.path))


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    # Not by way of threads that may wait in a call.
    os._exit(status)

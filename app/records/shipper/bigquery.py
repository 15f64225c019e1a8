"""BigQuery, by the Storage Write API's default stream: rows are there when an append is answered.

At least once: a row whose answer was lost is sent again, and the view `prediction_once` has each
once. A table that does not fit is named, with what mends it, and waited for.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import grpc
from google.api_core.exceptions import GoogleAPICallError, from_grpc_error
from google.auth.exceptions import GoogleAuthError
from google.cloud import bigquery_storage_v1 as storage
from google.cloud.bigquery_storage_v1.services.big_query_write.transports import (
    BigQueryWriteGrpcTransport,
)
from google.rpc import error_details_pb2

from app import log
from app.records.shipper.message import RowMessage
from app.records.shipper.sink import Batch, Pace, RowsRefusedError, SinkError

# An append is answered within a second; whatever lies between may swallow it.
_ANSWER_S = 10.0
# Of 10 MB that a request may have. A row is at most this.
_LONGEST_ROW = 9_000_000
_BY_ANOTHER_TRY = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
)
_SAME = {"INT64": "INTEGER", "DOUBLE": "FLOAT", "BOOL": "BOOLEAN"}
_SQL_TYPES = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}


class BigQuery:
    """A table of BigQuery.

    Args:
        table: `project.dataset.table`.
        columns: of the rows that are sent.
        emulator: `host:port` of what stands in for BigQuery, without TLS and credentials.
    """

    name = "bigquery"
    # An append takes as long for many rows as for few.
    pace = Pace(rows=2000, bytes=5_000_000)

    def __init__(
        self, table: str, columns: Sequence[Mapping[str, str]], emulator: str | None = None
    ) -> None:
        self._table, self._columns, self._emulator = table, columns, emulator
        self._message = RowMessage(columns)
        self._stream: _Stream | None = None

    def send(self, batch: Batch) -> None:
        """Append rows; raises SinkError or RowsRefusedError."""
        rows = [self._message.serialized(row.values) for row in batch.rows]
        too_long = {
            place: f"{len(row):,} bytes; BigQuery takes {_LONGEST_ROW:,}"
            for place, row in enumerate(rows)
            if len(row) > _LONGEST_ROW
        }
        if too_long:
            raise RowsRefusedError(too_long)
        # A stream that was idle for some ten minutes fails at its next append, and one whose table
        # was changed meanwhile knows nothing of it: what a used one says is asked of a new one.
        is_used = self._stream is not None
        try:
            self._append(rows)
        except (SinkError, RowsRefusedError):
            if self._stream is not None or not is_used:
                raise
            self._append(rows)

    def _append(self, rows: Sequence[bytes]) -> None:
        """Append rows; lets go of the stream where they are not taken, single ones aside."""
        try:
            if self._stream is None:
                self._stream = _Stream(self._table, self._emulator)
                self._compare(self._stream.columns())
                self._stream.begin(self._message)
            answer = self._stream.append(rows)
            self._tell_of_new_columns(answer.updated_schema.fields)
            _check(answer)
        except RowsRefusedError as refusal:
            if len(refusal.reasons) == len(rows):
                self._close()
            raise
        except (GoogleAPICallError, GoogleAuthError, grpc.RpcError) as error:
            self._close()
            raise _sink_error(self._table, error) from error
        except BaseException:
            self._close()
            raise

    def _close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def _compare(self, theirs: Sequence[Any]) -> None:
        """Raise SinkError where the table cannot hold our rows; nothing is left out of them."""
        # An emulator may not tell.
        if reasons := list(_differences(self._table, self._columns, theirs)) if theirs else []:
            raise SinkError(f"{self._table}: {'; '.join(reasons)}", needs_somebody=True)

    def _tell_of_new_columns(self, theirs: Sequence[Any]) -> None:
        ours = {column["name"] for column in self._columns}
        if new := sorted({field.name for field in theirs} - ours):
            log.event("bigquery_table_has_new_columns", table=self._table, columns=new)


class _Stream:
    """A connection to the default stream of a table, made anew with its channel: one that has
    failed waits for minutes before it tries again.
    """

    def __init__(self, table: str, emulator: str | None) -> None:
        project, dataset, name = table.rsplit(".", 2)
        parent = f"projects/{project}/datasets/{dataset}/tables/{name}"
        self._name = f"{parent}/streams/_default"
        self._client = _client(emulator)
        self._requests = queue.SimpleQueue[storage.types.AppendRowsRequest | None]()
        self._answers = queue.SimpleQueue[Any]()
        self._schema: storage.types.ProtoSchema | None = None
        self._call: Any = None

    def columns(self) -> Sequence[Any]:
        """Return the table's columns; raises GoogleAPICallError."""
        request = storage.types.GetWriteStreamRequest(
            name=self._name, view=storage.types.WriteStreamView.FULL
        )
        found = self._client.get_write_stream(request=request, retry=None, timeout=_ANSWER_S)
        return list(found.table_schema.fields)

    def begin(self, message: RowMessage) -> None:
        """Open the stream for rows of a type."""
        self._schema = storage.types.ProtoSchema(proto_descriptor=message.descriptor)
        self._call = self._client.transport.append_rows(
            iter(self._requests.get, None),
            metadata=[("x-goog-request-params", f"write_stream={self._name}")],
        )
        threading.Thread(target=self._listen, daemon=True).start()

    def append(self, rows: Sequence[bytes]) -> Any:
        """Return the answer to an append; raises grpc.RpcError or SinkError."""
        data = storage.types.AppendRowsRequest.ProtoData(
            writer_schema=self._schema, rows=storage.types.ProtoRows(serialized_rows=rows)
        )
        # Only the first append says of what type its rows are.
        self._schema = None
        self._requests.put(
            storage.types.AppendRowsRequest(write_stream=self._name, proto_rows=data)
        )
        try:
            answer = self._answers.get(timeout=_ANSWER_S)
        except queue.Empty:
            raise SinkError(f"no answer to an append within {_ANSWER_S:g} s") from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        """Let go of the connection."""
        self._requests.put(None)
        if self._call is not None:
            self._call.cancel()
        with contextlib.suppress(Exception):
            self._client.transport.close()

    def _listen(self) -> None:
        try:
            for answer in self._call:
                self._answers.put(answer)
            self._answers.put(SinkError("the stream was closed"))
        except Exception as error:
            self._answers.put(error)


def _client(emulator: str | None) -> storage.BigQueryWriteClient:
    if emulator is None:
        return storage.BigQueryWriteClient()
    transport = BigQueryWriteGrpcTransport(channel=grpc.insecure_channel(emulator))
    return storage.BigQueryWriteClient(transport=transport)


def _differences(
    table: str, ours: Sequence[Mapping[str, str]], theirs: Sequence[Any]
) -> Iterator[str]:
    """Say what a table lacks, or has too much, and the statement that mends it."""
    found = {field.name: field for field in theirs}
    alter = f"ALTER TABLE `{table}`"
    for column in ours:
        name, kind = column["name"], _SQL_TYPES.get(column["type"], column["type"])
        field = found.pop(name, None)
        if field is None:
            kind = f"ARRAY<{kind}>" if column["mode"] == "REPEATED" else kind
            yield f"it has no column {name}: {alter} ADD COLUMN {name} {kind}"
        elif _SAME.get(field.type_.name, field.type_.name) != column["type"]:
            yield f"its column {name} is {field.type_.name} and has to be {kind}"
        elif (field.mode.name == "REPEATED") != (column["mode"] == "REPEATED"):
            yield f"its column {name} is {field.mode.name} and has to be {column['mode']}"
        elif field.mode.name == "REQUIRED" and column["mode"] == "NULLABLE":
            yield f"its column {name} is REQUIRED: {alter} ALTER COLUMN {name} DROP NOT NULL"
    for name, field in found.items():
        if field.mode.name == "REQUIRED":
            told = f"{alter} ALTER COLUMN {name} DROP NOT NULL"
            yield f"it has a column {name} that is REQUIRED and that rows do not have: {told}"


def _check(answer: Any) -> None:
    """Raise what an answer says that is no success."""
    if answer.row_errors:
        raise RowsRefusedError({error.index: error.message for error in answer.row_errors})
    if answer.error.code:
        status = answer.error
        code = next(code for code in grpc.StatusCode if code.value[0] == status.code)
        waits = [_retry_s(detail) for detail in status.details]
        raise SinkError(
            f"{code.name}: {status.message}",
            needs_somebody=code not in _BY_ANOTHER_TRY,
            retry_after_s=max(waits, default=0.0),
        )


def _sink_error(table: str, error: Exception) -> SinkError:
    """Return a client's error as ours."""
    if isinstance(error, GoogleAuthError):
        return SinkError(f"{table}: {type(error).__name__}: {error}", needs_somebody=True)
    told = error if isinstance(error, GoogleAPICallError) else from_grpc_error(error)  # type: ignore[no-untyped-call]
    code = told.grpc_status_code
    waits = [
        detail.retry_delay.ToTimedelta().total_seconds()
        for detail in told.details
        if isinstance(detail, error_details_pb2.RetryInfo)
    ]
    return SinkError(
        f"{table}: {code.name if code else type(error).__name__}: {told.message}",
        needs_somebody=code is not None and code not in _BY_ANOTHER_TRY,
        retry_after_s=max(waits, default=0.0),
    )


def _retry_s(detail: Any) -> float:
    retry = error_details_pb2.RetryInfo()
    return retry.retry_delay.ToTimedelta().total_seconds() if detail.Unpack(retry) else 0.0

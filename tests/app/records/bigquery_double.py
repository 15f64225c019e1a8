"""BigQuery's Storage Write API as a gRPC server: what it takes, what it refuses, how it goes away.

It speaks to the real client. It holds to what emulators do not: columns that are required, types,
rows that are refused by their place, and streams that are closed while they are idle.
"""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from google.cloud.bigquery_storage_v1 import types
from google.protobuf import any_pb2, descriptor_pb2
from google.rpc import code_pb2, status_pb2

from app.records.row import SCHEMA
from app.records.shipper.message import message_class
from app.records.shipper.source import FEEDBACK

_SERVICE = "google.cloud.bigquery.storage.v1.BigQueryWrite"
_LONGEST_REQUEST = 10_000_000
_FIELD = descriptor_pb2.FieldDescriptorProto
_TYPES = {
    "STRING": _FIELD.TYPE_STRING,
    "INTEGER": _FIELD.TYPE_INT64,
    "FLOAT": _FIELD.TYPE_DOUBLE,
    "BOOLEAN": _FIELD.TYPE_BOOL,
    "TIMESTAMP": _FIELD.TYPE_INT64,
}
_API_TYPES = {"INTEGER": "INT64", "FLOAT": "DOUBLE", "BOOLEAN": "BOOL"}
# 0001-01-01 to 9999-12-31, in microseconds.
_MOMENTS = range(-62_135_596_800_000_000, 253_402_300_800_000_000)

Column = Mapping[str, str]


def columns_of(schema: Path) -> list[Column]:
    columns: list[Column] = json.loads(schema.read_text())
    return columns


class BigQueryDouble:
    """A server on `port`, with tables by their whole names.

    Args:
        table: `project.dataset.table` of predictions; that of feedback is beside it.
        kept: the fields that are remembered of a row; all, where none is told.
    """

    def __init__(
        self, table: str = "lab.ml_model.prediction", port: int = 0, kept: Sequence[str] = ()
    ) -> None:
        self.table, self._kept = table, kept
        self.tables = {
            table: columns_of(SCHEMA),
            f"{table}_feedback": columns_of(FEEDBACK.schema),
        }
        self.rows = defaultdict[str, list[dict[str, Any]]](list)
        self.appends, self.streams = 0, 0
        self.idle_s, self.delay_s = float("inf"), 0.0
        self.is_bad: Callable[[Mapping[str, Any]], str | None] = lambda row: None
        self._open: set[Any] = set()
        self._lock = threading.Lock()
        options = [("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", -1)]
        self._server = grpc.server(ThreadPoolExecutor(16), options=options)
        self._server.add_generic_rpc_handlers((self._handlers(),))
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")
        self._server.start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def once(self, table: str = "") -> dict[tuple[str, int], dict[str, Any]]:
        """Return each row once, the oldest, as the view `prediction_once` does."""
        found: dict[tuple[str, int], dict[str, Any]] = {}
        for row in sorted(self.rows[table or self.table], key=lambda row: row["created_at"]):
            found.setdefault((row["prediction_id"], row.get("instance_index", 0)), row)
        return found

    def close_streams(self) -> None:
        """Close all streams, as BigQuery closes those that are idle."""
        with self._lock:
            for context in self._open:
                context.cancel()

    def stop(self) -> None:
        self._server.stop(0).wait()

    def _handlers(self) -> grpc.GenericRpcHandler:
        append = grpc.stream_stream_rpc_method_handler(
            self._append_rows,
            request_deserializer=types.AppendRowsRequest.deserialize,
            response_serializer=types.AppendRowsResponse.serialize,
        )
        get = grpc.unary_unary_rpc_method_handler(
            self._get_write_stream,
            request_deserializer=types.GetWriteStreamRequest.deserialize,
            response_serializer=types.WriteStream.serialize,
        )
        return grpc.method_handlers_generic_handler(
            _SERVICE, {"AppendRows": append, "GetWriteStream": get}
        )

    def _get_write_stream(self, request: Any, context: Any) -> types.WriteStream:
        columns = self._columns(request.name, context)
        stream = types.WriteStream(name=request.name)
        if request.view == types.WriteStreamView.FULL:
            stream.table_schema = _table_schema(columns)
        return stream

    def _append_rows(self, requests: Iterator[Any], context: Any) -> Iterator[Any]:
        with self._lock:
            self.streams += 1
            self._open.add(context)
        try:
            yield from self._answers(requests, context)
        finally:
            with self._lock:
                self._open.discard(context)

    def _answers(self, requests: Iterator[Any], context: Any) -> Iterator[Any]:
        name, descriptor, told = "", descriptor_pb2.DescriptorProto(), None
        last_at = time.monotonic()
        for request in requests:
            if time.monotonic() - last_at > self.idle_s:
                context.abort(grpc.StatusCode.ABORTED, "Closing the stream: it was idle")
            if types.AppendRowsRequest.pb(request).ByteSize() > _LONGEST_REQUEST:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "AppendRows: over 10 MB")
            name = request.write_stream or name
            if request.proto_rows.writer_schema:
                descriptor = request.proto_rows.writer_schema.proto_descriptor
            columns = self._columns(name, context)
            answer = self._append(name, columns, descriptor, request.proto_rows.rows)
            if told is not None and told != columns:
                answer.updated_schema = _table_schema(columns)
            told, last_at = columns, time.monotonic()
            time.sleep(self.delay_s)
            yield answer

    def _append(
        self, name: str, columns: Sequence[Column], descriptor: Any, rows: Any
    ) -> types.AppendRowsResponse:
        self.appends += 1
        if mismatch := _mismatch(columns, descriptor):
            return _refusal(mismatch, types.StorageError.StorageErrorCode.INVALID_STREAM_TYPE)
        kind = message_class(descriptor)
        read = [_values(kind.FromString(row)) for row in rows.serialized_rows]
        bad = {place: reason for place, row in enumerate(read) if (reason := self._reason(row))}
        if bad:
            answer = _refusal("Errors found while processing rows.", None)
            answer.row_errors = [
                types.RowError(
                    index=place, code=types.RowError.RowErrorCode.FIELDS_ERROR, message=reason
                )
                for place, reason in bad.items()
            ]
            return answer
        kept = self._kept
        self.rows[_table_of(name)] += [
            {field: row.get(field) for field in kept} if kept else row for row in read
        ]
        return types.AppendRowsResponse(
            write_stream=name, append_result=types.AppendRowsResponse.AppendResult()
        )

    def _reason(self, row: Mapping[str, Any]) -> str | None:
        if row["created_at"] not in _MOMENTS:
            return f"created_at: {row['created_at']} is out of range"
        return self.is_bad(row)

    def _columns(self, stream: str, context: Any) -> list[Column]:
        table = _table_of(stream)
        if table not in self.tables:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Table is not found: {table}")
        return self.tables[table]


def _table_of(stream: str) -> str:
    _, project, _, dataset, _, table, *_ = stream.split("/")
    return f"{project}.{dataset}.{table}"


def _mismatch(columns: Sequence[Column], descriptor: Any) -> str | None:
    fields = {field.name: field for field in descriptor.field}
    for column in columns:
        field = fields.pop(column["name"], None)
        if field is None:
            if column["mode"] == "REQUIRED":
                return f"The required field {column['name']} is missing in the input schema"
        elif field.type != _TYPES[column["type"]]:
            return f"The field {column['name']} has another type than its column"
    return f"Input schema has extra fields: {', '.join(fields)}" if fields else None


def _refusal(message: str, code: Any) -> types.AppendRowsResponse:
    status = status_pb2.Status(code=code_pb2.INVALID_ARGUMENT, message=message)
    if code is not None:
        detail = any_pb2.Any()
        detail.Pack(types.StorageError.pb(types.StorageError(code=code, error_message=message)))
        status.details.append(detail)
    return types.AppendRowsResponse(error=status)


def _values(message: Any) -> dict[str, Any]:
    """Return a row's fields that have a value."""
    return {
        field.name: list(value)
        if isinstance(getattr(message, field.name), Sequence) and not isinstance(value, str | bytes)
        else value
        for field, value in message.ListFields()
    }


def _table_schema(columns: Sequence[Column]) -> types.TableSchema:
    return types.TableSchema(
        fields=[
            types.TableFieldSchema(
                name=column["name"],
                type_=_API_TYPES.get(column["type"], column["type"]),
                mode=column["mode"],
            )
            for column in columns
        ]
    )

"""Rows as messages of Protocol Buffers, whose type is made of the columns: what the Storage Write
API takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_FIELD = descriptor_pb2.FieldDescriptorProto
# A TIMESTAMP is microseconds since 1970, UTC (cloud.google.com/bigquery/docs/supported-data-types).
_TYPES = {
    "STRING": _FIELD.TYPE_STRING,
    "INTEGER": _FIELD.TYPE_INT64,
    "FLOAT": _FIELD.TYPE_DOUBLE,
    "BOOLEAN": _FIELD.TYPE_BOOL,
    "TIMESTAMP": _FIELD.TYPE_INT64,
}
_LABELS = {
    "REQUIRED": _FIELD.LABEL_REQUIRED,
    "NULLABLE": _FIELD.LABEL_OPTIONAL,
    "REPEATED": _FIELD.LABEL_REPEATED,
}


class RowMessage:
    """The type of a table's rows."""

    def __init__(self, columns: Sequence[Mapping[str, str]]) -> None:
        self.descriptor = descriptor_pb2.DescriptorProto(name="Row")
        for number, column in enumerate(columns, 1):
            self.descriptor.field.add(
                name=column["name"],
                number=number,
                type=_TYPES[column["type"]],
                label=_LABELS[column["mode"]],
                options={"packed": True} if column["mode"] == "REPEATED" else None,
            )
        self._class = message_class(self.descriptor)

    def serialized(self, values: Mapping[str, Any]) -> bytes:
        """Return a row; its values are None, or what the column's type is."""
        told = {name: value for name, value in values.items() if value is not None}
        row: bytes = self._class(**told).SerializeToString()
        return row


def message_class(descriptor: descriptor_pb2.DescriptorProto) -> Any:
    """Return the class of messages of a type that stands alone."""
    file = descriptor_pb2.FileDescriptorProto(name="row.proto", package="slipway", syntax="proto2")
    file.message_type.add().CopyFrom(descriptor)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = pool.FindMessageTypeByName(f"slipway.{descriptor.name}")
    return message_factory.GetMessageClass(found)

"""The messages of the Open Inference Protocol's gRPC service, as its `.proto` numbers them.

A map is a list of keys with values, which is the same on the wire. protobuf, which TensorFlow
brings, is imported with the first call.
"""

from __future__ import annotations

from functools import cache
from typing import Any

PACKAGE = "inference"
_TENSOR = "1 string name, 2 string datatype, 3 list int64 shape"
#: Of each message its fields: number, type and name, `list` before those of several values.
_MESSAGES = {
    "ServerLiveRequest": "",
    "ServerLiveResponse": "1 bool live",
    "ServerReadyRequest": "",
    "ServerReadyResponse": "1 bool ready",
    "ModelReadyRequest": "1 string name, 2 string version",
    "ModelReadyResponse": "1 bool ready",
    "ServerMetadataRequest": "",
    "ServerMetadataResponse": "1 string name, 2 string version, 3 list string extensions",
    "ModelMetadataRequest": "1 string name, 2 string version",
    "ModelMetadataResponse": "1 string name, 2 list string versions, 3 string platform, "
    "4 list TensorMetadata inputs, 5 list TensorMetadata outputs",
    "TensorMetadata": _TENSOR,
    "ModelInferRequest": "1 string model_name, 2 string model_version, 3 string id, "
    "4 list Parameter parameters, 5 list InputTensor inputs, 6 list Output outputs, "
    "7 list bytes raw_input_contents",
    "ModelInferResponse": "1 string model_name, 2 string model_version, 3 string id, "
    "5 list OutputTensor outputs, 6 list bytes raw_output_contents",
    "InputTensor": f"{_TENSOR}, 4 list Parameter parameters, 5 Contents contents",
    "OutputTensor": _TENSOR,
    "Output": "1 string name, 2 list Parameter parameters",
    "Parameter": "1 string key, 2 Value value",
    "Value": "1 bool bool_param, 2 int64 int64_param, 3 string string_param, "
    "4 double double_param, 5 uint64 uint64_param",
    "Contents": "1 list bool bool_contents, 2 list int32 int_contents, "
    "3 list int64 int64_contents, 4 list uint32 uint_contents, 5 list uint64 uint64_contents, "
    "6 list float fp32_contents, 7 list double fp64_contents, 8 list bytes bytes_contents",
}
_SCALARS = frozenset({"bool", "bytes", "double", "float", "int32", "int64", "string"}) | {
    "uint32",
    "uint64",
}


def message(name: str) -> Any:
    """Return a new, empty message."""
    return _classes()[name]()


@cache
def _classes() -> dict[str, Any]:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="inference", package=PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        own = file.message_type.add(name=name)
        for told in filter(None, fields.split(", ")):
            number, *repeated, kind, field = told.split()
            label = "LABEL_REPEATED" if repeated else "LABEL_OPTIONAL"
            declared = own.field.add(name=field, number=int(number), label=label)
            if kind in _SCALARS:
                declared.type = f"TYPE_{kind.upper()}"
            else:
                declared.type, declared.type_name = "TYPE_MESSAGE", f".{PACKAGE}.{kind}"
            if own.name == "Value":
                declared.oneof_index = 0
        if own.name == "Value":
            own.oneof_decl.add(name="choice")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))
        for name in _MESSAGES
    }

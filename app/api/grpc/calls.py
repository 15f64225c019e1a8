"""What each call of the service asks of `/v2`, and what it makes of the answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from app.api.grpc.messages import message
from app.api.v2.datatypes import BYTES, NUMBERS, bytes_of, texts
from app.api.v2.reading import ALL_BINARY, BINARY, HEADER, SIZE

# gRPC's codes for the statuses of `/v2`; any other is UNKNOWN.
_CODES = {
    400: 3,  # INVALID_ARGUMENT
    404: 5,  # NOT_FOUND
    405: 12,  # UNIMPLEMENTED
    413: 8,  # RESOURCE_EXHAUSTED
    429: 8,
    499: 1,  # CANCELLED
    500: 13,  # INTERNAL
    502: 14,  # UNAVAILABLE
    503: 14,
    504: 4,  # DEADLINE_EXCEEDED
}
# Where the elements of a tensor stand that is not raw.
_CONTENTS = {
    "BOOL": "bool_contents",
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    "INT64": "int64_contents",
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    BYTES: "bytes_contents",
}


class CallError(Exception):
    """A call that is not answered: gRPC's code, and why."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True)
class Asked:
    """A request to `/v2`; without a body it is a GET."""

    path: str
    body: bytes | None = None
    header_bytes: int = 0


@dataclass
class Said:
    """What `/v2` answered; the headers by their names in small letters."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Call:
    """One method of the service."""

    name: str
    request: Callable[[Any], Asked]
    fill: Callable[[Any, Said], None]
    is_of_readiness: bool = False

    def ask(self, data: bytes) -> Asked:
        """Return what a message asks; raises CallError."""
        sent = message(f"{self.name}Request")
        try:
            sent.ParseFromString(data)
        except Exception as error:
            # protobuf's own, which is not imported before it is needed.
            raise CallError(3, f"the message is no {self.name}Request") from error
        return self.request(sent)

    def answer(self, said: Said) -> bytes | CallError:
        """Return the message with the answer, or why there is none."""
        is_told = said.status == 200 or (self.is_of_readiness and said.status == 503)
        if not is_told:
            return CallError(_CODES.get(said.status, 2), _reason(said))
        made = message(f"{self.name}Response")
        self.fill(made, said)
        return bytes(made.SerializeToString())


def _reason(said: Said) -> str:
    try:
        return str(json.loads(said.body)["error"])
    except (ValueError, TypeError, KeyError):
        return f"status {said.status}"


def _of_model(name: str, version: str, tail: str = "") -> str:
    """Return the path of a model, as WSGI has paths; raises CallError."""
    if not name:
        raise CallError(3, "the name of the model is empty")
    path = f"/v2/models/{name}" + (f"/versions/{version}" if version else "") + tail
    return path.encode().decode("latin-1")


def _infer(sent: Any) -> Asked:
    """Return the request with all tensors as bytes behind the JSON; raises CallError."""
    raw = [*sent.raw_input_contents]
    if raw and len(raw) != len(sent.inputs):
        raise CallError(3, f"there are {len(sent.inputs)} inputs, and raw contents of {len(raw)}")
    inputs = []
    parts = [
        part if raw else _elements(one)
        for one, part in zip(sent.inputs, raw or [b""] * len(sent.inputs), strict=True)
    ]
    for one, part in zip(sent.inputs, parts, strict=True):
        told = {"name": one.name, "datatype": one.datatype, "shape": [*one.shape]}
        inputs.append({**told, "parameters": {**_values(one.parameters), SIZE: len(part)}})
    document: dict[str, Any] = {
        "inputs": inputs,
        "parameters": {**_values(sent.parameters), ALL_BINARY: True},
    }
    if sent.outputs:
        document["outputs"] = [
            {"name": one.name, "parameters": {**_values(one.parameters), BINARY: True}}
            for one in sent.outputs
        ]
    if sent.id:
        document["id"] = sent.id
    header = json.dumps(document).encode()
    path = _of_model(sent.model_name, sent.model_version, "/infer")
    return Asked(path, b"".join((header, *parts)), len(header))


def _elements(tensor: Any) -> bytes:
    """Return the elements of a tensor that is not raw; raises CallError."""
    place = _CONTENTS.get(tensor.datatype)
    if place is None:
        # What it is `/v2` refuses, or it has to be raw, as FP16.
        return b""
    values = [*getattr(tensor.contents, place)]
    if tensor.datatype == BYTES:
        return bytes_of(texts(values))
    try:
        return np.array(values, NUMBERS[tensor.datatype]).tobytes()
    except OverflowError:
        told = f"{tensor.name}: {place} hold a number that {tensor.datatype} cannot"
        raise CallError(3, told) from None


def _values(parameters: Any) -> dict[str, Any]:
    """Return parameters as JSON has them."""
    chosen = {one.key: (one.value, one.value.WhichOneof("choice")) for one in parameters}
    return {key: value and getattr(holder, value) for key, (holder, value) in chosen.items()}


def _inferred(made: Any, said: Said) -> None:
    split = int(said.headers[HEADER.lower()])
    document, rest = json.loads(said.body[:split]), memoryview(said.body)[split:]
    made.model_name, made.model_version = document["model_name"], document["model_version"]
    made.id = document.get("id", "")
    for one in document["outputs"]:
        made.outputs.add(name=one["name"], datatype=one["datatype"], shape=one["shape"])
        size = one["parameters"][SIZE]
        made.raw_output_contents.append(bytes(rest[:size]))
        rest = rest[size:]


def _told(made: Any, said: Said) -> None:
    from google.protobuf import json_format

    json_format.Parse(said.body, made)


def _is_ready(made: Any, said: Said) -> None:
    made.ready = said.status == 200


#: The methods by their names.
CALLS = {
    call.name: call
    for call in (
        Call("ServerLive", lambda sent: Asked("/v2/health/live"), _told),
        Call("ServerReady", lambda sent: Asked("/v2/health/ready"), _is_ready, True),
        Call(
            "ModelReady",
            lambda sent: Asked(_of_model(sent.name, sent.version, "/ready")),
            _is_ready,
            True,
        ),
        Call("ServerMetadata", lambda sent: Asked("/v2"), _told),
        Call("ModelMetadata", lambda sent: Asked(_of_model(sent.name, sent.version)), _told),
        Call("ModelInfer", _infer, _inferred),
    )
}

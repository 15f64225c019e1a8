"""What a SavedModel's signatures take and give: names, dtypes, shapes without the batch axis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from app.kinds.batches import Port, Served
from app.kinds.frameworks import tf
from app.kinds.kind import ModelError
from app.kinds.saved_model.files import GRAPH
from app.kinds.saved_model.program import Program
from app.kinds.saved_model.reading import node_of

_MOST_SIGNATURES = 256
SERVING, PREDICT = "serving_default", "predict"
_NUMBERS, _TEXT = frozenset("biuf"), "O"
_PICTURE_OPS = frozenset(
    {"DecodeJpeg", "DecodePng", "DecodeImage", "DecodeBmp", "DecodeAndCropJpeg", "DecodeGif"}
)


def signatures_of(program: Program, told: Mapping[str, Any]) -> dict[str, Served]:
    """Return the signatures that can be served; raises ModelError where there are none."""
    if len(told) > _MOST_SIGNATURES:
        raise ModelError(f"{GRAPH} has {len(told):,} signatures; {_MOST_SIGNATURES} are allowed")
    found: dict[str, Served] = {}
    reasons = []
    for name, signature in told.items():
        if reason := _unservable(signature):
            reasons.append(f"{name}: {reason}")
        else:
            found[name] = _served(program, name, signature)
    if not found:
        raise ModelError(f"{GRAPH} has no signature to serve{_because(reasons)}")
    return found


def default_of(names: Mapping[str, Served], asked: str | None) -> str:
    """Return the signature of requests that name none; raises ModelError."""
    told = ", ".join(names)
    if asked is not None:
        if asked not in names:
            raise ModelError(f"signature is {asked!r}; {GRAPH} has {told}")
        return asked
    for name in (SERVING, PREDICT, *(names if len(names) == 1 else ())):
        if name in names:
            return name
    raise ModelError(
        f"{GRAPH} has several signatures, {told}: name one in model.yaml, `signature: "
        f"{next(iter(names))}`"
    )


def _because(reasons: list[str]) -> str:
    return f": {'; '.join(reasons)}" if reasons else "; export it with one"


def _unservable(signature: Any) -> str | None:
    if not signature.outputs:
        return "it has no outputs"
    for name, info in (*signature.inputs.items(), *signature.outputs.items()):
        if info.WhichOneof("encoding") != "name":
            return f"{name} is a sparse or composite tensor"
        if _dtype(info.dtype) is None:
            return f"{name} is of the type {_type_name(info.dtype)}"
    return None


def _served(program: Program, name: str, signature: Any) -> Served:
    inputs = [_port(program, key, info) for key, info in sorted(signature.inputs.items())]
    outputs = tuple(_port(program, key, info) for key, info in sorted(signature.outputs.items()))
    texts = [port for port in inputs if port.dtype.kind == _TEXT]
    if len(texts) == 1 and _decodes(program, outputs):
        inputs[inputs.index(texts[0])] = replace(texts[0], role="picture")
    return Served(name, (), outputs).with_inputs(tuple(inputs))


def _port(program: Program, name: str, info: Any) -> Port:
    dtype = _dtype(info.dtype)
    assert dtype is not None
    node = program.graph.node(node_of(info.name))
    return Port(
        name,
        info.name,
        dtype,
        _shape(info.tensor_shape) or program.shape(info.name),
        "text" if dtype.kind == _TEXT else "number",
        is_optional=node.op == "PlaceholderWithDefault",
    )


def _shape(told: Any) -> tuple[int | None, ...] | None:
    """Return the shape that a signature tells; None where it tells none, or a scalar's."""
    if told.unknown_rank:
        return None
    return tuple(side.size if side.size >= 0 else None for side in told.dim)


def _decodes(program: Program, outputs: tuple[Port, ...]) -> bool:
    reached = program.graph.reached({node_of(port.tensor) for port in outputs})
    return any(place.node.op in _PICTURE_OPS for place in reached)


def _dtype(number: int) -> np.dtype[Any] | None:
    """Return numpy's type; None for what JSON has no form for."""
    try:
        dtype = np.dtype(tf.dtypes.as_dtype(number).base_dtype.as_numpy_dtype)
    except (TypeError, KeyError):
        return None
    is_plain = dtype.kind == _TEXT or (dtype.kind in _NUMBERS and dtype.isbuiltin == 1)
    return dtype if is_plain else None


def _type_name(number: int) -> str:
    try:
        return str(tf.dtypes.as_dtype(number).name)
    except TypeError:
        return f"number {number}"

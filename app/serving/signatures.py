"""Whether inputs are what a model's signature says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.kinds.kind import Field, InputError, LoadedModel, Signature
from app.kinds.tensors import Tensors

_TEXT = "bytes"


def signature_of(model: LoadedModel, asked: Mapping[str, Any]) -> Signature:
    """Return the signature that a request asks for: the model's own, or one that its facts tell."""
    told = model.facts.get("signatures", {}).get(asked.get("signature"))
    if told is None:
        return model.signature
    inputs, outputs = (
        tuple(
            Field(
                one["name"],
                one["dtype"],
                tuple(one["shape"]),
                one["role"],
                one.get("is_optional", False),
            )
            for one in told[side]
        )
        for side in ("inputs", "outputs")
    )
    return Signature(inputs, outputs)


def check_inputs(signature: Signature, inputs: Tensors) -> None:
    """Raise InputError unless there is each input, or it is optional, of its type and shape."""
    for field in signature.inputs:
        if field.name not in inputs:
            if field.is_optional:
                continue
            raise InputError(f"the input {field.name!r} is not there")
        _check(field, inputs)
    known = {field.name for field in signature.inputs}
    if unknown := next((name for name in inputs if name not in known), None):
        raise InputError(f"there is no input {unknown!r}; there are {', '.join(sorted(known))}")


def _check(field: Field, inputs: Tensors) -> None:
    array = inputs[field.name]
    dtype = _TEXT if array.dtype == object else array.dtype.name
    if dtype != field.dtype:
        raise InputError(f"the input {field.name!r} is of {dtype}; {field.dtype} is expected")
    fits = len(array.shape) == len(field.shape) and all(
        wanted in (None, side) for side, wanted in zip(array.shape, field.shape, strict=True)
    )
    if not fits or not array.size:
        expected = " x ".join("any" if side is None else str(side) for side in field.shape)
        given = " x ".join(map(str, array.shape)) or "a scalar"
        raise InputError(
            f"the input {field.name!r} is {given}; {expected or 'a scalar'} is expected"
        )

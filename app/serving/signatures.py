"""Whether inputs are what a model's signature says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.kinds.kind import Field, InputError, LoadedModel, Signature
from app.kinds.tensors import Tensors
from app.serving.packing import name_of

#: Signatures by what a request may ask for: None, for the model's own, and the names in its facts.
Signatures = Mapping[str | None, Signature]


def signatures_of(model: LoadedModel) -> Signatures:
    """Return all signatures of a model."""
    told = model.facts.get("signatures", {})
    return {None: model.signature} | {name: _signature(one) for name, one in told.items()}


def signature_of(signatures: Signatures, asked: Mapping[str, Any]) -> Signature:
    """Return the signature that a request asks for, the model's own where it names none."""
    return signatures.get(asked.get("signature"), signatures[None])


def _signature(told: Mapping[str, Any]) -> Signature:
    inputs, outputs = (
        tuple(
            Field(
                one["name"],
                one["dtype"],
                tuple(one["shape"]),
                one.get("role", "number"),
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
    dtype = name_of(array)
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

"""What an inference request carries: a JSON header, and tensors in it or as bytes behind it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from werkzeug import Request

from app.api import inputs, strict_json
from app.api.predicting import Ready
from app.api.problems import ProblemError
from app.api.signatures import Declared, served
from app.api.v2.datatypes import BYTES, NUMBERS, name_of, texts, texts_of
from app.kinds.face import Parsed
from app.kinds.registry import faces
from app.serving.client import Chosen

#: How many bytes of the body the JSON is; tensors follow.
HEADER = "Inference-Header-Content-Length"
BINARY, SIZE, ALL_BINARY = "binary_data", "binary_data_size", "binary_data_output"
_SIGNATURE = "signature_name"
# Triton's clients send them unasked; nothing here is scheduled by them.
_OF_SCHEDULERS = ("priority", "timeout", "sequence_id", "sequence_start", "sequence_end")
_MOST_AXES, _MOST_DIGITS = 32, 18


@dataclass(frozen=True, eq=False)
class Infer:
    """One request: its tensors by name, and what is wanted of the answer.

    `outputs` has for each that is wanted whether it is to be bytes; None wants all.
    """

    tensors: Mapping[str, NDArray[Any]]
    outputs: Mapping[str, bool] | None
    parameters: Mapping[str, Any]
    id: str | None = None
    is_binary: bool = False

    @property
    def signature(self) -> str | None:
        """The signature that is asked for; None is the default one."""
        name = self.parameters.get(_SIGNATURE)
        return None if name is None else str(name)

    @property
    def others(self) -> dict[str, Any]:
        """The parameters that are for the model's face."""
        own = {_SIGNATURE, ALL_BINARY, *_OF_SCHEDULERS}
        return {name: value for name, value in self.parameters.items() if name not in own}


@dataclass
class _Body:
    """The document, and the bytes behind it that no tensor has taken yet."""

    document: dict[str, Any]
    rest: memoryview = field(default_factory=lambda: memoryview(b""))

    def take(self, size: object, name: str) -> bytes:
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= len(self.rest):
            raise _unfit(f"{name}: {SIZE} is {size!r}; {len(self.rest)} bytes are left")
        taken, self.rest = self.rest[:size], self.rest[size:]
        return bytes(taken)


def read(request: Request) -> Infer:
    """Return what the request carries; raises ProblemError."""
    body = _body(request)
    document = body.document
    entries = document.get("inputs")
    if not isinstance(entries, list) or not entries:
        raise _unfit("`inputs` has to be a list of tensors, not empty")
    tensors = {}
    for index, entry in enumerate(entries):
        name, array = _tensor(entry, f"inputs[{index}]", body)
        if name in tensors:
            raise _unfit(f"the input {name!r} is given twice")
        tensors[name] = array
    if body.rest:
        raise _unfit(f"{len(body.rest)} bytes are left behind the last tensor")
    parameters = _object(document.get("parameters"), "parameters")
    is_binary = parameters.get(ALL_BINARY) is True
    return Infer(
        tensors, _outputs(document, is_binary=is_binary), parameters, _id(document), is_binary
    )


def instances(sent: Infer, chosen: Chosen) -> list[tuple[Any, str]]:
    """Return each instance of the batch, as a model of values takes it; raises ProblemError."""
    signature = served(chosen)
    declared = {one["name"]: one for one in signature.inputs}
    for name in sent.tensors:
        if name not in declared:
            raise _unfit(f"there is no input {name!r}; there are {', '.join(declared)}")
    missing = [
        one["name"]
        for one in signature.inputs
        if one["name"] not in sent.tensors and not one.get("is_optional")
    ]
    if missing:
        raise _unfit(f"expected {len(declared)} inputs; {', '.join(missing)} is missing")
    whole = {name: _cast(array, declared[name]) for name, array in sent.tensors.items()}
    if not signature.is_batched:
        shaped = {name: _shaped(array, declared[name]) for name, array in whole.items()}
        return [(Ready(Parsed(shaped), 0.0), "inputs")]
    count = batch(whole, faces()[chosen.face].most_inputs)
    shaped = {name: _shaped(array, declared[name], count) for name, array in whole.items()}
    return [
        (Ready(Parsed({name: array[index, ...] for name, array in shaped.items()}), 0.0), "inputs")
        for index in range(count)
    ]


def batch(tensors: Mapping[str, NDArray[Any]], most: int) -> int:
    """Return how many instances the tensors hold; raises ProblemError."""
    counts = {name: len(array) if array.ndim else 0 for name, array in tensors.items()}
    if len({*counts.values()}) > 1:
        told = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise _unfit(f"the inputs are batches of different lengths: {told}")
    count = next(iter(counts.values()))
    if not 1 <= count <= most:
        raise _unfit(f"a batch of 1 to {most:,} is taken, on the first axis; it is {count:,}")
    return count


def _body(request: Request) -> _Body:
    data = inputs.unpacked(request)
    length = request.headers.get(HEADER)
    if length is None:
        return _Body(_object(strict_json.parse(data), "the body"))
    is_number = length.isascii() and length.isdigit() and len(length) <= _MOST_DIGITS
    if not (is_number and int(length) <= len(data)):
        raise _unfit(f"header {HEADER!r} is {length[:80]!r}: the body has {len(data):,} bytes")
    document = strict_json.parse(data[: int(length)])
    return _Body(_object(document, "the body"), memoryview(data)[int(length) :])


def _tensor(entry: object, place: str, body: _Body) -> tuple[str, NDArray[Any]]:
    tensor = _object(entry, place)
    name, shape, datatype = (tensor.get(key) for key in ("name", "shape", "datatype"))
    if not isinstance(name, str) or not name:
        raise _unfit(f"{place} has no name")
    if not isinstance(shape, list) or not all(_is_side(side) for side in shape):
        raise _unfit(f"{name}: the shape has to be a list of whole numbers")
    if len(shape) > _MOST_AXES:
        raise _unfit(f"{name}: the shape has {len(shape)} axes; at most {_MOST_AXES} are taken")
    if datatype not in (BYTES, *NUMBERS):
        raise _unfit(f"{name}: the datatype is {datatype!r}; one of {BYTES}, {', '.join(NUMBERS)}")
    size = _object(tensor.get("parameters"), f"{place}.parameters").get(SIZE)
    if size is not None:
        values = _of_bytes(body.take(size, name), str(datatype), name)
    else:
        values = _of_json(tensor.get("data"), str(datatype), name)
    if values.size != math.prod(shape):
        raise _unfit(
            f"{name}: the shape is {shape}, of {math.prod(shape):,} elements; "
            f"there are {values.size:,}"
        )
    try:
        return name, values.reshape(shape)
    except ValueError:
        # Of no elements, with axes beyond what any array has.
        raise _unfit(f"{name}: the shape is {shape}, which is too large") from None


def _of_bytes(data: bytes, datatype: str, name: str) -> NDArray[Any]:
    try:
        if datatype == BYTES:
            return texts(texts_of(data))
        if datatype == "BOOL":
            return np.frombuffer(data, np.uint8) != 0
        return np.frombuffer(data, np.dtype(NUMBERS[datatype]).newbyteorder("<"))
    except ValueError as error:
        raise _unfit(f"{name}: the {len(data):,} bytes are no {datatype}: {error}") from None


def _of_json(data: object, datatype: str, name: str) -> NDArray[Any]:
    values = _flattened(data) if isinstance(data, list) else None
    if values is None:
        raise _unfit(f"{name} has neither `data`, a list, nor {SIZE} in its parameters")
    if datatype == BYTES:
        if not all(isinstance(value, str) for value in values):
            raise _unfit(f"{name}: {BYTES} in JSON are texts")
        return texts([value.encode() for value in values])
    dtype = np.dtype(NUMBERS[datatype])
    if not all(_is_a(value, dtype.kind) for value in values):
        raise _unfit(f"{name}: `data` holds something else than {datatype}")
    try:
        with np.errstate(over="raise"):
            return np.array(values, dtype)
    except (OverflowError, FloatingPointError):
        raise _unfit(f"{name}: `data` holds a number that {datatype} cannot") from None


def _is_a(value: object, kind: str) -> bool:
    if kind == "b" or isinstance(value, bool):
        return kind == "b" and isinstance(value, bool)
    return isinstance(value, int) or (kind == "f" and isinstance(value, float))


def _flattened(values: list[Any]) -> list[Any]:
    """Return all elements of nested lists, in row-major order."""
    while any(isinstance(value, list) for value in values):
        values = [
            inner for value in values for inner in (value if isinstance(value, list) else [value])
        ]
    return values


def _cast(array: NDArray[Any], declared: Declared) -> NDArray[Any]:
    """Return a tensor in the type that is declared, where no element changes but by rounding."""
    name, dtype = declared["name"], declared["dtype"]
    given = name_of(array.dtype.name)
    if dtype == "bytes" or array.dtype == object:
        if dtype == "bytes" and array.dtype == object:
            return array
        raise _unfit(f"{name}: the datatype is {given}; {name_of(dtype)} is expected")
    wanted = np.dtype(dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        cast = array.astype(wanted)
    is_kept = (array.dtype.kind == "b") == (wanted.kind == "b")
    if wanted.kind == "f":
        is_kept = is_kept and bool((np.isfinite(cast) | ~np.isfinite(array)).all())
    else:
        is_kept = is_kept and array.dtype.kind != "f" and bool((cast == array).all())
    if not is_kept:
        raise _unfit(f"{name}: the datatype is {given}; {name_of(dtype)} is expected")
    return cast


def _shaped(array: NDArray[Any], declared: Declared, count: int | None = None) -> NDArray[Any]:
    """Return a tensor in the shape that is declared; axes of one may be there or not."""
    wanted = [*([] if count is None else [count]), *declared["shape"]]
    fits = len(wanted) == array.ndim and all(
        side in (None, given) for side, given in zip(wanted, array.shape, strict=True)
    )
    if fits and array.size:
        return array
    sides = [1 if side is None else side for side in wanted]
    if array.size != math.prod(sides) or array.size not in (1, count):
        told = [-1 if side is None else side for side in declared["shape"]]
        told = told if count is None else [-1, *told]
        raise _unfit(f"{declared['name']}: the shape is {[*array.shape]}; {told} is expected")
    return array.reshape(sides)


def _outputs(document: Mapping[str, Any], *, is_binary: bool) -> dict[str, bool] | None:
    entries = document.get("outputs")
    if entries is None:
        return None
    if not isinstance(entries, list):
        raise _unfit("`outputs` has to be a list")
    wanted: dict[str, bool] = {}
    for index, entry in enumerate(entries):
        output = _object(entry, f"outputs[{index}]")
        name = output.get("name")
        if not isinstance(name, str):
            raise _unfit(f"outputs[{index}] has no name")
        parameters = _object(output.get("parameters"), f"outputs[{index}].parameters")
        if parameters.get("classification"):
            raise _unfit(f"{name}: the extension `classification` is not there")
        wanted[name] = parameters.get(BINARY, is_binary) is True
    return wanted or None


def _id(document: Mapping[str, Any]) -> str | None:
    found = document.get("id")
    if found is not None and not isinstance(found, str):
        raise _unfit("`id` has to be a text")
    return found


def _object(value: object, place: str) -> dict[str, Any]:
    if value is None and place != "the body":
        return {}
    if not isinstance(value, dict):
        raise _unfit(f"{place} has to be an object")
    return value


def _is_side(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31


def _unfit(detail: str) -> ProblemError:
    return ProblemError("invalid-input", detail)

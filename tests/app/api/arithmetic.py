"""Small, genuine models of values, so that protocols are tested without TensorFlow.

A model file is JSON, `{"arithmetic": NAME}`, with a name of `MODELS`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from app.kinds.face import Face
from app.kinds.kind import Field, InputError, Inspection, ModelSource, Signature
from app.kinds.options import Options
from app.kinds.tensors import Tensors
from app.kinds.values import VALUES

Run = Callable[[Tensors], dict[str, np.ndarray]]


def _number(name: str, dtype: str = "float32", shape: list[int | None] | None = None) -> Any:
    shape = [1] if shape is None else shape
    return {"name": name, "dtype": dtype, "shape": shape, "role": "number"}


def _text(name: str) -> Any:
    return {"name": name, "dtype": "bytes", "shape": [], "role": "text"}


def _mixed(inputs: Tensors) -> dict[str, np.ndarray]:
    with np.errstate(all="ignore"):
        ratio = np.asarray(inputs["number"] / inputs["count"], np.float32)
    return {
        "ratio": ratio,
        "shout": np.array(inputs["word"].item().upper(), object),
        "as_bytes": np.array(inputs["word"].item(), object),
        "any": np.asarray(inputs["flags"].any()),
    }


def _classes(inputs: Tensors) -> dict[str, np.ndarray]:
    scores = np.concatenate([inputs["x"], 1 - inputs["x"]]).astype(np.float32)
    return {"classes": np.array([b"yes", b"no"], object), "scores": scores}


_ECHOED = [
    _number("int_tensor", "int32", [3, 2]),
    {**_text("str_tensor"), "shape": [2]},
    _number("float_tensor", shape=[2]),
    _number("dbl_tensor", "float64", [1]),
]
#: Of each model its signatures: inputs, outputs, and what is between them.
MODELS: dict[str, dict[str, tuple[list[Any], list[Any], Run]]] = {
    "half_plus_two": {
        "serving_default": (
            [_number("x")],
            [_number("y")],
            lambda inputs: {"y": inputs["x"] / np.float32(2) + np.float32(2)},
        ),
        "classify": (
            [_number("x")],
            [{**_text("classes"), "shape": [2]}, _number("scores", shape=[2])],
            _classes,
        ),
        "length": (
            [_text("inputs")],
            [_number("outputs", "int64")],
            lambda inputs: {"outputs": np.array([len(inputs["inputs"].item())])},
        ),
    },
    "mixed": {
        "serving_default": (
            [
                _number("number", "float64", []),
                _number("count", "int64", []),
                _text("word"),
                _number("flags", "bool", [None]),
            ],
            [
                _number("ratio", shape=[]),
                _text("shout"),
                _text("as_bytes"),
                _number("any", "bool", []),
            ],
            _mixed,
        ),
    },
    "scaled": {
        "serving_default": (
            [_number("x"), {**_number("factor"), "is_optional": True}],
            [_number("y")],
            lambda inputs: {"y": inputs["x"] * inputs.get("factor", np.float32(10))},
        ),
    },
    # The tensors of TensorFlow Serving's own tests of its JSON.
    "echo": {
        "serving_default": (
            _ECHOED,
            [*_ECHOED, {**_text("str_tensor_bytes"), "shape": [2]}],
            lambda inputs: {**inputs, "str_tensor_bytes": inputs["str_tensor"]},
        ),
    },
    "whole": {
        "serving_default": (
            [_number("matrix", shape=[2, None])],
            [_number("sums", shape=[2])],
            lambda inputs: {"sums": inputs["matrix"].sum(axis=1)},
        ),
    },
}


class Arithmetic:
    """Loads `{"arithmetic": NAME}`, perhaps with `delay_s`."""

    name, faces, options = "arithmetic", (VALUES,), Options

    def face_of(self, options: Mapping[str, Any]) -> Face:
        return VALUES

    def recognises(self, path: Path) -> bool:
        try:
            return "arithmetic" in json.loads(path.read_bytes())
        except (OSError, ValueError, TypeError):
            return False

    def refusal(self, path: Path) -> str:
        return f"{path.name} holds no arithmetic"

    def inspect(self, path: Path) -> Inspection:
        return Inspection("arithmetic", [])

    def examine(self, source: ModelSource) -> dict[str, Any]:
        return {}

    def load(self, source: ModelSource) -> LoadedArithmetic:
        return LoadedArithmetic(**json.loads(source.path.read_bytes()))


class LoadedArithmetic:
    def __init__(self, arithmetic: str, delay_s: float = 0.0) -> None:
        self._signatures, self._delay_s = MODELS[arithmetic], delay_s
        is_batched = arithmetic != "whole"
        self.facts = {
            "signatures": {
                name: {"inputs": inputs, "outputs": outputs, "is_batched": is_batched}
                for name, (inputs, outputs, _) in self._signatures.items()
            },
            "default_signature": "serving_default",
        }

    @property
    def signature(self) -> Signature:
        inputs, outputs, _ = self._signatures["serving_default"]
        return Signature(
            *(
                tuple(Field(**{**one, "shape": tuple(one["shape"])}) for one in side)
                for side in (inputs, outputs)
            )
        )

    def describe(self) -> dict[str, Any]:
        return {}

    def warm_up(self) -> None:
        pass

    def check(self, inputs: Tensors) -> None:
        if any((array == 99).any() for array in inputs.values() if array.dtype.kind == "f"):
            raise InputError("99 is not known to the model")

    def together(self, inputs: Tensors, asked: Mapping[str, Any]) -> None:
        return None

    def predict(
        self, inputs: Sequence[Tensors], asked: Sequence[Mapping[str, Any]]
    ) -> list[Tensors]:
        time.sleep(self._delay_s)
        return [
            self._signatures[one.get("signature") or "serving_default"][2](given)
            for given, one in zip(inputs, asked, strict=True)
        ]

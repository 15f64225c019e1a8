"""A kind for the tests: what a house costs, from values of every sort that a signature knows.

Its files are JSON, `{"prices": {…}}`; with a `delay_s` in there it takes so long.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from app.kinds.face import Face
from app.kinds.kind import Field, InputError, Inspection, ModelError, ModelSource, Signature
from app.kinds.options import Options
from app.kinds.tensors import Tensors
from app.kinds.values import VALUES

PLACES = ["harbour", "hill", "river"]
INPUTS: list[dict[str, Any]] = [
    {"name": "area", "dtype": "float64", "shape": [], "role": "number"},
    {"name": "rooms", "dtype": "int64", "shape": [], "role": "number"},
    {"name": "garden", "dtype": "bool", "shape": [], "role": "number"},
    {"name": "place", "dtype": "bytes", "shape": [], "role": "text", "categories": PLACES},
    {"name": "note", "dtype": "bytes", "shape": [1], "role": "text"},
    {"name": "distances", "dtype": "float32", "shape": [3], "role": "number"},
    {"name": "front", "dtype": "bytes", "shape": [], "role": "picture"},
]
OUTPUTS: list[dict[str, Any]] = [
    {"name": "price", "dtype": "float64", "shape": [1]},
    {"name": "buyer_probs", "dtype": "float64", "shape": [3]},
    {"name": "buyer_values", "dtype": "bytes", "shape": [3]},
    {"name": "told", "dtype": "bytes", "shape": []},
]


class Prices:
    name, faces, options = "prices", (VALUES,), Options

    def face_of(self, options: Mapping[str, Any]) -> Face:
        return VALUES

    def recognises(self, path: Path) -> bool:
        return path.read_bytes().startswith(b'{"prices"')

    def refusal(self, path: Path) -> str:
        return f"{path.name} holds no prices"

    def inspect(self, path: Path) -> Inspection:
        return Inspection("prices", [("places", ", ".join(PLACES))])

    def examine(self, source: ModelSource) -> dict[str, Any]:
        prices = json.loads(source.path.read_bytes())["prices"]
        if not isinstance(prices, dict):
            raise ModelError(f"{source.path.name}: prices is {prices!r}; a mapping is allowed")
        return {}

    def load(self, source: ModelSource) -> LoadedPrices:
        self.examine(source)
        return LoadedPrices(json.loads(source.path.read_bytes())["prices"])


class LoadedPrices:
    signature = Signature(
        tuple(Field(one["name"], one["dtype"], tuple(one["shape"]), one["role"]) for one in INPUTS),
        tuple(Field(one["name"], one["dtype"], tuple(one["shape"])) for one in OUTPUTS),
    )

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._delay_s = values.get("delay_s", 0)
        self.facts = {
            "signatures": {"serving_default": {"inputs": INPUTS, "outputs": OUTPUTS}},
            "default_signature": "serving_default",
            "warnings": ["prices are in euros"],
        }

    def describe(self) -> dict[str, Any]:
        return {}

    def warm_up(self) -> None:
        pass

    def check(self, inputs: Tensors) -> None:
        if inputs["rooms"] > 1000:
            raise InputError(f"no house has {inputs['rooms']} rooms")

    def together(self, inputs: Tensors, asked: Mapping[str, Any]) -> None:
        return None

    def predict(
        self, inputs: Sequence[Tensors], asked: Sequence[Mapping[str, Any]]
    ) -> list[Tensors]:
        time.sleep(self._delay_s)
        return [self._priced(one) for one in inputs]

    def _priced(self, inputs: Tensors) -> Tensors:
        price = 1000 * inputs["area"] + 5000 * inputs["rooms"] + 20_000 * inputs["garden"]
        price = price - inputs["distances"].sum(dtype=np.float64)
        place, note, front = (inputs[name].reshape(-1)[0] for name in ("place", "note", "front"))
        told = f"{place.decode()}, {note.decode()}, rooms {inputs['rooms']}, {len(front)} bytes"
        return {
            "price": price.reshape(1),
            "buyer_probs": np.array([0.1234567, 0.0004, 0.8761433]),
            "buyer_values": np.array([b"family", b"bank", b"sailor"], object),
            "told": np.array(told.encode(), object),
        }

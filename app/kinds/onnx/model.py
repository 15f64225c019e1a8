"""An ONNX graph whose inputs and outputs are values by their names."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from app.kinds.arrays import TEXT, zeros
from app.kinds.batches import predict
from app.kinds.kind import InputError, ModelSource, Signature
from app.kinds.onnx.files import examine
from app.kinds.onnx.session import NAME, OnnxSession
from app.kinds.tensors import Tensors


def load(source: ModelSource) -> OnnxModel:
    """Give the graph to ONNX Runtime; raises ModelError."""
    return OnnxModel(OnnxSession(source.path, threads=source.threads), examine(source))


class OnnxModel:
    """A graph in memory."""

    def __init__(self, session: OnnxSession, told: dict[str, Any]) -> None:
        self._session, self._told = session, told
        self._served = session.served
        self._texts = [one.name for one in self.signature.inputs if one.dtype == TEXT]
        self._inputs = self._served.facts()["inputs"]
        self.facts = {"signatures": {NAME: self._served.facts()}, "default_signature": NAME}

    @property
    def signature(self) -> Signature:
        """What goes in and what comes out."""
        return self._served.signature

    def describe(self) -> dict[str, Any]:
        """Return exporter, opset and sizes, and what was left out."""
        warnings = self._session.warnings
        return {**self._told, **({"warnings": warnings} if warnings else {})}

    def warm_up(self) -> None:
        """Run zeros once."""
        self._session.try_run({one["name"]: zeros(one) for one in self._inputs})

    def check(self, inputs: Tensors) -> None:
        """Raise InputError for text that is no UTF-8, which ONNX Runtime does not take."""
        for name in self._texts:
            try:
                for one in inputs[name].ravel():
                    one.decode()
            except UnicodeDecodeError:
                told = f"{name} is no UTF-8, which this model's text has to be"
                raise InputError(told, name=name) from None

    def together(self, inputs: Tensors, asked: Mapping[str, Any]) -> Hashable | None:
        """Return the inputs' shapes; None where the graph takes one request at a time."""
        return self._served.together(inputs)

    def predict(
        self, inputs: Sequence[Tensors], asked: Sequence[Mapping[str, Any]]
    ) -> list[Tensors]:
        """Return the outputs for each of the inputs, which share a key of `together`."""
        return predict(self._served, self._session.run, inputs)

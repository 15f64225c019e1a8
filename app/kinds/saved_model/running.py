"""Runs a signature on a batch, raw columns through BigQuery ML's transform first."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.kinds.batches import Port, Served
from app.kinds.saved_model.graph import Origin
from app.kinds.saved_model.program import Program
from app.kinds.saved_model.vocabularies import PASSED_ON
from app.kinds.tensors import Tensors


class Run:
    """One signature of a graph, ready to run.

    Args:
        program: the graph.
        served: the signature.
        before: what makes some of its inputs by their names: the transform.
    """

    def __init__(self, program: Program, served: Served, before: Run | None = None) -> None:
        self.served = served
        self._program = program
        made = {port.name for port in before.served.outputs} if before else set()
        self._before = before if made & {port.name for port in served.inputs} else None
        self._made = frozenset(made)
        self._fetches = [port.tensor for port in served.outputs]
        self._call = program.callable([port.tensor for port in served.inputs], self._fetches)

    @property
    def whole(self) -> Served:
        """The signature as clients meet it, with the transform's inputs for those that it makes."""
        if self._before is None:
            return self.served
        raw = {port.name: port for port in self._before.served.inputs}
        own = {port.name: port for port in self.served.inputs if port.name not in self._made}
        return self.served.with_inputs(tuple((own | raw)[name] for name in sorted(own | raw)))

    def raw_name(self, name: str) -> str | None:
        """Return which input of `whole` an input is, unchanged; None where it is made."""
        if self._before is None or name not in self._made:
            return name
        return self._before.passed_on(name)

    def passed_on(self, output: str) -> str | None:
        """Return the input that an output is, unchanged; None where it is another value."""
        tensor = next(port.tensor for port in self.served.outputs if port.name == output)
        origin = self._program.graph.origin("", tensor, lambda node: PASSED_ON.get(node.op))
        inputs = {_place(port): port.name for port in self.served.inputs}
        return None if origin.function else inputs.get(origin_place(origin))

    def inputs(self, batch: Tensors) -> dict[str, NDArray[Any]]:
        """Return what the graph itself takes, cast to its dtypes, of a batch of `whole`."""
        given = {**batch, **self._before(batch)} if self._before else batch
        return {
            port.name: given[port.name].astype(port.dtype, copy=False)
            for port in self.served.inputs
            if port.name in given
        }

    def __call__(self, batch: Tensors) -> dict[str, NDArray[Any]]:
        """Return the outputs for a batch, with its axis."""
        inputs, ports = self.inputs(batch), self.served.inputs
        if len(inputs) == len(ports):
            found = self._call(*(inputs[port.name] for port in ports))
        else:
            feeds = {port.tensor: inputs[port.name] for port in ports if port.name in inputs}
            found = self._program.run(feeds, self._fetches)
        outputs = zip(self.served.outputs, found, strict=True)
        return {port.name: np.asarray(value) for port, value in outputs}


def origin_place(origin: Origin) -> str:
    """Return an origin as signatures name tensors."""
    return f"{origin.name}:{origin.output}"


def _place(port: Port) -> str:
    return port.tensor if ":" in port.tensor else f"{port.tensor}:0"

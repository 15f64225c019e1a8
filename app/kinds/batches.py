"""Runs of graphs with named inputs and outputs: what they take, several instances at once, in rows.

For kinds whose graphs tell their inputs themselves. A graph takes several instances at once where
the first axis of all its inputs is open; else it gets whole arrays, one request at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.kinds.arrays import TEXT
from app.kinds.kind import Field, Signature
from app.kinds.tensors import Tensors

Role = Literal["picture", "text", "number"]
Run = Callable[[Tensors], dict[str, NDArray[Any]]]


@dataclass(frozen=True)
class Port:
    """One input or output: its tensor, numpy's dtype, and its shape with the batch axis.

    `shape` is None where the graph takes any rank. `is_by_instance` is whether the first axis
    counts instances, as far as is known of this one alone.
    """

    name: str
    tensor: str
    dtype: np.dtype[Any]
    shape: tuple[int | None, ...] | None
    role: Role = "number"
    is_optional: bool = False
    is_by_instance: bool = True

    def field(self, *, is_batched: bool) -> Field:
        """Return the port as clients see it."""
        dtype = TEXT if self.dtype.kind == "O" else self.dtype.name
        shape = self.shape or ()
        own = shape[1:] if is_batched else shape
        return Field(self.name, dtype, own, self.role, self.is_optional)

    @property
    def may_be_batched(self) -> bool:
        """Whether its first axis is one of instances."""
        is_open = self.shape is None or (bool(self.shape) and self.shape[0] is None)
        return is_open and self.is_by_instance


@dataclass(frozen=True)
class Served:
    """One signature: `is_batched` where a run takes several instances at once."""

    name: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    is_batched: bool = False

    @property
    def can_share(self) -> bool:
        """Whether requests may share a run: what comes out is told apart by instances too."""
        return self.is_batched and all(port.may_be_batched for port in self.outputs)

    @property
    def signature(self) -> Signature:
        """The signature as clients see it."""
        return Signature(
            tuple(port.field(is_batched=self.is_batched) for port in self.inputs),
            tuple(
                port.field(is_batched=self.is_batched and port.may_be_batched)
                for port in self.outputs
            ),
        )

    def with_inputs(self, inputs: tuple[Port, ...]) -> Served:
        """Return it with other inputs."""
        is_batched = bool(inputs) and all(port.may_be_batched for port in inputs)
        return replace(self, inputs=inputs, is_batched=is_batched)

    def facts(self, categories: Mapping[str, list[str]] | None = None) -> dict[str, Any]:
        """Return inputs, with the categories of those that have any, and outputs as plain JSON."""
        signature, known = self.signature, categories or {}
        inputs = []
        for field in signature.inputs:
            told = _facts(field)
            if field.name in known and field.dtype == TEXT:
                told["categories"] = known[field.name]
            if field.is_optional:
                told["is_optional"] = True
            inputs.append(told)
        outputs = [_facts(field) for field in signature.outputs]
        return {"inputs": inputs, "outputs": outputs, "is_batched": self.is_batched}

    def together(self, inputs: Tensors) -> Hashable | None:
        """Return a key that inputs share which can be one batch; None for one that goes alone."""
        if not self.can_share:
            return None
        return self.name, tuple((name, inputs[name].shape) for name in sorted(inputs))


def predict(served: Served, run: Run, instances: Sequence[Tensors]) -> list[Tensors]:
    """Return the outputs for each instance; those of several have equal keys of `together`.

    Where what comes out is not told apart by instances, each runs alone.
    """
    if not served.is_batched:
        return [run(one) for one in instances]
    if len(instances) == 1 or served.can_share:
        outputs, count = run(_stacked(instances)), len(instances)
        if count == 1 or all(_is_by_rows(value, count) for value in outputs.values()):
            return [_row(served, outputs, index, count) for index in range(count)]
    return [outputs for one in instances for outputs in predict(served, run, [one])]


def batch_of(served: Served, instance: Tensors) -> Tensors:
    """Return one instance as a run takes it."""
    return _stacked([instance]) if served.is_batched else instance


def _stacked(instances: Sequence[Tensors]) -> dict[str, NDArray[Any]]:
    if len(instances) == 1:
        return {name: value[np.newaxis] for name, value in instances[0].items()}
    batch = {}
    for name, first in instances[0].items():
        # A third of the time that `numpy.stack` takes for single numbers.
        batch[name] = np.empty((len(instances), *first.shape), first.dtype)
        for index, one in enumerate(instances):
            batch[name][index, ...] = one[name]
    return batch


def _is_by_rows(value: NDArray[Any], count: int) -> bool:
    return value.ndim > 0 and len(value) == count


def _row(served: Served, outputs: Tensors, index: int, count: int) -> Tensors:
    # An ellipsis keeps a number an array.
    return {
        port.name: outputs[port.name][index, ...]
        if port.may_be_batched and _is_by_rows(outputs[port.name], count)
        else outputs[port.name]
        for port in served.outputs
    }


def _facts(field: Field) -> dict[str, Any]:
    return {
        "name": field.name,
        "dtype": field.dtype,
        "shape": list(field.shape),
        "role": field.role,
    }

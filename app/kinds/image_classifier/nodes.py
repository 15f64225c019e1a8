"""How layers are wired: the lists that Keras 1 and 2 wrote down, as Keras 3 writes it.

A list names layers by (name, call, output), and what else a call was given stands behind. A model
within a model counted its own making as a call; Keras 3 does not, but for a model's outputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.kinds.image_classifier.arrays import UnfitError

_CONSTANT = "_CONSTANT_VALUE"
# What has no say in a prediction, or is nothing.
_NOT_PASSED = ("training", "mask")


def rewired(
    layers: Sequence[dict[str, Any]], outputs: Any, names: Mapping[str, str]
) -> tuple[list[list[dict[str, Any]]], Any]:
    """Return each layer's calls, and where the outputs come from.

    Args:
        layers: the entries of a model, `inbound_nodes` in each.
        outputs: its `output_layers`.
        names: every layer's name, with the one that it has now.
    """
    calls = _first_calls(layers, outputs)
    wires = _Wires(names, calls)
    nodes = [
        [wires.node(node) for node in entry.get("inbound_nodes") or [] if node] for entry in layers
    ]
    graphs = {_name(entry) for entry in layers if entry["class_name"] == "Functional"}
    return nodes, [wires.output(one, one[0] in graphs) for one in _leaves(outputs)]


class _Wires:
    def __init__(self, names: Mapping[str, str], first: Mapping[str, int]) -> None:
        self._names = names
        self._first = first

    def node(self, node: Any) -> dict[str, Any]:
        """Return one call as Keras 3 writes it."""
        if isinstance(node, dict):
            return node
        if _is_leaf(node) or (node and node[0] == _CONSTANT):
            node = [node]
        if not isinstance(node, list) or not all(isinstance(one, list) for one in node):
            raise UnfitError("its layers are wired in a way that is not read")
        given = [self._value(one) for one in node]
        extra: dict[str, Any] = next(
            (one[3] for one in node if len(one) > 3 and isinstance(one[3], dict)), {}
        )
        named = {
            key: self._argument(value)
            for key, value in extra.items()
            if key not in _NOT_PASSED and value is not None
        }
        return {"args": given if len(given) == 1 else [given], "kwargs": named}

    def output(self, leaf: Sequence[Any], is_graph: bool) -> list[Any]:
        """Return where an output comes from."""
        name, call, place = leaf[:3]
        return [self._now(name), call - self._first.get(name, 0) + is_graph, place]

    def _value(self, one: Any) -> Any:
        if one and one[0] == _CONSTANT:
            return one[2]
        if not _is_leaf(one):
            raise UnfitError("its layers are wired in a way that is not read")
        name, call, place = one[:3]
        history = [self._now(name), call - self._first.get(name, 0), place]
        config = {"shape": [None], "dtype": "float32", "keras_history": history}
        return {"class_name": "__keras_tensor__", "config": config}

    def _argument(self, value: Any) -> Any:
        if _is_leaf(value) and value[0] in self._names:
            return self._value(value)
        if isinstance(value, list):
            return [self._argument(one) for one in value]
        return value

    def _now(self, name: str) -> str:
        if name not in self._names:
            raise UnfitError(f"a layer takes what layer {name} gives, and there is none")
        return self._names[name]


def _first_calls(layers: Sequence[dict[str, Any]], outputs: Any) -> dict[str, int]:
    """Return for each model within the model the number of its first call."""
    models = {_name(one) for one in layers if one["class_name"] in ("Functional", "Sequential")}
    found: dict[str, int] = {}
    for leaf in _leaves([entry.get("inbound_nodes") for entry in layers] + [outputs]):
        name, call = leaf[:2]
        if name in models:
            found[name] = min(call, found.get(name, call))
    return {name: min(call, 1) for name, call in found.items()}


def _leaves(value: Any) -> Iterator[list[Any]]:
    """Yield every (name, call, output) within a value."""
    if _is_leaf(value):
        yield value
        value = value[3:]
    if isinstance(value, list | dict):
        for one in value if isinstance(value, list) else value.values():
            yield from _leaves(one)


def _is_leaf(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and value[0] != _CONSTANT
        and all(type(one) is int for one in value[1:3])
    )


def _name(entry: Mapping[str, Any]) -> str:
    return str(entry.get("name") or entry["config"].get("name"))

"""A graph as data: what a run of some of its nodes reaches, and where a value comes from.

Nothing is run here, and TensorFlow is not imported: the graph's messages are only read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from app.kinds.kind import ModelError
from app.kinds.saved_model.files import GRAPH
from app.kinds.saved_model.reading import node_of

CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
# A chain of nodes may be as long as a file likes; all that are followed have this many together.
_MOST_STEPS = 1_000_000


@dataclass(frozen=True)
class Place:
    """A node in the graph, whose `function` is "", or in one of its functions."""

    function: str
    node: Any


@dataclass(frozen=True)
class Origin:
    """Where a value is made: an output of a node, or an argument of a function."""

    function: str
    name: str
    output: int
    is_argument: bool = False


class Graph:
    """The nodes of a graph and of its functions, by their names."""

    def __init__(self, graph_def: Any) -> None:
        self.functions = {one.signature.name: one for one in graph_def.library.function}
        self.nodes = {"": {node.name: node for node in graph_def.node}}
        for name, function in self.functions.items():
            self.nodes[name] = {node.name: node for node in function.node_def}
        self._steps = 0

    def node(self, name: str) -> Any:
        """Return a node of the graph; raises ModelError where there is none of the name."""
        try:
            return self.nodes[""][name]
        except KeyError:
            raise ModelError(f"{GRAPH} names the node {name!r}, which its graph lacks") from None

    def reached(self, roots: Iterable[str]) -> list[Place]:
        """Return all that a run of the nodes may run, the functions they call whole."""
        names, found = list(roots), []
        seen, called = set(names), set(self._interchangeable())
        while names:
            node = self.node(names.pop())
            found.append(Place("", node))
            called.update(self._called(node))
            fresh = {node_of(one) for one in node.input} - seen
            seen |= fresh
            names.extend(fresh)
        return [*found, *self._inside(called)]

    def called(self, places: Iterable[Place]) -> set[str]:
        """Return the functions that the places may call, and those that hold one of them."""
        return {name for place in places for name in (place.function, *self._called(place.node))}

    def callers(self, places: Iterable[Place]) -> dict[str, list[Place]]:
        """Return which of the places call a function, by its name."""
        found: dict[str, list[Place]] = {}
        for place in places:
            for name in self._called(place.node):
                found.setdefault(name, []).append(place)
        return found

    def is_call(self, place: Place) -> bool:
        """Say whether a place gives what it has to a function as it is, argument by argument."""
        return self._callee(place.node) is not None

    def origin(self, function: str, tensor: str, step: Callable[[Any], int | None]) -> Origin:
        """Follow a value back through calls and through the nodes that leave it as it is.

        `step` says which input of a node its output is, None where it makes a value. Raises
        ModelError where the chain has no end.
        """
        calls: list[Place] = []
        while self._steps < _MOST_STEPS:
            self._steps += 1
            name, output = self._source(function, tensor)
            node = self.nodes[function].get(name)
            if node is None:
                argument = Origin(function, name, 0, is_argument=True)
                if not calls:
                    return argument
                place = calls.pop()
                index = self.arguments(function).index(name) if function in self.functions else -1
                function, tensor = place.function, place.node.input[index]
            elif callee := self._callee(node):
                calls.append(Place(function, node))
                function = callee.signature.name
                tensor = callee.ret[callee.signature.output_arg[output].name]
            elif (passed := step(node)) is not None:
                tensor = node.input[passed]
            else:
                return Origin(function, name, output)
        raise ModelError(f"{GRAPH} is refused: its chains have more than {_MOST_STEPS:,} nodes")

    def arguments(self, function: str) -> list[str]:
        """Return the names of a function's arguments."""
        return [one.name for one in self.functions[function].signature.input_arg]

    def _source(self, function: str, tensor: str) -> tuple[str, int]:
        """Return the node, or the argument, and which of its outputs a tensor is."""
        name, *rest = tensor.split(":")
        if not rest:
            return name, 0
        if not function:
            return name, int(rest[0])
        # In a function it is node:argument:index, and all of ours have outputs of one argument.
        return name, int(rest[-1])

    def _callee(self, node: Any) -> Any | None:
        name = node.attr["f"].func.name if node.op in CALLS else node.op
        return self.functions.get(name)

    def _called(self, node: Any) -> Iterator[str]:
        if node.op in self.functions:
            yield node.op
        for value in node.attr.values():
            if value.HasField("func"):
                yield value.func.name
            elif value.HasField("list"):
                yield from (function.name for function in value.list.func)

    def _interchangeable(self) -> Iterator[str]:
        """Yield the functions that TensorFlow may put in another's place by itself."""
        for name, function in self.functions.items():
            if "api_implements" in function.attr:
                yield name

    def _inside(self, called: set[str]) -> Iterator[Place]:
        waiting, seen = list(called), set(called)
        while waiting:
            name = waiting.pop()
            for node in self.nodes.get(name, {}).values() if name else ():
                yield Place(name, node)
                fresh = set(self._called(node)) - seen
                seen |= fresh
                waiting.extend(fresh)

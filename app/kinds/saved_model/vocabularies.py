"""Which values an input of categories may have: those of the table in which they are looked up.

For a value that its table lacks BigQuery ML's graphs raise nothing: they answer, with numbers that
mean nothing (a tip of 6,639). What the table holds is in `assets/`, or a constant of the graph.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from app.kinds.frameworks import tensor_util
from app.kinds.kind import ModelError
from app.kinds.saved_model import files
from app.kinds.saved_model.graph import Graph, Origin, Place
from app.kinds.saved_model.reading import Reading, node_of
from app.kinds.vocabulary import MOST_VALUES, NULL, Vocabulary

_ABSENT = -1
_WHOLE_LINE = -2
# Larger ones are not read: what is known of a model travels to every worker.
_MOST_BYTES = 4 * 2**20
# Which input of an op its output has the values of, though perhaps in another shape, or not all.
PASSED_ON = dict.fromkeys(
    ("Identity", "AsString", "ExpandDims", "Reshape", "Squeeze", "GatherNd", "StopGradient"), 0
)
_CONSTANT = frozenset({"Const", "Tile", "Fill"})


def vocabularies(
    graph: Graph, reading: Reading, folder: Path, reached: Iterable[Place]
) -> dict[str, Vocabulary]:
    """Return the vocabulary of each placeholder that is looked up in a table, by its name.

    Raises ModelError where an asset cannot be read.
    """
    places = list(reached)
    tables, bucketed = _tables(graph), _bucketed(places)
    read: dict[str, tuple[bytes, ...]] = {}
    found = {}
    for place in places:
        if place.function or place.node.op not in ("LookupTableFind", "LookupTableFindV2"):
            continue
        table, keys, default = place.node.input[:3]
        origin = graph.origin("", keys, _step_of(graph))
        filled = tables.get(_origin(graph, table).name)
        if filled is None or not _is_absent(graph, default):
            continue
        if filled.name not in read:
            read[filled.name] = _values(graph, filled, reading, folder)
        values = read[filled.name]
        if values and (NULL in values or keys not in bucketed):
            found[origin.name] = Vocabulary(values)
    return found


def _step_of(graph: Graph) -> Any:
    def step(node: Any) -> int | None:
        if node.op in ("Select", "SelectV2") and _is_constant(graph, node.input[1]):
            # Here an empty text becomes one that the table lacks.
            return 2
        return PASSED_ON.get(node.op)

    return step


def _is_constant(graph: Graph, tensor: str) -> bool:
    node = graph.nodes[""].get(node_of(tensor))
    return node is not None and node.op in _CONSTANT


def _origin(graph: Graph, tensor: str) -> Origin:
    return graph.origin("", tensor, lambda node: 0 if node.op == "Identity" else None)


def _tables(graph: Graph) -> dict[str, Any]:
    """Return what fills each table with its values, by the table's name."""
    fill = ("InitializeTable", "LookupTableImport")
    nodes = [node for node in graph.nodes[""].values() if node.op.startswith(fill)]
    return {_origin(graph, node.input[0]).name: node for node in nodes if node.input}


def _is_absent(graph: Graph, default: str) -> bool:
    """Say whether the table gives no class for what it lacks; a class would be the model's wish."""
    node = graph.nodes[""].get(_origin(graph, default).name)
    if node is None or node.op != "Const":
        return False
    value = tensor_util.MakeNdarray(node.attr["value"].tensor)
    return value.size == 1 and value.dtype.kind == "i" and value.item() == _ABSENT


def _bucketed(places: Iterable[Place]) -> set[str]:
    """Return the tensors whose values, where a table lacks them, have a place in the network.

    BigQuery ML adds one to its neural networks too, but makes the vocabulary of all that the
    training sees: nothing was ever learned there.
    """
    return {
        place.node.input[0]
        for place in places
        if place.node.op.startswith("StringToHashBucket") and place.node.input
    }


def _values(graph: Graph, node: Any, reading: Reading, folder: Path) -> tuple[bytes, ...]:
    if node.op.startswith("InitializeTableFromTextFile"):
        origin = _origin(graph, node.input[1])
        name = reading.assets.get(f"{origin.name}:{origin.output}")
        if name is None or node.attr["key_index"].i != _WHOLE_LINE:
            return ()
        return _lines(files.asset(folder, name), node.attr["vocab_size"].i)
    keys = graph.nodes[""].get(_origin(graph, node.input[1]).name)
    if keys is None or keys.op != "Const":
        return ()
    array = tensor_util.MakeNdarray(keys.attr["value"].tensor)
    return tuple(array.ravel()) if array.dtype == object and array.size <= MOST_VALUES else ()


def _lines(path: Path, count: int) -> tuple[bytes, ...]:
    try:
        if path.stat().st_size > _MOST_BYTES:
            return ()
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise ModelError(f"assets/{path.name} cannot be read: {error.strerror}") from error
    if lines and not lines[-1]:
        lines.pop()
    return tuple(lines[:count] if count > 0 else lines) if len(lines) <= MOST_VALUES else ()


def of_inputs(tensors: Mapping[str, str], found: Mapping[str, Vocabulary]) -> dict[str, Vocabulary]:
    """Return the vocabularies by the inputs' names, of which `tensors` has the placeholders."""
    return {
        name: found[node_of(tensor)] for name, tensor in tensors.items() if node_of(tensor) in found
    }

"""What a graph may not do: read or write files, call out, run code, or be far larger than it is.

A graph is a program. Refused is what it could do to the machine, as far as that shows before it
runs; what it computes, how long and in how much memory, is not known without running it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from math import prod
from typing import Any

from app.kinds.kind import ModelError
from app.kinds.saved_model.files import GRAPH
from app.kinds.saved_model.graph import Graph, Origin, Place

# Ops by what they could do, as patterns: names of later versions of the same op end in V2, V3, …
_FORBIDDEN = {
    "reads or writes files": (
        r"ReadFile|WriteFile|MatchingFiles.*|WholeFileReader.*|TextLineReader.*|TFRecordReader.*",
        r"FixedLengthRecordReader.*|LMDBReader.*|RecordInput|InitializeTableFromTextFile.*",
        r"(Experimental)?(TextLine|TFRecord|FixedLengthRecord|CSV|LMDB|Sql|Cache|Snapshot|Save|Load"
        r"|MatchingFiles|SnapshotChunk|ListSnapshotChunks)Dataset.*",
        r"(Experimental)?DatasetToTFRecord|SnapshotDatasetReader|SnapshotNestedDatasetReader",
        r"ListSnapshotChunksDataset|Save|SaveV\d+|SaveSlices|DistributedSave|(DTensor)?Restore.*",
        r"MergeV2Checkpoints|LoadAndRemapMatrix|GenerateVocabRemapping|ImmutableConst|Skipgram",
        r"FixedUnigramCandidateSampler|DumpTensor|CalibrationStatisticsSaver|\w*SummaryWriter",
        r"CreateSummary(File|Db)\w*|Write\w*Summary|\w*TRT\w*",
    ),
    "may send what it sees elsewhere": (
        r"Rpc.*|DataService.*|RegisterDataset.*|Debug(Identity|NanCount|NumericSummary).*",
        r"FileSystemSetConfiguration|.*Bigtable.*|Kafka.*",
    ),
    "runs code that is not in the graph": (r".*PyFunc.*|XlaCustomCall.*|_?XlaHostCompute.*",),
    "ends the process": (r"Abort|WorkerHeartbeat",),
}
_WHY = {why: re.compile("|".join(patterns)) for why, patterns in _FORBIDDEN.items()}
# Loading needs these, with the paths of the model's own files.
_OWN_FILE = {
    re.compile(r"Restore(V2)?"): 0,
    re.compile(r"InitializeTableFromTextFile(V2)?"): 1,
}
# Weights that are constants are as large as their file; beyond it only what is filled counts.
_MOST_FILLED_BYTES = 256 * 2**20
_BYTES_AN_ELEMENT = 8
# No tensor of TensorFlow has more.
_MOST_SIDES = 254


def check(graph: Graph, reached: Iterable[Place], own_paths: frozenset[str], size: int) -> None:
    """Raise ModelError for what the nodes must not do.

    `own_paths` are the graph's tensors that will hold the paths of the model's own files, `size`
    is the bytes of the graph's file.
    """
    places = list(reached)
    waiting: list[tuple[str, str]] = []
    for place in places:
        if why := refused(place.node):
            path = _path_of(place)
            if path is None or not own_paths:
                raise ModelError(
                    f"{GRAPH} is refused: its op {place.node.op} ({place.node.name}) {why}"
                )
            waiting.append(path)
    _check_paths(graph, waiting, own_paths, places)
    _check_constants(places, size)


def refused(node: Any) -> str | None:
    """Say why a node's op is not run; None where it may be."""
    if node.op == "PrintV2" and node.attr["output_stream"].s.startswith(b"file:"):
        return "reads or writes files"
    if node.op in ("DecodeProtoV2", "EncodeProto"):
        source = node.attr["descriptor_source"].s
        is_inside = source in (b"", b"local://") or source.startswith(b"bytes://")
        return None if is_inside else "reads or writes files"
    return next((why for why, ops in _WHY.items() if ops.fullmatch(node.op)), None)


def _path_of(place: Place) -> tuple[str, str] | None:
    """Return the tensor with the path, of an op that loading needs; None of another."""
    index = next((at for op, at in _OWN_FILE.items() if op.fullmatch(place.node.op)), None)
    if index is None or index >= len(place.node.input):
        return None
    return place.function, place.node.input[index]


def _check_paths(
    graph: Graph, waiting: list[tuple[str, str]], own_paths: frozenset[str], places: list[Place]
) -> None:
    """Raise ModelError where one of the tensors may hold a path that is not the model's own."""
    callers, seen = graph.callers(places) if waiting else {}, set()
    while waiting:
        function, tensor = waiting.pop()
        origin = graph.origin(function, tensor, _step)
        if not origin.is_argument:
            if origin.function or not own_paths & set(_spellings(origin)):
                raise _other_path(function, tensor)
        elif (origin.function, origin.name) not in seen:
            seen.add((origin.function, origin.name))
            calling = callers.get(origin.function, [])
            if not calling or not all(graph.is_call(one) for one in calling):
                raise _other_path(function, tensor)
            at = graph.arguments(origin.function).index(origin.name)
            waiting += [(one.function, one.node.input[at]) for one in calling]


def _other_path(function: str, tensor: str) -> ModelError:
    where = f" in the function {function}" if function else ""
    return ModelError(
        f"{GRAPH} is refused: its op reads or writes files, with a path that is none of the "
        f"model's own ({tensor}{where})"
    )


def _step(node: Any) -> int | None:
    # A placeholder's name is the saver's path where it is fed, whatever its default says.
    return 0 if node.op == "Identity" else None


def _spellings(origin: Origin) -> Iterator[str]:
    yield f"{origin.name}:{origin.output}"
    if not origin.output:
        yield origin.name


def _check_constants(places: list[Place], size: int) -> None:
    declared = 0
    for place in places:
        for value in place.node.attr.values():
            if value.HasField("tensor"):
                declared += _elements(value.tensor.tensor_shape.dim) * _BYTES_AN_ELEMENT
        if declared > size * _BYTES_AN_ELEMENT + _MOST_FILLED_BYTES:
            raise ModelError(
                f"{GRAPH} is refused: its constants, up to {place.node.name}, are more than "
                f"{declared >> 20:,} MiB once they are filled, of {size:,} bytes in the file"
            )


def _elements(dim: Sequence[Any]) -> int:
    if len(dim) > _MOST_SIDES:
        raise ModelError(f"{GRAPH} is refused: a constant of it has {len(dim):,} sides")
    sides = [side.size for side in dim]
    return prod(sides) if min(sides, default=1) >= 0 else 0

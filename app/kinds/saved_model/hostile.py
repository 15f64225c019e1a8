"""What a graph may not do: read or write files, call out, run code, or be far larger than it is.

A graph is a program. Refused is what it could do to the machine, as far as that shows before it
runs; what it computes, how long and in how much memory, is not known without running it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
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


def check(graph: Graph, reached: Iterable[Place], own_paths: frozenset[str], size: int) -> None:
    """Raise ModelError for what the nodes must not do.

    `own_paths` are the graph's tensors that will hold the paths of the model's own files, `size`
    is the bytes of the graph's file.
    """
    places = list(reached)
    for place in places:
        if why := refused(place.node):
            if _is_own(graph, place, own_paths, places):
                continue
            raise ModelError(
                f"{GRAPH} is refused: its op {place.node.op} ({place.node.name}) {why}"
            )
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


def _is_own(graph: Graph, place: Place, own_paths: frozenset[str], places: list[Place]) -> bool:
    """Say whether an op that loading needs has no path but those of the model's own files."""
    index = next((at for op, at in _OWN_FILE.items() if op.fullmatch(place.node.op)), None)
    if index is None or index >= len(place.node.input):
        return False
    waiting, seen = [(place.function, place.node.input[index])], set()
    while waiting:
        origin = graph.origin(*waiting.pop(), _step)
        if not origin.is_argument:
            if origin.function or not own_paths & set(_spellings(origin)):
                return False
        elif (origin.function, origin.name) not in seen:
            seen.add((origin.function, origin.name))
            callers = graph.callers(origin.function, places)
            if not callers or not all(graph.is_call(caller) for caller in callers):
                return False
            at = graph.arguments(origin.function).index(origin.name)
            waiting += [(caller.function, caller.node.input[at]) for caller in callers]
    return True


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
                sides = [side.size for side in value.tensor.tensor_shape.dim]
                declared += prod(sides) * _BYTES_AN_ELEMENT if min(sides, default=0) >= 0 else 0
        if declared > size * _BYTES_AN_ELEMENT + _MOST_FILLED_BYTES:
            raise ModelError(
                f"{GRAPH} is refused: its constants, up to {place.node.name}, are more than "
                f"{declared >> 20:,} MiB once they are filled, of {size:,} bytes in the file"
            )

"""A SavedModel's graph in a session of its own, as TensorFlow Serving has it.

Of the graph only what its signatures, its tables and its variables need is taken: what training
left in it is neither looked at nor run, and graphs of TensorFlow 1 and 2 are the same here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from app.kinds.frameworks import config_pb2, tf
from app.kinds.kind import ModelError
from app.kinds.saved_model import files, hostile
from app.kinds.saved_model.graph import Graph, Place
from app.kinds.saved_model.reading import Reading, node_of
from mrcnn.threads import OPS_AT_ONCE, use_threads

_VARIABLES = frozenset({"VarHandleOp", "VariableV2", "Variable"})
_UNKNOWN_OP = re.compile(r"(?:Op type not registered '|NodeDef mentions op )(\w+)")
_MOST_TOLD = 200


class UnknownOpError(ModelError):
    """TensorFlow has no such op."""

    def __init__(self, op: str) -> None:
        super().__init__(f"{files.GRAPH} uses the op {op}, which TensorFlow does not have")
        self.op = op


class Program:
    """A graph with its variables and tables, ready to run.

    Args:
        reading: what the folder's file says.
        folder: where variables and assets are.
        threads: of TensorFlow; 0 is its own choice. Has an effect before its first session only.
    """

    def __init__(self, reading: Reading, folder: Path, *, threads: int = 0) -> None:
        self.graph = Graph(reading.graph_def)
        outputs = {
            node_of(info.name)
            for signature in reading.signatures.values()
            for info in signature.outputs.values()
            if info.name
        }
        self.reached = self.graph.reached(outputs)
        size = reading.graph_def.ByteSize()
        hostile.check(self.graph, self.reached, frozenset(), size)
        self._assets = _asset_paths(self.graph, reading)
        self._restore = _restored(reading, folder, self.reached)
        roots = {*outputs, *self._loading(reading, folder, size)}
        if threads:
            # Here too: the first of a process decides for all, whatever the kind of its model.
            use_threads(threads)
        self._session = _session(reading, self.graph, roots, threads)
        self._run_loading(reading, folder)

    def shape(self, tensor: str) -> tuple[int | None, ...] | None:
        """Return a tensor's shape as the graph knows it; None where it may have any rank."""
        shape = self._tensor(tensor).shape
        return None if shape.rank is None else tuple(shape.as_list())

    def callable(self, feeds: Sequence[str], fetches: Sequence[str]) -> Any:
        """Return a function of arrays, one a feed, that returns a list of arrays."""
        wanted = config_pb2.CallableOptions(
            feed=[self._tensor(one).name for one in feeds],
            fetch=[self._tensor(one).name for one in fetches],
        )
        # In the caller's own thread a small graph takes 12 us, through TensorFlow's pool 190; one
        # of 16 ms takes as long either way. `make_callable`, which is public, has no options.
        wanted.run_options.inter_op_thread_pool = -1
        return self._session._make_callable_from_options(wanted)

    def run(self, feeds: Mapping[str, NDArray[Any]], fetches: Sequence[str]) -> list[Any]:
        """Return the fetched arrays."""
        found: list[Any] = self._session.run(
            list(fetches), {self._tensor(name): value for name, value in feeds.items()}
        )
        return found

    def _tensor(self, name: str) -> Any:
        try:
            return self._session.graph.get_tensor_by_name(name)
        except (KeyError, ValueError):
            raise ModelError(
                f"{files.GRAPH} names the tensor {name!r}, which its graph lacks"
            ) from None

    def _loading(self, reading: Reading, folder: Path, size: int) -> list[str]:
        """Return the nodes that load the model, which are looked at; raises ModelError."""
        for name in reading.assets.values():
            files.asset(folder, name)
        names = []
        for root, paths in (
            (reading.init, frozenset(self._assets)),
            (reading.restore if self._restore else None, frozenset({reading.saver_path or ""})),
        ):
            if root:
                hostile.check(self.graph, self.graph.reached([root]), paths, size)
                names.append(root)
        return [*names, *map(node_of, self._assets)]

    def _run_loading(self, reading: Reading, folder: Path) -> None:
        try:
            if self._restore and reading.restore:
                self._run_node(reading.restore, {str(reading.saver_path): str(self._restore)})
            if reading.init:
                paths = self._assets.items()
                self._run_node(
                    reading.init, {one: str(files.asset(folder, name)) for one, name in paths}
                )
        except tf.errors.OpError as error:
            raise ModelError(f"{files.GRAPH} cannot be loaded: {line(error)}") from error

    def _run_node(self, name: str, feeds: Mapping[str, str]) -> None:
        node = self._session.graph.get_operation_by_name(name)
        self._session.run(node, {self._tensor(tensor): path for tensor, path in feeds.items()})


def line(error: Exception) -> str:
    """Return what TensorFlow says, as the start of one line, without paths."""
    text = str(error.message if isinstance(error, tf.errors.OpError) else error)
    first = next((one for one in text.splitlines() if one.strip()), type(error).__name__)
    told = re.sub(r"/\S*/", "", first.strip())
    return told if len(told) <= _MOST_TOLD else f"{told[: _MOST_TOLD - 1]}…"


def _asset_paths(graph: Graph, reading: Reading) -> dict[str, str]:
    """Return the tensors that will hold the paths of assets, with the assets' names.

    TensorFlow 2 keeps a path in a variable. What is read from it is given, too: what else might
    have been written there is of no matter then.
    """
    nodes = graph.nodes[""].values()
    assets = {node_of(tensor): name for tensor, name in reading.assets.items()}
    kept = {
        node_of(node.input[0]): assets[node_of(node.input[1])]
        for node in nodes
        if node.op == "AssignVariableOp"
        and len(node.input) > 1
        and node_of(node.input[1]) in assets
    }
    read = {
        f"{node.name}:0": kept[node_of(node.input[0])]
        for node in nodes
        if node.op == "ReadVariableOp" and node.input and node_of(node.input[0]) in kept
    }
    return {**reading.assets, **read}


def _restored(reading: Reading, folder: Path, reached: Sequence[Place]) -> Path | None:
    """Return what the variables' files begin with; None where the model has none.

    Raises ModelError where they are absent, or shorter than their index says.
    """
    has_variables = any(place.node.op in _VARIABLES for place in reached)
    if not reading.restore or not reading.saver_path:
        return None
    prefix = files.variables_of(folder)
    if prefix is None:
        if has_variables:
            raise ModelError(
                "variables/variables.index is not there; copy the whole folder of the SavedModel"
            )
        return None
    try:
        checkpoint = tf.train.load_checkpoint(str(prefix))
        dtypes = checkpoint.get_variable_to_dtype_map()
        shapes = checkpoint.get_variable_to_shape_map()
        declared = sum(
            # A text takes a byte at least, for its length.
            prod(shape) * (1 if dtypes[name] == tf.string else dtypes[name].size)
            for name, shape in shapes.items()
        )
        there = files.variables_bytes(prefix)
    except (tf.errors.OpError, RuntimeError, ValueError, OSError) as error:
        raise ModelError(f"variables/ cannot be read: {line(error)}") from error
    if declared > there:
        raise ModelError(
            f"variables/ is cut short: its index has {declared:,} bytes of values, its files "
            f"{there:,}; copy it again"
        )
    return prefix


def _pruned(reading: Reading, whole: Graph, roots: Iterable[str]) -> Any:
    """Return the graph with no more than a run of the roots may run."""
    reached = whole.reached(roots)
    wanted = {place.node.name for place in reached if not place.function}
    called = whole.called(reached)
    pruned = tf.compat.v1.GraphDef()
    pruned.versions.CopyFrom(reading.graph_def.versions)
    library = reading.graph_def.library
    pruned.library.function.extend(one for one in library.function if one.signature.name in called)
    for node in reading.graph_def.node:
        if node.name in wanted:
            copy = pruned.node.add()
            copy.CopyFrom(node)
            # Where training had its parameters; nodes that it is to be near may be left out.
            copy.device = ""
            copy.attr.pop("_class", None)
    return pruned


def _session(reading: Reading, whole: Graph, roots: Iterable[str], threads: int) -> Any:
    """Return a session with what the roots need; raises ModelError."""
    pruned = _pruned(reading, whole, roots)
    graph = tf.Graph()
    try:
        with graph.as_default():
            tf.graph_util.import_graph_def(
                pruned, name="", producer_op_list=_known(reading.meta_graph)
            )
    except (tf.errors.OpError, ValueError, KeyError, TypeError) as error:
        if unknown := _UNKNOWN_OP.search(str(error)):
            raise UnknownOpError(unknown[1]) from error
        raise ModelError(f"{files.GRAPH} has a graph that does not hold: {line(error)}") from error
    options = tf.compat.v1.ConfigProto(
        allow_soft_placement=True,
        intra_op_parallelism_threads=threads,
        inter_op_parallelism_threads=max(threads, OPS_AT_ONCE) if threads else 0,
    )
    options.gpu_options.allow_growth = True
    return tf.compat.v1.Session(graph=graph, config=options)


def _known(meta_graph: Any) -> Any | None:
    """Return the ops as the exporting TensorFlow had them, where the file tells them."""
    ops = meta_graph.meta_info_def.stripped_op_list
    return ops if ops.op else None

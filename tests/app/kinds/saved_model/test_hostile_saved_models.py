"""A SavedModel may neither touch files nor run code, and what is broken is refused in one line."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tensorflow.core.framework import attr_value_pb2, node_def_pb2, op_def_pb2
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.client import pywrap_tf_session

from app.kinds.kind import ModelError
from app.kinds.saved_model import hostile
from tests.app.kinds.saved_model.saved_models import V1, ask, doubler, load, write


def refusal(folder: Path, **options: Any) -> str:
    with pytest.raises(ModelError) as refused:
        load(folder, **options)
    told = str(refused.value)
    assert "\n" not in told
    assert str(folder.parent) not in told
    return told


def rewritten(folder: Path, change: Callable[[Any], None]) -> Path:
    """Change the file's one graph."""
    file = folder / "saved_model.pb"
    parsed = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    change(parsed.meta_graphs[0])
    file.write_bytes(parsed.SerializeToString())
    return folder


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return write(tmp_path / "1", doubler)


def _reads(given: Any) -> Any:
    return tf.io.read_file("/etc/hostname")


def _writes(given: Any) -> Any:
    with tf.control_dependencies([tf.io.write_file("/tmp/never", tf.as_string(given[0]))]):
        return tf.identity(given)


def _runs_python(given: Any) -> Any:
    return tf.numpy_function(lambda x: x, [given], tf.float32)


def _prints_to_a_file(given: Any) -> Any:
    with tf.control_dependencies([tf.print(given, output_stream="file:///tmp/never")]):
        return tf.identity(given)


def _reads_another_checkpoint(given: Any) -> Any:
    return tf.raw_ops.RestoreV2(
        prefix="/tmp/other", tensor_names=["x"], shape_and_slices=[""], dtypes=[tf.float32]
    )[0]


def _ends_the_process(given: Any) -> Any:
    with tf.control_dependencies([tf.raw_ops.Abort()]):
        return tf.identity(given)


@pytest.mark.parametrize(
    ("made", "op", "why"),
    [
        pytest.param(_reads, "ReadFile", "reads or writes files", id="reads"),
        pytest.param(_writes, "WriteFile", "reads or writes files", id="writes"),
        pytest.param(_prints_to_a_file, "PrintV2", "reads or writes files", id="prints"),
        pytest.param(_reads_another_checkpoint, "RestoreV2", "reads or writes", id="restores"),
        pytest.param(_runs_python, "PyFunc", "runs code that is not in the graph", id="python"),
        pytest.param(_ends_the_process, "Abort", "ends the process", id="ends"),
    ],
)
def test_an_op_that_a_model_may_not_use_is_named(tmp_path: Path, made, op: str, why: str):
    def build() -> Any:
        given = V1.placeholder(tf.float32, [None])
        return {"x": given}, {"y": made(given)}

    told = refusal(write(tmp_path / "1", build))
    assert re.match(rf"saved_model\.pb is refused: its op {op} \(\S+\) {why}", told)


class Reader(tf.Module):
    """Reads a file within a function that a loop calls."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def __call__(self, paths: Any) -> Any:
        return {"y": tf.map_fn(tf.io.read_file, paths)}


def test_an_op_within_a_function_that_another_calls_is_found(tmp_path: Path):
    module = Reader()
    tf.saved_model.save(module, str(tmp_path / "1"), signatures=module.__call__)
    assert "its op ReadFile (" in refusal(tmp_path / "1")


def test_what_no_signature_reaches_is_neither_refused_nor_run(tmp_path: Path):
    def build() -> Any:
        tf.io.read_file("/etc/hostname")
        tf.raw_ops.Abort()
        return doubler()

    (answer,) = ask(load(write(tmp_path / "1", build)), [{"x": 3.0}])
    assert answer["y"] == 6.0


def test_a_table_is_filled_from_the_models_own_assets_alone(tmp_path: Path):
    words = tmp_path / "words.txt"
    words.write_text("a\nb\n")

    def build() -> Any:
        given = V1.placeholder(tf.string, [None])
        file = tf.lookup.TextFileInitializer(
            str(words), tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, -1
        )
        return {"x": given}, {"y": tf.lookup.StaticHashTable(file, 7).lookup(given)}

    own = load(write(tmp_path / "own", build, assets=True))
    words.unlink()
    assert ask(own, [{"x": "b"}])[0]["y"] == 1

    words.write_text("a\nb\n")
    told = refusal(rewritten(write(tmp_path / "others", build, assets=True), _forget_assets))
    assert "its op InitializeTableFromTextFileV2 (" in told


class Words(tf.Module):
    """Numbers words by a file; TensorFlow 2 keeps the file's path in a variable."""

    def __init__(self, words: Path) -> None:
        super().__init__()
        whole, number = tf.lookup.TextFileIndex.WHOLE_LINE, tf.lookup.TextFileIndex.LINE_NUMBER
        file = tf.lookup.TextFileInitializer(str(words), tf.string, whole, tf.int64, number)
        self.table = tf.lookup.StaticHashTable(file, 7)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "x")])
    def __call__(self, x: Any) -> Any:
        return {"y": self.table.lookup(x)}


def test_a_path_that_is_kept_in_a_variable_is_that_of_an_asset_whatever_is_written_there(
    tmp_path: Path,
):
    words, others = tmp_path / "words.txt", tmp_path / "others.txt"
    words.write_text("a\nb\n")
    others.write_text("secret\n")
    module = Words(words)
    tf.saved_model.save(module, str(tmp_path / "1"), signatures=module.__call__)
    words.unlink()

    def write_another(graph: Any) -> None:
        nodes = {node.name: node for node in graph.graph_def.node}
        (assign,) = (node for node in nodes.values() if node.op == "AssignVariableOp")
        other = graph.graph_def.node.add(name="other", op="Const")
        other.attr["dtype"].type = tf.string.as_datatype_enum
        other.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(str(others)))
        after = graph.graph_def.node.add(name="after", op="AssignVariableOp")
        after.CopyFrom(assign)
        after.name = "after"
        after.input[:] = [assign.input[0], "other", f"^{assign.name}"]
        reads = (node for node in nodes.values() if f"^{assign.name}" in node.input)
        for node in list(reads):
            node.input.append("^after")

    model = load(rewritten(tmp_path / "1", write_another))
    known, unknown = ask(model, [{"x": "b"}, {"x": "secret"}])
    assert (known["y"], unknown["y"]) == (1, 7)


def _forget_assets(graph: Any) -> None:
    del graph.asset_file_def[:]
    graph.collection_def.pop("saved_model_assets", None)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        pytest.param("../../../../../etc/hostname", "lies outside of assets/", id="outside"),
        pytest.param("gone.txt", "assets/gone.txt is not there; copy the whole folder", id="gone"),
    ],
)
def test_an_asset_that_is_not_in_the_folder_is_refused(saved: Path, name: str, told: str):
    def change(graph: Any) -> None:
        graph.asset_file_def.add(filename=name).tensor_info.name = "x:0"

    assert told in refusal(rewritten(saved, change))


def test_a_link_out_of_the_folder_is_refused(saved: Path, tmp_path: Path):
    outside = tmp_path / "outside"
    shutil.move(saved / "variables", outside)
    (saved / "variables").symlink_to(outside)
    assert refusal(saved) == ("variables is a link out of the model's folder; copy the file there")


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("file", "change", "told"),
    [
        pytest.param("saved_model.pb", _cut, "saved_model.pb is cut short or", id="graph cut"),
        pytest.param(
            "saved_model.pb", lambda path: path.write_bytes(b""), "is empty", id="graph empty"
        ),
        pytest.param(
            "saved_model.pb",
            lambda path: path.write_text("no graph"),
            "it does not parse",
            id="text",
        ),
        pytest.param(
            "variables/variables.data-00000-of-00001",
            _cut,
            "variables/ is cut short: its index has 4 bytes of values, its files 2; copy it again",
            id="values cut",
        ),
        pytest.param(
            "variables/variables.index", _cut, "variables/ cannot be read: ", id="index cut"
        ),
        pytest.param(
            "variables/variables.index",
            Path.unlink,
            "variables/variables.index is not there; copy the whole folder",
            id="no index",
        ),
    ],
)
def test_a_file_that_is_not_whole_is_named(saved: Path, file: str, change, told: str):
    change(saved / file)
    assert told in refusal(saved)


def test_constants_that_fill_the_memory_are_refused_before_they_do(saved: Path):
    def change(graph: Any) -> None:
        value = attr_value_pb2.AttrValue()
        value.tensor.dtype = tf.float32.as_datatype_enum
        value.tensor.tensor_shape.dim.add(size=10**11)
        value.tensor.float_val.append(0.0)
        node = graph.graph_def.node.add(name="huge", op="Const")
        node.attr["value"].CopyFrom(value)
        node.attr["dtype"].type = value.tensor.dtype
        next(one for one in graph.graph_def.node if one.name == "y").input.append("^huge")

    assert "its constants, up to huge, are more than" in refusal(rewritten(saved, change))


def _dangling(graph: Any) -> None:
    next(one for one in graph.graph_def.node if one.name == "y").input[0] = "nothing"


def _without_output(graph: Any) -> None:
    graph.signature_def["serving_default"].outputs["y"].name = "nothing:0"


def _in_a_circle(graph: Any) -> None:
    for name, other in (("a", "b"), ("b", "a")):
        node = graph.graph_def.node.add(name=name, op="Identity", input=[other])
        node.attr["T"].type = tf.float32.as_datatype_enum
    graph.signature_def["serving_default"].outputs["y"].name = "a:0"


def _of_a_function_that_is_absent(graph: Any) -> None:
    node = graph.graph_def.node.add(name="call", op="PartitionedCall")
    node.attr["f"].func.name = "absent"
    graph.signature_def["serving_default"].outputs["y"].name = "call:0"


def _of_an_unknown_op(graph: Any) -> None:
    next(one for one in graph.graph_def.node if one.name == "y").op = "Fabulous"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param(_dangling, "names the node 'nothing', which its graph lacks", id="input"),
        pytest.param(_without_output, "names the node 'nothing', which its", id="output"),
        pytest.param(_in_a_circle, "saved_model.pb", id="circle"),
        pytest.param(_of_a_function_that_is_absent, "saved_model.pb", id="function"),
        pytest.param(
            _of_an_unknown_op,
            "saved_model.pb uses the op Fabulous, which TensorFlow does not have",
            id="op",
        ),
        pytest.param(
            lambda graph: graph.signature_def.clear(),
            "saved_model.pb has no signature to serve; export it with one",
            id="no signature",
        ),
        pytest.param(
            lambda graph: graph.meta_info_def.ClearField("tags"), None, id="no tag is no matter"
        ),
    ],
)
def test_a_graph_that_does_not_hold_together_is_told_in_one_line(saved: Path, change, told):
    rewritten(saved, change)
    if told is None:
        assert load(saved)
    else:
        assert told in refusal(saved)


# What is called like a file, and is none.
_HARMLESS = re.compile(
    r"ShardedFile(name|spec)|TensorSliceDataset|CTCBeamSearchDecoder|\w*SetStatsAggregatorDataset"
)
_LIKE_A_PATH = re.compile(
    r"file_?(name|pattern)|(^|_)(files?|paths?|dir|uri|urls|address|prefix)$|logdir|ckpt"
)


def test_every_op_of_this_tensorflow_that_takes_a_path_or_an_address_is_refused():
    buffer = pywrap_tf_session.TF_GetAllOpList()
    ops = op_def_pb2.OpList.FromString(pywrap_tf_session.TF_GetBuffer(buffer)).op
    taking = {
        op.name
        for op in ops
        if any(_LIKE_A_PATH.search(one.name) for one in (*op.input_arg, *op.attr))
    }
    assert len(taking) > 40
    let = {name for name in taking if not hostile.refused(node_def_pb2.NodeDef(op=name))}
    assert {name for name in let if not _HARMLESS.fullmatch(name)} == set()

"""ONNX graphs by the names of their inputs: told, run in batches, and the answers split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.kinds.classes import CLASSES
from app.kinds.kind import InputError, ModelError
from app.kinds.onnx import Onnx
from app.kinds.values import VALUES
from tests.app.kinds.onnx.graphs import (
    ask,
    attribute,
    doubler,
    external,
    load,
    message,
    node,
    source,
    value_info,
    write,
)

PAIR = np.array([1, 2], np.float32)


def test_a_graph_is_recognised_by_its_content(tmp_path: Path):
    other = tmp_path / "other.onnx"
    other.write_bytes(b"\x89HDF\r\n\x1a\n")
    empty = tmp_path / "empty.onnx"
    empty.touch()
    assert Onnx().recognises(doubler(tmp_path / "any name"))
    assert not any(map(Onnx().recognises, (other, empty, tmp_path, tmp_path / "absent")))
    assert Onnx().refusal(other) == "other.onnx is cut short or no ONNX file: it holds no graph"


def test_its_face_is_that_of_values_or_of_classes():
    assert Onnx().face_of({}) is VALUES
    assert Onnx().face_of({"task": "classify"}) is CLASSES


def test_a_file_is_examined_and_inspected_without_a_runtime(tmp_path: Path):
    path = doubler(tmp_path / "a.onnx")
    told = Onnx().examine(source(path))
    assert told == {
        "exporter": "by hand",
        "opset": 17,
        "nodes": 1,
        "bytes": path.stat().st_size,
    }
    seen = Onnx().inspect(path)
    assert ("weights", "8 bytes") in seen.facts
    assert ("Mul", "ai.onnx", "1") in seen.parts


def test_instances_share_a_run_and_get_their_own_rows(tmp_path: Path):
    model = load(doubler(tmp_path / "a.onnx"))
    (told,) = model.facts["signatures"][model.facts["default_signature"]]["inputs"]
    assert told == {"name": "x", "dtype": "float32", "shape": [2], "role": "number"}
    assert model.together({"x": PAIR}, {}) == model.together({"x": PAIR * 3}, {})
    one, other = ask(model, {"x": PAIR}, {"x": PAIR * 3})
    assert one["y"].tolist() == [2, 4]
    assert other["y"].tolist() == [6, 12]


def _summed(path: Path, side: str) -> Path:
    """Write a graph that gives its input, and the sum of the whole batch."""
    return write(
        path,
        [node("ReduceSum", "x", "all", attribute("keepdims", 0)), node("Identity", "x", "y")],
        inputs=[value_info("x", "float32", [side, 2])],
        outputs=[value_info("y", "float32", [side, 2]), value_info("all", "float32", [])],
    )


def test_an_output_of_the_whole_batch_keeps_requests_apart(tmp_path: Path):
    model = load(_summed(tmp_path / "a.onnx", "batch"))
    assert model.together({"x": PAIR}, {}) is None
    answers = ask(model, {"x": PAIR}, {"x": PAIR * 2})
    assert [float(one["all"]) for one in answers] == [3, 6]
    assert answers[1]["y"].tolist() == [2, 4]


@pytest.mark.parametrize("name", [pytest.param("rows", id="named"), pytest.param("", id="open")])
def test_an_axis_that_is_not_said_to_be_the_batch_is_tried(tmp_path: Path, name: str):
    def graph(path: Path, op: str, kind: str) -> Path:
        return write(
            path,
            [node(op, "x", "y")],
            inputs=[value_info("x", "float32", ["batch", 2])],
            outputs=[value_info("y", kind, [name, None])],
        )

    assert load(graph(tmp_path / "a.onnx", "Relu", "float32")).together({"x": PAIR}, {}) is not None
    # Of zeros none is not zero: the axis counts what was found.
    assert load(graph(tmp_path / "b.onnx", "NonZero", "int64")).together({"x": PAIR}, {}) is None


def test_a_graph_without_a_batch_takes_whole_arrays(tmp_path: Path):
    path = write(
        tmp_path / "a.onnx",
        [node("Transpose", "x", "y")],
        inputs=[value_info("x", "float32", [1, 2])],
        outputs=[value_info("y", "float32", [2, 1])],
    )
    model = load(path)
    assert model.signature.inputs[0].shape == (1, 2)
    assert model.together({"x": PAIR[np.newaxis]}, {}) is None
    (answer,) = ask(model, {"x": PAIR[np.newaxis]})
    assert answer["y"].tolist() == [[1], [2]]


@pytest.mark.parametrize("kind", ["float16", "float64", "int32", "int64", "uint8"])
def test_numbers_of_every_type_go_in_and_come_out(tmp_path: Path, kind: str):
    path = write(
        tmp_path / "a.onnx",
        [node("Identity", "x", "y")],
        inputs=[value_info("x", kind, ["batch"])],
        outputs=[value_info("y", kind, ["batch"])],
    )
    (answer,) = ask(load(path), {"x": np.array(7, kind)})
    assert (answer["y"], answer["y"].dtype.name) == (7, kind)


def _echo(path: Path) -> Path:
    return write(
        path,
        [node("Identity", "x", "y")],
        inputs=[value_info("x", "str", ["batch"])],
        outputs=[value_info("y", "str", ["batch"])],
    )


def test_text_is_bytes_and_has_to_be_utf_8(tmp_path: Path):
    model = load(_echo(tmp_path / "a.onnx"))
    answers = ask(model, *({"x": np.array(one.encode(), object)} for one in ("größer", "")))
    assert [one["y"].item().decode() for one in answers] == ["größer", ""]
    with pytest.raises(InputError, match="x is no UTF-8"):
        ask(model, {"x": np.array(b"\xff", object)})


def test_scores_that_scikit_learn_gives_as_mappings_come_with_their_classes(tmp_path: Path):
    names = attribute("classlabels_strings", ["no", "yes"])
    path = write(
        tmp_path / "a.onnx",
        [node("ZipMap", "x", "scores", names, domain="ai.onnx.ml")],
        inputs=[value_info("x", "float32", ["batch", 2])],
        # Its type is for the runtime to find.
        outputs=[message((1, "scores"))],
    )
    one, other = ask(load(path), {"x": PAIR}, {"x": PAIR * 2})
    assert one["scores_classes"].tolist() == [b"no", b"yes"]
    assert other["scores"].tolist() == [2, 4]


def test_labels_that_nobody_would_read_are_refused(tmp_path: Path):
    with pytest.raises(ModelError, match="for a classifier of pictures say `task: classify`"):
        Onnx().examine(source(doubler(tmp_path / "a.onnx"), ("a", "b")))


def test_weights_beside_the_file_count(tmp_path: Path):
    (tmp_path / "weights.bin").write_bytes(np.array([9, 5, 6], np.float32).tobytes())
    weight = external("two", [2], location="weights.bin", offset="4", length="8")
    (answer,) = ask(load(doubler(tmp_path / "a.onnx", weight=weight)), {"x": PAIR})
    assert answer["y"].tolist() == [5, 12]

"""An ONNX file may not reach out of its folder, and what is broken is refused in one line."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from app.kinds.kind import ModelError
from app.kinds.onnx import Onnx
from tests.app.kinds.onnx.graphs import (
    doubler,
    external,
    load,
    message,
    node,
    source,
    tensor,
    value_info,
    write,
)

TWO = np.full(2, 2, np.float32)


def refusal(path: Path) -> str:
    """Return why it is refused before a runtime is imported."""
    with pytest.raises(ModelError) as refused:
        Onnx().examine(source(path))
    return _one_line(str(refused.value), path)


def refusal_by_runtime(path: Path) -> str:
    with pytest.raises(ModelError) as refused:
        load(path)
    return _one_line(str(refused.value), path)


def _one_line(told: str, path: Path) -> str:
    assert "\n" not in told
    assert str(path.parent) not in told
    assert len(told) < 300
    return told


@pytest.mark.parametrize("kept", [1, 20, 60, 90])
def test_a_file_that_is_cut_short_is_refused(tmp_path: Path, kept: int):
    path = doubler(tmp_path / "a.onnx")
    path.write_bytes(path.read_bytes()[:kept])
    assert refusal(path).startswith("a.onnx is cut short or no ONNX file: ")


def test_an_empty_file_and_text_are_no_onnx(tmp_path: Path):
    path = tmp_path / "a.onnx"
    for content in (b"", b"version https://git-lfs.github.com/spec/v1\n"):
        path.write_bytes(content)
        assert "is cut short or no ONNX file" in refusal(path)


@pytest.mark.parametrize("location", ["../outside.bin", "/etc/hostname", "link.bin"])
def test_weights_outside_of_the_folder_are_not_read(tmp_path: Path, location: str):
    (tmp_path / "outside.bin").write_bytes(bytes(8))
    folder = tmp_path / "1"
    folder.mkdir()
    (folder / "link.bin").symlink_to(tmp_path / "outside.bin")
    path = doubler(folder / "a.onnx", weight=external("two", [2], location=location))
    assert refusal(path) == (
        f"a.onnx is refused: it has weights in {location!r}, outside of its folder"
    )


def test_weights_that_are_not_there_are_named(tmp_path: Path):
    weight = external("two", [2], location="weights.bin")
    told = refusal(doubler(tmp_path / "a.onnx", weight=weight))
    assert told == "a.onnx has weights in weights.bin, which is not there; copy it too"


def test_weights_that_are_cut_short_are_told_with_both_sizes(tmp_path: Path):
    (tmp_path / "weights.bin").write_bytes(bytes(6))
    weight = external("two", [2], location="weights.bin")
    assert refusal(doubler(tmp_path / "a.onnx", weight=weight)) == (
        "weights.bin is cut short: a.onnx has weights up to its byte 8, it has 6; copy it again"
    )


def _sparse(sides: list[int]) -> bytes:
    values = tensor("s", np.ones(1, np.float32))
    return message((1, values), (2, tensor("i", np.zeros(1, np.int64))), *((3, s) for s in sides))


@pytest.mark.parametrize(
    "nodes",
    [
        pytest.param([node("Constant", "", "c", message((1, "value"), (5, tensor(
            "huge", TWO, dims=[100_000, 100_000])), (20, 4)))], id="a constant"),
        pytest.param([node("Constant", "", "c", message((1, "sparse_value"), (22, _sparse(
            [100_000, 100_000])), (20, 11)))], id="a sparse one"),
    ],
)  # fmt: skip
def test_weights_that_are_larger_than_their_file_are_refused(tmp_path: Path, nodes: list[bytes]):
    path = write(
        tmp_path / "a.onnx",
        [*nodes, node("Identity", "x", "y")],
        inputs=[value_info("x", "float32", ["batch", 2])],
        outputs=[value_info("y", "float32", ["batch", 2])],
    )
    assert "would be 38,146 MiB, of" in refusal(path)


def test_weights_of_the_graph_that_are_larger_than_their_file_are_refused(tmp_path: Path):
    weight = tensor("two", TWO, dims=[10**11, 2])
    assert "a.onnx is refused: its weights, up to two, would be" in refusal(
        doubler(tmp_path / "a.onnx", weight=weight)
    )


def test_graphs_within_graphs_without_end_are_refused(tmp_path: Path):
    graph = message((2, "deep"))
    for _ in range(200):
        graph = message((1, node("If", "x", "y", message((1, "then_branch"), (6, graph)))))
    path = tmp_path / "a.onnx"
    path.write_bytes(message((1, 8), (7, graph)))
    assert "graphs lie more than 50 deep in each other" in refusal(path)


def _graph(path: Path, op: str, *, opset: int = 17, domain: str = "") -> Path:
    return write(
        path,
        [node(op, "x x", "y", domain=domain)],
        inputs=[value_info("x", "float32", ["batch"])],
        outputs=[value_info("y", "float32", ["batch"])],
        opset=opset,
    )


def test_an_opset_of_the_future_is_refused_with_the_newest_that_is_known(tmp_path: Path):
    told = refusal_by_runtime(_graph(tmp_path / "a.onnx", "Mul", opset=999))
    assert re.fullmatch(
        r"a\.onnx needs a newer ONNX Runtime: this one knows ai\.onnx up to opset \d+; "
        r"export it with that one",
        told,
    )


@pytest.mark.parametrize("domain", ["", "com.example"])
def test_an_op_that_onnx_runtime_lacks_is_named(tmp_path: Path, domain: str):
    told = refusal_by_runtime(_graph(tmp_path / "a.onnx", "Fabulous", domain=domain))
    assert told == (
        f"a.onnx uses the op Fabulous of {domain or 'ai.onnx'}, which ONNX Runtime does not have; "
        f"export it without ops of your own"
    )


def test_weights_of_another_size_than_their_shape_are_refused(tmp_path: Path):
    weight = tensor("two", TWO, dims=[3])
    assert "a.onnx" in refusal_by_runtime(doubler(tmp_path / "a.onnx", weight=weight))

"""OpenVINO's operations in ONNX's: both give the same numbers, where the two might differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import openvino as ov
import pytest
from numpy.typing import NDArray
from openvino import opset15 as ops

from mrcnn.exporting.error import ExportError
from mrcnn.exporting.onnx_translation import translated
from mrcnn.programs.openvino import operations as op

Built = Callable[[Any], Any]


def model_of(build: Built, shape: list[int]) -> Any:
    """Return the graph of one input, `given`, and one output, `found`."""
    given = op.parameter("given", shape, "f32")
    return ov.Model([op.result(build(given), "found")], [given], "one")


def onnx_of(model: Any) -> Any:
    sides = {
        name: [f"{name}_{index}" for index in range(len(port.get_partial_shape()))]
        for name, port in (("given", model.input(0)), ("found", model.output(0)))
    }
    return translated(model, sides)


def assert_same(build: Built, shape: list[int], given: NDArray[np.float32]) -> NDArray[Any]:
    model = model_of(build, shape)
    hint = {"INFERENCE_PRECISION_HINT": "f32"}
    expected = ov.compile_model(model, "CPU", hint)(given)["found"]
    session = onnxruntime.InferenceSession(
        onnx_of(model).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (found,) = session.run(["found"], {"given": given})
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)
    return expected


@pytest.mark.parametrize(
    ("threshold", "kept"),
    [pytest.param(0.5, 4, id="as much"), pytest.param(0.51, 6, id="less")],
)
def test_what_overlaps_by_the_threshold_goes_and_equals_come_by_class_and_place(
    threshold: float, kept: int
):
    """The second box is half of the first; ranks are equal within classes and across them."""
    boxes = [[[0, 0, 1, 1], [0, 0, 0.5, 1], [0.9, 0, 1, 0.1], [0, 0, 0, 0]]]

    def build(ranks: Any) -> Any:
        return ops.non_max_suppression(
            op.constant(boxes),
            ranks,
            op.scalar(2),
            op.constant(threshold),
            op.constant(0.0),
            box_encoding="corner",
            sort_result_descending=True,
            output_type="i32",
        ).output(0)

    ranks = np.array([[[2, 2, 0, 0], [0, 0, 0, 0], [1, 3, 0, 2], [2, 1, 0, 0]]], np.float32)
    rows = assert_same(build, [1, 4, -1], ranks)
    assert len(rows) == kept


def test_of_equals_the_first_is_first():
    row = np.array([1, 3, 2, 3, 3, 1], np.float32)
    places = assert_same(lambda x: op.ranked(x, op.scalar(4))[1], [-1], row)
    assert places.tolist() == [1, 3, 4, 2]


def test_halves_are_rounded_to_even():
    halves = np.array([-1.5, -0.5, 0.5, 1.5, 2.5], np.float32)
    assert_same(lambda x: ops.round(x, "half_to_even"), [-1], halves)


def test_no_rows_stay_none():
    def build(x: Any) -> Any:
        return op.reshaped(x, 0, 2, -1)

    assert assert_same(build, [-1, 2, 3, 5], np.zeros((0, 2, 3, 5), np.float32)).shape == (0, 2, 15)


def test_a_row_of_its_own_is_taken_for_each():
    rows = np.arange(24, dtype=np.float32).reshape(3, 4, 2)

    def build(x: Any) -> Any:
        return ops.gather(x, op.constant([[3], [0], [2]], np.int32), op.scalar(1), 1)

    assert_same(build, [-1, 4, 2], rows)


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        pytest.param(
            ops.sin, "wave: Sin is not written as ONNX: nothing here translates it", id="type"
        ),
        pytest.param(
            lambda x: ops.round(x, "half_away_from_zero"),
            "wave: Round is not written as ONNX: mode is 'half_away_from_zero'",
            id="attribute",
        ),
    ],
)
def test_what_has_no_translation_is_named(build: Built, reason: str):
    def named(x: Any) -> Any:
        node = build(x)
        node.set_friendly_name("wave")
        return node

    with pytest.raises(ExportError) as told:
        onnx_of(model_of(named, [-1]))
    assert str(told.value) == reason

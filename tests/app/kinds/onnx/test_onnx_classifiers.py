"""ONNX graphs with `task: classify`: how pictures go in, and what the numbers are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.kinds.kind import ModelError
from tests.app.kinds.onnx.graphs import Side, ask, attribute, doubler, load, node, value_info, write

PICTURE = np.full((4, 6, 3), (255, 0, 51), np.uint8)
LABELS = ("red", "green", "blue")


def means(
    path: Path,
    shape: list[Side] | None = None,
    *,
    last: str = "Identity",
    is_channels_last: bool = False,
) -> Path:
    """Write a graph that gives the mean of each channel, through another op."""
    order = attribute("perm", [0, 3, 1, 2] if is_channels_last else [0, 1, 2, 3])
    return write(
        path,
        [
            node("Transpose", "x", "first", order),
            node("GlobalAveragePool", "first", "pooled"),
            node("Flatten", "pooled", "flat"),
            node(last, "flat", "made"),
            node("Identity", "made", "y"),
        ],
        inputs=[value_info("x", "float32", shape or ["batch", 3, 4, 6])],
        outputs=[value_info("y", "float32", ["batch", 3])],
    )


def classify(path: Path, labels: tuple[str, ...] | None = LABELS, **options: Any) -> Any:
    return load(path, labels, task="classify", **{"preprocessing": "unit", **options})


def test_a_picture_goes_in_and_a_number_a_class_comes_out(tmp_path: Path):
    model = classify(means(tmp_path / "a.onnx"))
    one, other = ask(model, {"image": PICTURE}, {"image": PICTURE // 51})
    assert one["outputs"] == pytest.approx([1, 0, 0.2])
    assert other["outputs"] == pytest.approx([5 / 255, 0, 1 / 255])
    assert model.facts["labels"] == list(LABELS)
    assert model.facts["input"] == {"height": 4, "width": 6, "channels": 3, "resize": "stretch"}
    assert model.together({"image": PICTURE}, {}) is not None


@pytest.mark.parametrize(
    ("last", "numbers"),
    [
        pytest.param("Softmax", "probabilities", id="Softmax"),
        pytest.param("Sigmoid", "independent", id="Sigmoid"),
        pytest.param("Relu", "logits", id="another"),
    ],
)
def test_the_last_op_says_what_the_numbers_are(tmp_path: Path, last: str, numbers: str):
    path = means(tmp_path / "a.onnx", last=last)
    assert classify(path).facts["outputs"] == numbers
    assert classify(path, outputs="logits").facts["outputs"] == "logits"


@pytest.mark.parametrize(("last", "numbers"), [("Sigmoid", "binary"), ("Identity", "binary_logit")])
def test_one_unit_tells_two_classes_apart(tmp_path: Path, last: str, numbers: str):
    path = write(
        tmp_path / "a.onnx",
        [
            node("GlobalAveragePool", "x", "pooled"),
            node("Flatten", "pooled", "flat"),
            node(last, "flat", "y"),
        ],
        inputs=[value_info("x", "float32", ["batch", 1, 4, 6])],
        outputs=[value_info("y", "float32", ["batch", 1])],
    )
    model = classify(path, ("no", "yes"))
    assert model.facts["outputs"] == numbers
    assert ask(model, {"image": PICTURE[..., :1]})[0]["outputs"].shape == (1,)


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        pytest.param("none", [255, 0, 51], id="none"),
        pytest.param("tf", [1, -1, -0.6], id="tf"),
        pytest.param("torch", [2.248908, -2.035714, -0.915556], id="torch"),
        pytest.param("caffe", [-52.939, -116.779, 131.32], id="caffe, blue first"),
        pytest.param({"scale": 1 / 255, "mean": 0.5, "std": [1.0, 2.0, 0.5]},
                     [0.5, -0.25, -0.6], id="numbers"),
    ],
)  # fmt: skip
def test_pixels_are_scaled_as_the_training_had_them(tmp_path: Path, told: Any, wanted: list[float]):
    model = classify(means(tmp_path / "a.onnx"), preprocessing=told)
    assert ask(model, {"image": PICTURE})[0]["outputs"] == pytest.approx(wanted, abs=1e-4)


def test_channels_may_come_last(tmp_path: Path):
    path = means(tmp_path / "a.onnx", ["batch", 4, 6, 3], is_channels_last=True)
    assert ask(classify(path), {"image": PICTURE})[0]["outputs"] == pytest.approx([1, 0, 0.2])


def test_a_batch_of_one_takes_pictures_one_by_one(tmp_path: Path):
    model = classify(means(tmp_path / "a.onnx", [1, 3, 4, 6]))
    assert model.together({"image": PICTURE}, {}) is None
    answers = ask(model, {"image": PICTURE}, {"image": PICTURE})
    assert [one["outputs"].shape for one in answers] == [(3,), (3,)]


def test_what_was_assumed_is_told(tmp_path: Path):
    model = load(means(tmp_path / "a.onnx"), task="classify")
    scaling, labels = model.facts["warnings"]
    assert scaling.startswith("pixels are divided by 255: the file does not say")
    assert labels == "there are no labels: the 3 classes are called by their numbers"
    assert model.facts["labels"] == ["class 0", "class 1", "class 2"]


def test_a_size_that_the_graph_leaves_open_is_said_in_model_yaml(tmp_path: Path):
    path = means(tmp_path / "a.onnx", ["batch", 3, "h", "w"])
    with pytest.raises(ModelError, match=r"a.onnx leaves the height of its pictures open: say it"):
        classify(path)
    model = classify(path, input={"height": 4, "width": 6})
    assert ask(model, {"image": PICTURE})[0]["outputs"] == pytest.approx([1, 0, 0.2])


def test_pictures_beyond_what_one_may_become_are_refused(tmp_path: Path):
    path = means(tmp_path / "a.onnx", ["batch", 3, "h", "w"])
    with pytest.raises(ModelError) as refused:
        classify(path, input={"height": 4096, "width": 1025})
    assert str(refused.value) == (
        "a.onnx takes pictures of 1,025 x 4,096 pixels; MAX_MOLDED_PIXELS allows 4,194,304"
    )


@pytest.mark.parametrize(
    ("options", "told"),
    [
        pytest.param({"input": {"height": 9}}, "input: height is 9; a.onnx takes 4", id="size"),
        pytest.param({"output": "z"}, "output is 'z'; the outputs of numbers of a.onnx are y",
                     id="output"),
        pytest.param({"preprocessing": {"std": 0.0}}, "std is 0", id="std"),
        pytest.param({"preprocessing": {"mean": [1.0, 2.0]}},
                     "a.onnx takes 3 channels; preprocessing says 2 numbers for mean", id="mean"),
        pytest.param({"preprocessing": {"scale": float("inf")}}, "or one is infinite", id="scale"),
        pytest.param({"labels": ("a", "b")}, "2 labels for 3 classes of a.onnx", id="labels"),
    ],
)  # fmt: skip
def test_options_that_do_not_fit_the_graph_are_refused(tmp_path: Path, options: Any, told: str):
    with pytest.raises(ModelError, match=told):
        classify(means(tmp_path / "a.onnx"), **options)


def test_a_graph_that_takes_no_picture_is_no_classifier_of_pictures(tmp_path: Path):
    with pytest.raises(ModelError, match=r"a.onnx takes x \[None, 2\]: `task: classify` needs one"):
        classify(doubler(tmp_path / "a.onnx"))

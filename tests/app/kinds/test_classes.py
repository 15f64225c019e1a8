"""Models that say what a picture shows: how it is made to fit, and what an answer tells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from app.kinds.classes import CLASSES, OUTPUTS, ClassParameters, resized, scores_of
from app.kinds.face import Outcome

LABELS = ["boot", "sandal", "sneaker"]


def outcome(values: list[float], outputs: str = "probabilities", **facts: Any) -> Outcome:
    """Return what a model gave for a picture 40 wide and 30 high."""
    picture = np.full((30, 40, 3), 255, np.uint8)
    facts = {"labels": LABELS, "outputs": outputs, **facts}
    return Outcome({OUTPUTS: np.array(values, np.float32)}, facts, picture)


def wanted(height: int, width: int, channels: int, resize: str) -> dict[str, Any]:
    return {"height": height, "width": width, "channels": channels, "resize": resize}


def test_an_answer_tells_the_best_classes_first():
    members = CLASSES.members(outcome([0.2, 0.7, 0.1]), ClassParameters(top_k=2))
    assert members == {
        "image": {"width": 40, "height": 30},
        "predictions": [
            {"label": "sandal", "class_id": 1, "score": pytest.approx(0.7)},
            {"label": "boot", "class_id": 0, "score": pytest.approx(0.2)},
        ],
    }


def test_classes_below_the_least_score_are_not_told():
    members = CLASSES.members(outcome([0.2, 0.7, 0.1]), ClassParameters(min_score=0.5))
    assert [one["label"] for one in members["predictions"]] == ["sandal"]


@pytest.mark.parametrize(
    ("outputs", "values", "scores"),
    [
        pytest.param("probabilities", [0.2, 0.7, 0.1], [0.2, 0.7, 0.1], id="probabilities"),
        pytest.param("logits", [1000.0, 1000.0, 0.0], [0.5, 0.5, 0], id="logits"),
        pytest.param("independent", [0.9, 0.8, 0.0], [0.9, 0.8, 0.0], id="independent"),
        pytest.param("binary", [0.25], [0.75, 0.25], id="one unit"),
        pytest.param("binary_logit", [0.0], [0.5, 0.5], id="one raw unit"),
    ],
)
def test_scores_are_what_the_models_numbers_mean(
    outputs: str, values: list[float], scores: list[float]
):
    np.testing.assert_allclose(scores_of(outcome(values, outputs)), scores, atol=1e-6)


HALVES = np.zeros((20, 40, 3), np.uint8)
HALVES[:, 20:] = 255, 0, 0


@pytest.mark.parametrize(
    ("resize", "left", "right"),
    [
        pytest.param("stretch", [0, 0, 0], [255, 0, 0], id="stretch"),
        pytest.param("crop", [0, 0, 0], [255, 0, 0], id="crop"),
    ],
)
def test_a_picture_is_made_to_fill_the_models_size(resize: str, left: list[int], right: list[int]):
    pixels = resized(HALVES, wanted(10, 10, 3, resize))
    assert pixels.shape == (10, 10, 3)
    assert (pixels[5, 1].tolist(), pixels[5, 8].tolist()) == (left, right)


def test_what_is_cropped_is_left_out_and_not_squeezed():
    picture = np.zeros((10, 30, 3), np.uint8)
    picture[:, 10:20] = 200
    assert (resized(picture, wanted(10, 10, 3, "crop")) == 200).all()


def test_what_is_padded_keeps_its_shape_between_black_borders():
    pixels = resized(np.full((10, 20, 3), 200, np.uint8), wanted(20, 20, 3, "pad"))
    assert (pixels[5:15] == 200).all()
    assert (pixels[:5] == 0).all()
    assert (pixels[15:] == 0).all()


@pytest.mark.parametrize("channels", [pytest.param(n, id=f"{n} channels") for n in (1, 3, 4)])
@pytest.mark.parametrize("given", [pytest.param(n, id=f"of {n}") for n in (3, 4)])
def test_a_picture_gets_the_models_channels(given: int, channels: int):
    picture = np.full((8, 8, given), 100, np.uint8)
    pixels = resized(picture, wanted(4, 4, channels, "stretch"))
    assert pixels.shape == (4, 4, channels)
    # Blending through the alpha may take one off.
    assert abs(pixels[..., : min(3, channels)].astype(int) - 100).max() <= 1


def test_the_drawing_is_the_picture_with_bars_large_enough_to_be_read():
    image = CLASSES.drawing(outcome([0.2, 0.7, 0.1]))
    assert image.size == (320, 240)
    pixels = np.asarray(image)
    assert (pixels[:60] == 255).all()
    assert pixels[-60:].min() < 90


@pytest.mark.parametrize(
    ("values", "told"),
    [
        pytest.param([0.2, 0.7, 0.1], None, id="the same"),
        pytest.param([0.2, 0.69, 0.11], "sandal has a score of 0.6900, not 0.7000", id="other"),
    ],
)
def test_a_golden_is_reproduced_up_to_a_thousandth(values: list[float], told: str | None):
    parameters = ClassParameters()
    golden = CLASSES.golden(CLASSES.members(outcome([0.2, 0.7, 0.1]), parameters))
    assert CLASSES.difference(golden, outcome(values)) == told


def test_a_golden_of_other_labels_is_told():
    golden = CLASSES.golden(CLASSES.members(outcome([0.2, 0.7, 0.1]), ClassParameters()))
    other = outcome([0.2, 0.7, 0.1], labels=["boot", "slipper", "sneaker"])
    assert CLASSES.difference(golden, other) == "class 1 is slipper, not sandal"

"""Models that give pixels classes: what is told of them, and when a golden answer is reproduced."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from app.kinds.classes import PICTURE
from app.kinds.face import Outcome
from app.kinds.segments import CLASS_OF_PIXELS, SEGMENTS, SegmentParameters

FACTS = {
    "labels": ["background", "road", "car"],
    "input": {"height": 10, "width": 10, "channels": 3, "resize": "stretch"},
}


def outcome(road: int = 5, car: int = 0, side: int = 20) -> Outcome:
    """Return columns of road and rows of car among 10 x 10 pixels of a larger picture."""
    classes = np.zeros((10, 10), np.uint8)
    classes[:, :road] = 1
    classes[:car] = 2
    return Outcome({CLASS_OF_PIXELS: classes}, FACTS, np.zeros((side, side, 3), np.uint8))


def golden(**sides: int) -> Any:
    return SEGMENTS.golden(SEGMENTS.members(outcome(**sides), SegmentParameters()))


def test_a_class_without_a_pixel_is_not_told():
    found = SEGMENTS.members(outcome(road=3), SegmentParameters(masks="none"))["segments"]
    assert [(one["label"], one["area"], one["share"]) for one in found] == [
        ("background", 280, 0.7),
        ("road", 120, 0.3),
    ]


def test_a_golden_answer_is_reproduced_to_a_few_pixels():
    assert SEGMENTS.difference(golden(), outcome()) is None


@pytest.mark.parametrize(
    ("found", "told"),
    [
        pytest.param(outcome(road=4), "background covers the golden pixels by 0.833", id="less"),
        pytest.param(outcome(road=0), "background covers the golden pixels by 0.500", id="none"),
        pytest.param(
            outcome(side=30), "the golden answer is that of a picture of another size", id="size"
        ),
    ],
)
def test_a_class_in_another_place_is_not_the_golden_one(found: Outcome, told: str):
    assert SEGMENTS.difference(golden(), found) == told


def test_a_class_that_is_gone_or_new_is_named():
    wanted = [one for one in golden(car=1) if one["label"] == "car"]
    assert SEGMENTS.difference(wanted, outcome()) == "car is not there, class 2"
    assert SEGMENTS.difference([], outcome(road=0)) == "background is there, 100.0% of the picture"


def test_an_answer_of_another_face_is_no_golden_one():
    with pytest.raises(ValueError, match="`segments` is missing"):
        SEGMENTS.golden({"predictions": []})


def test_a_terminal_gets_the_classes_with_their_shares():
    told = SEGMENTS.summary(outcome(road=3))
    assert (told.found, told.inputs) == ("2 classes", "20 x 20 pixels")
    assert told.rows[1:] == [("background", "70.0%", 280), ("road", "30.0%", 120)]


def test_noise_has_the_models_own_size():
    assert SEGMENTS.noise(FACTS)[PICTURE].shape == (10, 10, 3)

"""How near two networks' answers are: what both find, how masks overlap, how scores differ."""

from __future__ import annotations

import numpy as np
import pytest

from mrcnn.agreement import LEAST_INSTANCES, Agreement, Match, match
from mrcnn.instances import Instances


def found(*rows: tuple[tuple[int, int, int, int], int, float]) -> Instances:
    """Return full rectangles, each a box with its class and its score."""
    boxes, classes, scores = zip(*rows, strict=True) if rows else ((), (), ())
    return Instances(
        (100, 100),
        np.array(boxes, np.int32).reshape(-1, 4),
        np.array(classes, np.int32),
        np.array(scores, np.float32),
        np.ones((len(rows), 28, 28), np.float32),
    )


LEFT, RIGHT = (0, 0, 40, 40), (0, 60, 40, 100)


def test_an_answer_agrees_with_itself():
    one = found((LEFT, 1, 0.9), (RIGHT, 2, 0.8))
    same = match(one, one, 0.5)
    assert (same.ours, same.theirs, same.both) == (2, 2, 4)
    assert same.mask_ious == (1.0, 1.0)
    assert same.distance == 0


def test_instances_are_the_same_by_class_and_mask_and_not_by_rank():
    ours = found((LEFT, 1, 0.9), (RIGHT, 2, 0.8))
    theirs = found((RIGHT, 2, 0.85), ((0, 0, 40, 20), 1, 0.7))
    same = match(ours, theirs, 0.5)
    assert same.both == 4
    assert sorted(same.mask_ious) == pytest.approx([0.5, 1.0])
    assert sorted(same.score_changes) == pytest.approx([0.05, 0.2])


def test_what_one_of_them_finds_is_lost():
    same = match(found((LEFT, 1, 0.9)), found((LEFT, 2, 0.9), (RIGHT, 1, 0.9)), 0.5)
    assert (same.ours, same.theirs, same.both) == (1, 2, 0)
    assert same.distance == 3
    nothing = match(found(), found((LEFT, 1, 0.9)), 0.5)
    assert (nothing.ours, nothing.theirs, nothing.both) == (0, 1, 0)


def test_a_score_beside_the_least_one_loses_nothing():
    # Each is found from 0.4 on, so that what is below 0.5 in one of them can be matched.
    same = match(found((LEFT, 1, 0.51)), found((LEFT, 1, 0.49)), 0.5)
    assert (same.ours, same.theirs, same.both) == (1, 0, 1)
    both_below = match(found((LEFT, 1, 0.45)), found((LEFT, 1, 0.49)), 0.5)
    assert (both_below.ours, both_below.theirs, both_below.both) == (0, 0, 0)
    assert both_below.mask_ious == ()


@pytest.mark.parametrize(
    ("both", "iou", "change", "reason"),
    [
        pytest.param(57, 0.95, 0.01, None, id="near"),
        pytest.param(50, 0.95, 0.01, "83.3% found by both, 95% are needed", id="lost"),
        pytest.param(60, 0.85, 0.01, "masks' IoU 0.850, 0.9 is needed", id="masks"),
        pytest.param(60, 0.95, 0.05, "scores 0.0500 apart, 0.02 may be", id="scores"),
    ],
)
def test_what_is_too_little_is_said_with_what_is_needed(both, iou, change, reason):
    agreement = Agreement.of([Match(30, 30, both, (iou,) * 30, (change,) * 30)])
    assert agreement.shortfall() == reason


def test_a_few_instances_say_nothing():
    agreement = Agreement.of([Match(3, 3, 6, (1.0,) * 3, (0.0,) * 3)])
    assert agreement.shortfall() == f"3 instances say nothing, {LEAST_INSTANCES} are needed"
    assert Agreement.of([]).shortfall() == f"0 instances say nothing, {LEAST_INSTANCES} are needed"

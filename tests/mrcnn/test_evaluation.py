"""How much a form in eight bits may lose."""

from __future__ import annotations

import pytest

from mrcnn.evaluation import Loss
from mrcnn.quantizing import MOST_LOST_INT8


@pytest.mark.parametrize(
    ("f32", "int8", "told"),
    [
        pytest.param(0.400, 0.398, None, id="two tenths of a point"),
        pytest.param(0.400, 0.420, None, id="a gain"),
        pytest.param(0.400, 0.396, "0.40 points of mask AP are lost, 0.3 may be: ", id="too much"),
        pytest.param(0.03, 0.03, "mask AP is 3.00 in float32, which says nothing", id="no model"),
    ],
)
def test_three_tenths_of_a_point_of_mask_ap_may_be_lost(f32: float, int8: float, told: str | None):
    loss = Loss(
        pictures=100,
        instances=700,
        before="in float32",
        mask_before=f32,
        mask_after=int8,
        box_before=0.4,
        box_after=0.4,
        most_points=MOST_LOST_INT8,
        error_points=0.1,
    )
    shortfall = loss.shortfall()
    assert shortfall is None if told is None else str(shortfall).startswith(told)

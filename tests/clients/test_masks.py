"""The client's own reader of COCO's run-length code beside pycocotools, which has written it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco

from slipway_client import masks
from tests import chance

by_chance = settings(database=None, deadline=None, max_examples=chance.times(100))
SIDES = some.integers(1, 24)


def code_of(mask: np.ndarray) -> str:
    return coco.encode(np.asfortranarray(mask, np.uint8))["counts"].decode()


@seeded(chance.seed())
@by_chance
@given(arrays(bool, some.tuples(SIDES, SIDES)))
def test_any_mask_comes_back_as_it_was(mask: np.ndarray):
    assert (masks.decode(code_of(mask), mask.shape) == mask).all()


@pytest.mark.parametrize("inside", [False, True])
def test_long_runs_of_a_large_picture_come_back(inside: bool):
    mask = np.full((5000, 4000), inside)
    mask[1000:4000, 17] ^= True
    mask[-1, -1] ^= True
    decoded = masks.decode(code_of(mask), (5000, 4000))
    assert decoded.dtype == bool
    assert (decoded == mask).all()


@seeded(chance.seed())
@by_chance
@given(some.text(max_size=12), SIDES, SIDES)
def test_a_damaged_code_is_refused_and_never_a_mask_of_another_size(text, height, width):
    try:
        decoded = masks.decode(text, (height, width))
    except ValueError:
        return
    assert decoded.shape == (height, width)
    assert (masks.decode(code_of(decoded), (height, width)) == decoded).all()

"""Pasted masks, run-length codes and polygons against the plain rule and pycocotools."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco

from mrcnn.masks import encode_rle, mask_area, paste, polygons, rle_area
from mrcnn.molding import resize_bilinear

JUST_BELOW = np.nextafter(np.float32(0.5), np.float32(0))


def noisy(rng: np.random.Generator) -> np.ndarray:
    return rng.random((28, 28), dtype=np.float32)


def smooth(rng: np.random.Generator, cells: int = 5) -> np.ndarray:
    logits = resize_bilinear(3 * rng.normal(size=(cells, cells)), (28, 28))
    return (1 / (1 + np.exp(-logits))).astype(np.float32)


def on_the_edge(rng: np.random.Generator) -> np.ndarray:
    """Values whose blends land on the threshold itself, so that rounding decides."""
    values = np.array([0.5, JUST_BELOW, np.nextafter(JUST_BELOW, np.float32(0))], np.float32)
    return rng.choice(values, (28, 28))


def constant(value: float) -> np.ndarray:
    return np.full((28, 28), value, np.float32)


def random_box(rng: np.random.Generator, size: tuple[int, int]) -> tuple[int, int, int, int]:
    top, bottom = sorted(rng.choice(size[0] + 1, 2, replace=False))
    left, right = sorted(rng.choice(size[1] + 1, 2, replace=False))
    return int(top), int(left), int(bottom), int(right)


def pasted_code(mask: np.ndarray, box: tuple[int, int, int, int], size: tuple[int, int]) -> str:
    full = np.zeros(size, np.uint8, order="F")
    full[box[0] : box[2], box[1] : box[3]] = paste(mask, box)
    return coco.encode(full)["counts"].decode()


def ring_mask() -> np.ndarray:
    y, x = np.mgrid[:28, :28] - 13.5
    radius = np.hypot(y, x)
    return (1 / (1 + np.exp(2 * np.abs(radius - 9) - 7))).astype(np.float32)


def rasterize(outlines: list, size: tuple[int, int]) -> np.ndarray:
    """Set the pixels whose centre is inside, by the even-odd rule."""
    inside = np.zeros(size, bool)
    rows, columns = np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5
    for ring in (ring for polygon in outlines for ring in polygon):
        for (x0, y0), (x1, y1) in pairwise(ring):
            crossed = np.flatnonzero((rows >= min(y0, y1)) & (rows < max(y0, y1)))
            if crossed.size:
                x = x0 + (rows[crossed] - y0) / (y1 - y0) * (x1 - x0)
                inside[crossed] ^= columns[None] >= x[:, None]
    return inside


@pytest.mark.parametrize("kind", [noisy, smooth, on_the_edge], ids=lambda kind: kind.__name__)
def test_paste_is_the_resize_rounded_to_float32_and_cut_at_half(kind):
    rng = np.random.default_rng(3)
    for _ in range(20):
        mask, box = kind(rng), random_box(rng, (300, 300))
        resized = resize_bilinear(mask, (box[2] - box[0], box[3] - box[1]))
        assert np.array_equal(paste(mask, box), resized.astype(np.float32) >= 0.5)


def test_mask_that_is_nowhere_below_half_stays_whole_at_the_rim():
    assert paste(constant(0.5), (0, 0, 60, 60)).all()
    mask = constant(0.9)
    mask[5, 5] = 0.1
    assert not paste(mask, (0, 0, 600, 600))[0, 0]


@pytest.mark.parametrize("kind", [noisy, smooth, on_the_edge], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("traced_pixels", [0, 1 << 14], ids=["always solved", "as it comes"])
def test_code_equals_that_of_the_pasted_bitmap(kind, traced_pixels, monkeypatch):
    monkeypatch.setattr("mrcnn.masks._TRACED_PIXELS", traced_pixels)
    rng = np.random.default_rng(11)
    for _ in range(60):
        size = tuple(int(side) for side in rng.integers(2, 640, 2))
        mask, box = kind(rng), random_box(rng, size)
        assert encode_rle(mask, box, size)["counts"] == pasted_code(mask, box, size), (size, box)


@pytest.mark.parametrize("kind", [noisy, smooth, on_the_edge], ids=lambda kind: kind.__name__)
def test_area_is_that_of_the_pasted_bitmap(kind):
    rng = np.random.default_rng(12)
    for _ in range(60):
        mask, box = kind(rng), random_box(rng, (640, 640))
        assert mask_area(mask, box) == paste(mask, box).sum(), box


@pytest.mark.parametrize(
    "box",
    [
        pytest.param((0, 0, 200, 300), id="whole photo"),
        pytest.param((0, 40, 200, 260), id="full height"),
        pytest.param((30, 0, 160, 300), id="full width"),
        pytest.param((120, 150, 200, 300), id="lower right corner"),
        pytest.param((0, 0, 1, 1), id="first pixel"),
        pytest.param((199, 299, 200, 300), id="last pixel"),
        pytest.param((50, 60, 51, 290), id="one row"),
        pytest.param((10, 60, 190, 61), id="one column"),
    ],
)
@pytest.mark.parametrize(
    "mask",
    [
        pytest.param(constant(0.5), id="exactly half"),
        pytest.param(constant(JUST_BELOW), id="just below half"),
        pytest.param(constant(1), id="all"),
        pytest.param(constant(0), id="nothing"),
        pytest.param(smooth(np.random.default_rng(1)), id="smooth"),
        pytest.param(noisy(np.random.default_rng(2)), id="noisy"),
        pytest.param(np.eye(28, dtype=np.float32), id="binary"),
    ],
)
def test_code_is_right_at_the_photos_borders(mask, box):
    rle = encode_rle(mask, box, (200, 300))
    assert rle["size"] == [200, 300]
    assert rle["counts"] == pasted_code(mask, box, (200, 300))
    assert rle_area(rle) == mask_area(mask, box) == paste(mask, box).sum()


@pytest.mark.parametrize(
    "box",
    [
        pytest.param((10, 10, 10, 20), id="no height"),
        pytest.param((-1, 0, 10, 10), id="above the photo"),
        pytest.param((0, 0, 10, 31), id="right of the photo"),
    ],
)
def test_box_outside_the_photo_is_refused(box):
    with pytest.raises(ValueError, match="no area inside a photo of 20 x 30"):
        encode_rle(constant(1), box, (20, 30))


def test_hundred_masks_over_twelve_megapixels_stay_small():
    rng = np.random.default_rng(5)
    masks = [smooth(rng) for _ in range(90)] + [noisy(rng) for _ in range(10)]
    tracemalloc.start()
    codes = [encode_rle(mask, (0, 0, 3000, 4000), (3000, 4000)) for mask in masks]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(codes) == 100
    assert peak < 60e6


def test_undecided_twelve_megapixel_mask_is_evaluated_in_parts():
    mask = on_the_edge(np.random.default_rng(9))
    tracemalloc.start()
    rle = encode_rle(mask, (0, 0, 3000, 4000), (3000, 4000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rle_area(rle) == paste(mask, (0, 0, 3000, 4000)).sum()
    assert peak < 100e6


@pytest.mark.parametrize("side", [40, 75, 112, 250, 600])
def test_polygons_cover_the_pasted_mask(side):
    rng = np.random.default_rng(side)
    for mask in [smooth(rng), smooth(rng, 9), ring_mask(), constant(0.8)]:
        box = (7, 11, 7 + side, 11 + side + 20)
        expected = np.zeros((side + 30, side + 50), bool)
        expected[box[0] : box[2], box[1] : box[3]] = paste(mask, box)
        drawn = rasterize(polygons(mask, box), expected.shape)
        assert (drawn & expected).sum() / (drawn | expected).sum() >= 0.97


def test_ring_keeps_its_hole():
    outlines = polygons(ring_mask(), (10, 20, 210, 220))
    assert len(outlines) == 1
    exterior, hole = (np.array(ring) for ring in outlines[0])
    assert np.ptp(exterior[:, 0]) > np.ptp(hole[:, 0]) > 50
    assert np.allclose((hole.min(0) + hole.max(0)) / 2, [120, 110], atol=0.02)


def test_rings_are_closed_rounded_and_inside_the_box():
    for outline in polygons(noisy(np.random.default_rng(4)), (3, 5, 803, 333)):
        for ring in outline:
            assert ring[0] == ring[-1]
            assert len(ring) >= 4
            points = np.array(ring)
            assert np.array_equal(points, np.round(points, 2))
            assert (points >= [5, 3]).all()
            assert (points <= [333, 803]).all()


def test_whole_box_is_a_rectangle_of_four_corners():
    (rectangle,) = polygons(constant(0.9), (10, 20, 40, 60))
    assert len(rectangle[0]) == 5
    assert {tuple(point) for point in rectangle[0]} == {(20, 10), (60, 10), (60, 40), (20, 40)}


def test_nothing_has_no_polygons():
    assert polygons(constant(0.2), (10, 20, 40, 60)) == []


def test_outline_of_a_large_box_has_no_more_points_than_that_of_a_small_one():
    mask = smooth(np.random.default_rng(8))
    small, large = (
        sum(len(ring) for outline in polygons(mask, (0, 0, side, side)) for ring in outline)
        for side in (200, 3000)
    )
    assert large < 1.5 * small


@pytest.mark.goldens
def test_golden_masks_are_pasted_bit_for_bit(goldens: Path):
    for path in sorted(goldens.glob("*.npz")):
        golden = np.load(path)
        height, width, _ = (int(side) for side in golden["final_masks_shape"])
        for mask, box, packed in zip(
            golden["detection_masks"],
            golden["final_rois"],
            golden["final_masks_packed"],
            strict=True,
        ):
            full = np.zeros((height, width), bool)
            full[box[0] : box[2], box[1] : box[3]] = paste(mask, box)
            assert np.array_equal(np.packbits(full), packed), path.name
            expected = coco.encode(np.asfortranarray(full.view(np.uint8)))["counts"].decode()
            assert encode_rle(mask, box, (height, width))["counts"] == expected, path.name

"""The demo world, checked against plain geometry: corners and winding, not signed distances."""

import math
import subprocess
import sys

import numpy as np
import pytest

from mrcnn.demo.scenes import (
    CLASS_NAMES,
    EVALUATION_SEEDS,
    FIRST_TRAINING_SEED,
    MAX_EXTENT,
    MIN_EXTENT,
    MIN_IN_FRAME,
    MIN_VISIBLE,
    SAMPLE_SEEDS,
    Scene,
    make_scene,
)
from mrcnn.demo.shapes import PROPORTIONS, Shape, local_coordinates, signed_distance

SIDE = 320
SEEDS = range(40)

# Of the first sample, as the shipped demo model was trained.
EXPECTED_NAMES = [
    "star",
    "ring",
    "hexagon",
    "pentagon",
    "cross",
    "cross",
    "hexagon",
    "circle",
    "ellipse",
    "triangle",
    "cross",
    "cross",
]
EXPECTED_AREAS = [1596, 5794, 1480, 3949, 2161, 3451, 621, 16571, 2753, 948, 528, 585]
EXPECTED_MEAN_RGB = [140.04, 146.29, 112.45]


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [make_scene(seed) for seed in SEEDS]


def make_shape(class_name: str, extent: float = 100.0, angle: float = 0.4) -> Shape:
    low, high = PROPORTIONS.get(class_name, (1.0, 1.0))
    return Shape(class_name, 80.25, 79.5, extent, angle, (low + high) / 2)


def corners(shape: Shape) -> list[complex]:
    """The corners of a straight-edged shape in its own frame, in order, u + v j."""
    radius, proportion = shape.extent / 2, shape.proportion
    regular = {"square": 4, "pentagon": 5, "hexagon": 6}
    if shape.class_name in regular:
        count = regular[shape.class_name]
        start = math.pi / 4 if count == 4 else 0.0
        angles = [start + 2 * math.pi * k / count for k in range(count)]
        return [radius * complex(math.cos(a), math.sin(a)) for a in angles]
    if shape.class_name == "rectangle":
        half = complex(proportion, 1) * radius / math.hypot(proportion, 1)
        return [half, -half.conjugate(), -half, half.conjugate()]
    if shape.class_name == "triangle":
        base = proportion * math.pi * 2 / 3
        angles = [0.0, math.pi - base / 2, math.pi + base / 2]
        return [radius * complex(math.cos(a), math.sin(a)) for a in angles]
    if shape.class_name == "star":
        return [
            radius * (proportion if k % 2 else 1.0) * complex(math.cos(a), math.sin(a))
            for k, a in ((k, k * math.pi / 5) for k in range(10))
        ]
    half_length = radius / math.hypot(1, proportion)
    arm, notch = half_length * (1 + 1j * proportion), half_length * proportion * (1 + 1j)
    quarter = [arm.conjugate(), arm, notch]
    return [corner * 1j**turn for turn in range(4) for corner in quarter]


def inside(shape: Shape, side: int = SIDE) -> np.ndarray:
    """Which pixel centres lie in the shape, bool [side, side], by float64 arithmetic."""
    centres = np.arange(side) + 0.5
    points = (centres[None, :] - shape.centre_x) + 1j * (centres[:, None] - shape.centre_y)
    points = points * np.exp(-1j * shape.angle)
    radius = shape.extent / 2
    if shape.class_name == "circle":
        return np.abs(points) <= radius
    if shape.class_name == "ring":
        return (np.abs(points) <= radius) & (np.abs(points) >= radius * shape.proportion)
    if shape.class_name == "ellipse":
        return np.abs(points.real + 1j * points.imag * shape.proportion) <= radius
    polygon = corners(shape)
    is_inside = np.zeros(points.shape, bool)
    for start, end in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        crosses = (start.imag > points.imag) != (end.imag > points.imag)
        height = end.imag - start.imag
        if height:
            u = start.real + (points.imag - start.imag) * (end.real - start.real) / height
            is_inside ^= crosses & (points.real < u)
    return is_inside


def test_seed_alone_makes_the_scene() -> None:
    first, second = make_scene(7), make_scene(7)
    np.testing.assert_array_equal(first.image, second.image)
    np.testing.assert_array_equal(first.masks, second.masks)
    np.testing.assert_array_equal(first.class_ids, second.class_ids)
    assert first.shapes == second.shapes
    assert not np.array_equal(first.image, make_scene(8).image)


def test_world_stays_as_it_was_when_the_demo_model_learned_it() -> None:
    """A change here makes the shipped weights, samples and their published AP meaningless."""
    scene = make_scene(SAMPLE_SEEDS[0])
    names = [CLASS_NAMES[class_id - 1] for class_id in scene.class_ids]
    assert names == EXPECTED_NAMES
    areas = scene.masks.sum(axis=(0, 1))
    np.testing.assert_allclose(areas, EXPECTED_AREAS, atol=2)
    np.testing.assert_allclose(scene.image.mean(axis=(0, 1)), EXPECTED_MEAN_RGB, atol=0.5)


def test_scene_has_the_promised_types(scenes: list[Scene]) -> None:
    for scene in scenes:
        count = len(scene.class_ids)
        assert 3 <= count <= 12
        assert scene.image.shape == (SIDE, SIDE, 3)
        assert scene.image.dtype == np.uint8
        assert scene.masks.shape == (SIDE, SIDE, count)
        assert scene.masks.dtype == bool
        assert scene.class_ids.dtype == np.int32
        assert [shape.class_id for shape in scene.shapes] == scene.class_ids.tolist()


@pytest.mark.parametrize("side", [128, 512])
def test_other_sides_work(side: int) -> None:
    scene = make_scene(3, side)
    assert scene.image.shape == (side, side, 3)
    assert scene.masks.shape[:2] == (side, side)


def test_masks_are_exactly_what_is_seen(scenes: list[Scene]) -> None:
    for scene in scenes:
        owners = np.zeros((SIDE, SIDE), int)
        for number, shape in enumerate(scene.shapes, 1):
            owners[inside(shape)] = number
        assert scene.masks.sum(axis=2).max() == 1
        seen = (scene.masks * np.arange(1, len(scene.shapes) + 1)).sum(axis=2)
        # A centre that lies on an outline but for a rounding may fall on either side.
        assert np.count_nonzero(seen != owners) <= 2


def test_every_shape_stays_recognizable(scenes: list[Scene]) -> None:
    margin = SIDE // 2
    for scene in scenes:
        for shape, visible in zip(scene.shapes, scene.masks.sum(axis=(0, 1)), strict=True):
            moved = Shape(
                shape.class_name,
                shape.centre_y + margin,
                shape.centre_x + margin,
                shape.extent,
                shape.angle,
                shape.proportion,
            )
            whole = inside(moved, 2 * SIDE)
            in_frame = whole[margin : margin + SIDE, margin : margin + SIDE]
            assert visible >= MIN_VISIBLE * whole.sum() - 2
            assert in_frame.sum() >= MIN_IN_FRAME * whole.sum() - 2


def test_every_class_and_size_appears(scenes: list[Scene]) -> None:
    class_ids = np.concatenate([scene.class_ids for scene in scenes])
    assert set(class_ids.tolist()) == set(range(1, len(CLASS_NAMES) + 1))
    extents = np.array([shape.extent for scene in scenes for shape in scene.shapes]) / SIDE
    assert MIN_EXTENT <= extents.min() < 1.1 * MIN_EXTENT
    assert 0.9 * MAX_EXTENT < extents.max() <= MAX_EXTENT
    # Evenly over the logarithm: a third of all in each third of the range.
    thirds = np.histogram(np.log(extents), 3, (math.log(MIN_EXTENT), math.log(MAX_EXTENT)))[0]
    assert thirds.min() > 0.2 * len(extents)


def test_samples_show_every_class() -> None:
    class_ids = np.concatenate([make_scene(seed).class_ids for seed in SAMPLE_SEEDS])
    assert set(class_ids.tolist()) == set(range(1, len(CLASS_NAMES) + 1))


def test_no_scene_is_both_for_training_and_for_evaluation() -> None:
    assert len(EVALUATION_SEEDS) == 500
    assert not set(SAMPLE_SEEDS) & set(EVALUATION_SEEDS)
    assert max(*EVALUATION_SEEDS, *SAMPLE_SEEDS) < FIRST_TRAINING_SEED


@pytest.mark.parametrize("class_name", CLASS_NAMES)
@pytest.mark.parametrize("angle", [0.0, 0.4, 3.3])
def test_distance_agrees_with_plain_geometry(class_name: str, angle: float) -> None:
    shape = make_shape(class_name, angle=angle)
    pixels = np.arange(160)
    distance = signed_distance(shape, *local_coordinates(shape, pixels, pixels))
    assert distance.dtype == np.float32
    differs = (distance <= 0) != inside(shape, 160)
    assert np.abs(distance[differs]).max(initial=0) < 1e-3


@pytest.mark.parametrize("class_name", CLASS_NAMES)
def test_distance_near_the_outline_is_in_pixels(class_name: str) -> None:
    shape = make_shape(class_name)
    pixels = np.arange(160)
    distance = signed_distance(shape, *local_coordinates(shape, pixels, pixels))
    slope = np.hypot(*np.gradient(distance.astype(float)))
    near = np.abs(distance) < 1
    assert abs(np.median(slope[near]) - 1) < 0.05


def test_ring_has_its_hole() -> None:
    shape = make_shape("ring")
    mask = inside(shape, 160)
    pixels = np.arange(160)
    u, v = local_coordinates(shape, pixels, pixels)
    distance = signed_distance(shape, u, v)
    assert distance[80, 79] > 0
    assert not mask[80, 79]
    expected = math.pi * 50**2 * (1 - shape.proportion**2)
    assert np.count_nonzero(distance <= 0) == pytest.approx(expected, rel=0.01)


def test_shape_differs_from_what_surrounds_it(scenes: list[Scene]) -> None:
    """The mean colour just inside a shape and just outside it, over the visible outline."""
    steps = []
    for scene in scenes:
        image = scene.image.astype(float)
        for index in range(len(scene.shapes)):
            mask = scene.masks[..., index]
            grown = dilate(mask, 4)
            outside = grown & ~dilate(mask, 1)
            steps.append(np.linalg.norm(image[mask].mean(axis=0) - image[outside].mean(axis=0)))
    assert np.percentile(steps, 5) > 30
    assert np.median(steps) > 80


def dilate(mask: np.ndarray, reach: int) -> np.ndarray:
    grown = mask.copy()
    for _ in range(reach):
        padded = np.pad(grown, 1)
        grown = padded[1:-1, 1:-1] | padded[:-2, 1:-1] | padded[2:, 1:-1]
        grown |= padded[1:-1, :-2] | padded[1:-1, 2:]
    return grown


def test_scenes_load_no_framework() -> None:
    """They are made beside the training, in processes that must start at once."""
    code = (
        "import sys, mrcnn.demo.scenes, mrcnn.demo.contact_sheet;"
        "sys.exit(any(name in sys.modules for name in ('tensorflow', 'keras')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""Pictures of the demo world with their exact instance masks, each a pure function of its seed.

Nothing is stored or downloaded: training, evaluation and the shipped samples are ranges of seeds.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from mrcnn.demo.shapes import (
    CLASS_NAMES,
    Shape,
    draw_proportion,
    local_coordinates,
    signed_distance,
)
from mrcnn.demo.surfaces import add_pixel_noise, make_background, paint

__all__ = [
    "CLASS_NAMES",
    "EVALUATION_SEEDS",
    "FIRST_TRAINING_SEED",
    "SAMPLE_SEEDS",
    "Scene",
    "make_scene",
]

EVALUATION_SEEDS = range(500)
SAMPLE_SEEDS = (500, 509, 511, 516, 518, 523)
FIRST_TRAINING_SEED = 1_000_000

MIN_SHAPES, MAX_SHAPES = 3, 12
# Extents are a share of the picture's side: 24 to 240 pixels at side 320.
MIN_EXTENT, MAX_EXTENT = 0.075, 0.75
# Below these a shape could no longer be told by eye.
MIN_VISIBLE = 0.4
MIN_IN_FRAME = 0.75

_TRIES_AT_ONE_EXTENT = 10
_SHRINK = 0.7
# Places are tried on a grid this many points across a shape before its pixels are computed.
_COARSE_POINTS = 24


@dataclass(frozen=True)
class Scene:
    """A picture and what is on it, from back to front.

    image: uint8 [side, side, 3] RGB.
    masks: bool [side, side, n], the visible part of each shape: the pixels whose centres are
        inside it and not inside one in front of it.
    class_ids: int32 [n], 1 for the first of `CLASS_NAMES`.
    shapes: the whole shapes, hidden parts and all.
    """

    image: np.ndarray
    masks: np.ndarray
    class_ids: np.ndarray
    shapes: tuple[Shape, ...]


def make_scene(seed: int, side: int = 320) -> Scene:
    """Make the scene of a seed (0 or more): 3 to 12 shapes on a square of `side` pixels."""
    rng = random.Random(seed)
    canvas = _Canvas(rng, side)
    for _ in range(rng.randint(MIN_SHAPES, MAX_SHAPES)):
        _add_shape(rng, canvas)
    return canvas.finish()


def _add_shape(rng: random.Random, canvas: "_Canvas") -> None:
    """Add one more shape where it hides none too much; leave it out where there is no room.

    The least count of shapes always finds room: their smallest sizes cover little.
    """
    class_name = rng.choice(CLASS_NAMES)
    extent = math.exp(rng.uniform(math.log(MIN_EXTENT), math.log(MAX_EXTENT))) * canvas.side
    shape = Shape(
        class_name, 0.0, 0.0, extent, rng.uniform(0, 2 * math.pi), draw_proportion(rng, class_name)
    )
    for candidate in _candidates(rng, shape, canvas.side):
        if canvas.has_room(candidate) and canvas.add(candidate):
            return
        if candidate.extent <= MIN_EXTENT * canvas.side and len(canvas.shapes) >= MIN_SHAPES:
            return


def _candidates(rng: random.Random, shape: Shape, side: int) -> Iterator[Shape]:
    """Yield the shape at one place after another, then smaller, down to the smallest size."""
    extent = shape.extent
    while True:
        for _ in range(_TRIES_AT_ONE_EXTENT):
            margin = extent / 5
            centre_y = rng.uniform(margin, side - margin)
            centre_x = rng.uniform(margin, side - margin)
            yield replace(shape, centre_y=centre_y, centre_x=centre_x, extent=extent)
        extent = max(extent * _SHRINK, MIN_EXTENT * side)


class _Canvas:
    """A picture in the making: its colours, and which shape owns each pixel (0 is none)."""

    def __init__(self, rng: random.Random, side: int) -> None:
        self.side = side
        self.shapes: list[Shape] = []
        self._rng = rng
        self._planes = make_background(rng, side)
        self._owners = np.zeros((side, side), np.uint8)
        self._areas = [0]
        self._visible = [0]

    def has_room(self, shape: Shape) -> bool:
        """Judge a place on a coarse grid, so that hopeless ones cost little."""
        step = int(shape.extent / _COARSE_POINTS)
        if step < 2:
            return True
        ys, xs = _rows_and_columns(shape, step)
        inside = signed_distance(shape, *local_coordinates(shape, ys, xs)) <= 0
        rows, columns = _within(ys, self.side), _within(xs, self.side)
        in_frame = inside[rows, columns]
        owners = self._owners[ys[rows][0] : self.side, xs[columns][0] : self.side]
        owners = owners[::step, ::step][: in_frame.shape[0], : in_frame.shape[1]]
        hidden = np.bincount(owners[in_frame], minlength=len(self._areas)) * step**2
        area, visible = int(np.count_nonzero(inside)), int(np.count_nonzero(in_frame))
        return self._is_fair(hidden, area * step**2, visible * step**2)

    def add(self, shape: Shape) -> bool:
        """Paint the shape in front of all others, unless that would hide too much of one."""
        ys, xs = _rows_and_columns(shape, 1)
        u, v = local_coordinates(shape, ys, xs)
        distance = signed_distance(shape, u, v)
        inside = distance <= 0
        rows, columns = _within(ys, self.side), _within(xs, self.side)
        area = int(np.count_nonzero(inside))
        inside = inside[rows, columns]
        window = np.s_[ys[rows][0] : ys[rows][-1] + 1, xs[columns][0] : xs[columns][-1] + 1]
        hidden = np.bincount(self._owners[window][inside], minlength=len(self._areas))
        visible = int(np.count_nonzero(inside))
        if not self._is_fair(hidden, area, visible):
            return False
        self.shapes.append(shape)
        self._owners[window][inside] = len(self.shapes)
        self._visible = [*(np.array(self._visible) - hidden).tolist(), visible]
        self._areas.append(area)
        paint(
            self._rng,
            self._planes[(slice(None), *window)],
            distance[rows, columns],
            (u[rows, columns], v[rows, columns]),
            shape.extent / 2,
        )
        return True

    def finish(self) -> Scene:
        add_pixel_noise(self._rng, self._planes)
        self._planes += np.float32(0.5)
        np.clip(self._planes, 0, 255, out=self._planes)
        image = np.ascontiguousarray(self._planes.astype(np.uint8).transpose(1, 2, 0))
        indices = np.arange(1, len(self.shapes) + 1, dtype=np.uint8)
        masks = self._owners[None] == indices[:, None, None]
        class_ids = np.array([shape.class_id for shape in self.shapes], np.int32)
        return Scene(image, masks.transpose(1, 2, 0), class_ids, tuple(self.shapes))

    def _is_fair(self, hidden: np.ndarray, area: int, in_frame: int) -> bool:
        if in_frame < MIN_IN_FRAME * area:
            return False
        return all(
            visible - covered >= MIN_VISIBLE * whole
            for visible, covered, whole in zip(
                self._visible[1:], hidden[1:].tolist(), self._areas[1:], strict=True
            )
        )


def _rows_and_columns(shape: Shape, step: int) -> tuple[np.ndarray, np.ndarray]:
    """The pixel rows and columns, whole numbers, that the shape and its soft edge can reach."""
    reach = shape.extent / 2 + 5
    rows = np.arange(math.floor(shape.centre_y - reach), math.ceil(shape.centre_y + reach), step)
    columns = np.arange(math.floor(shape.centre_x - reach), math.ceil(shape.centre_x + reach), step)
    return rows, columns


def _within(pixels: np.ndarray, side: int) -> slice:
    """The part of a run of ascending pixel numbers that lies in the picture."""
    first, end = np.searchsorted(pixels, (0, side))
    return slice(int(first), int(end))

"""The geometry of the ten classes of the demo world, as analytic signed distances.

One number a pixel centre says all that a picture needs: negative is inside (the exact mask), and
the last half pixel on both sides of zero is the anti-aliased edge. Nothing here knows of colour.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

CLASS_NAMES = (
    "square",
    "rectangle",
    "circle",
    "ellipse",
    "triangle",
    "pentagon",
    "hexagon",
    "star",
    "cross",
    "ring",
)

# What `Shape.proportion` may be, for the classes that have one.
PROPORTIONS = {
    "rectangle": (1.4, 3.0),  # long side / short side; never so low that it could pass for a square
    "ellipse": (1.4, 2.5),  # long axis / short axis
    "triangle": (0.75, 1.3),  # half the angle at the apex, relative to an equilateral one's
    "star": (0.38, 0.5),  # inner / outer radius
    "cross": (0.28, 0.4),  # width of an arm / length of the whole cross
    "ring": (0.45, 0.65),  # radius of the hole / outer radius
}


@dataclass(frozen=True)
class Shape:
    """One shape where it lies: `extent` is the diameter of its circumscribed circle, in pixels."""

    class_name: str
    centre_y: float
    centre_x: float
    extent: float
    angle: float
    proportion: float

    @property
    def class_id(self) -> int:
        return CLASS_NAMES.index(self.class_name) + 1


def draw_proportion(rng: random.Random, class_name: str) -> float:
    """Draw how long, pointed or thick a shape of this class is; 1 where the class has no choice."""
    return rng.uniform(*PROPORTIONS.get(class_name, (1.0, 1.0)))


def local_coordinates(shape: Shape, ys: np.ndarray, xs: np.ndarray) -> tuple[Plane, Plane]:
    """Turn the pixels' rows `ys` [h] and columns `xs` [w] into the shape's own frame.

    Returns u and v, float32 [h, w], in pixels from the shape's centre along its own axes.
    """
    down = (ys + (0.5 - shape.centre_y)).astype(np.float32)[:, None]
    right = (xs + (0.5 - shape.centre_x)).astype(np.float32)[None, :]
    cos, sin = np.float32(math.cos(shape.angle)), np.float32(math.sin(shape.angle))
    return right * cos + down * sin, down * cos - right * sin


def signed_distance(shape: Shape, u: Plane, v: Plane) -> Plane:
    """Give each point's distance to the outline, float32 [h, w] pixels, negative inside.

    It is exact on the outline and near it; far outside a corner it may fall short.
    """
    return _DISTANCES[shape.class_name](u, v, shape.extent / 2, shape.proportion)


def _box(u: Plane, v: Plane, half_u: float, half_v: float) -> Plane:
    return np.maximum(np.abs(u) - np.float32(half_u), np.abs(v) - np.float32(half_v))


def _half_plane(u: Plane, v: Plane, normal: float, offset: float) -> Plane:
    """Distance to a line whose normal has this angle, `offset` from the centre."""
    distance = u * np.float32(math.cos(normal))
    distance += v * np.float32(math.sin(normal))
    distance -= np.float32(offset)
    return distance


def _square(u: Plane, v: Plane, radius: float, _: float) -> Plane:
    return _box(u, v, radius * math.sqrt(0.5), radius * math.sqrt(0.5))


def _rectangle(u: Plane, v: Plane, radius: float, aspect: float) -> Plane:
    half_short = radius / math.hypot(1, aspect)
    return _box(u, v, half_short * aspect, half_short)


def _circle(u: Plane, v: Plane, radius: float, _: float) -> Plane:
    return np.sqrt(u * u + v * v) - np.float32(radius)


def _ellipse(u: Plane, v: Plane, radius: float, aspect: float) -> Plane:
    """First-order distance: the implicit function over the length of its gradient."""
    across, along = u * np.float32(1 / radius), v * np.float32(aspect / radius)
    level = np.sqrt(across * across + along * along)
    along *= np.float32(aspect)
    gradient = np.sqrt(across * across + along * along)
    gradient += np.float32(1e-6)  # the centre, where both are zero
    return level * (level - 1) / gradient * np.float32(radius)


def _triangle(u: Plane, v: Plane, radius: float, apex: float) -> Plane:
    """Isosceles, its corners on the circumscribed circle, its apex at +u."""
    half_apex = apex * math.pi / 6
    base = radius * math.cos(2 * half_apex)
    side = radius * math.sin(half_apex)
    slanted = _half_plane(u, np.abs(v), math.pi / 2 - half_apex, side)
    distance: Plane = np.maximum(slanted, -u - np.float32(base))
    return distance


def _pentagon(u: Plane, v: Plane, radius: float, _: float) -> Plane:
    mirrored, inner = np.abs(v), radius * math.cos(math.pi / 5)
    sides = [_half_plane(u, mirrored, k * math.pi / 5, inner) for k in (1, 3)]
    distance: Plane = np.maximum(np.maximum(*sides), -u - np.float32(inner))
    return distance


def _hexagon(u: Plane, v: Plane, radius: float, _: float) -> Plane:
    mirrored, inner = np.abs(v), radius * math.cos(math.pi / 6)
    slanted = _half_plane(np.abs(u), mirrored, math.pi / 6, inner)
    distance: Plane = np.maximum(slanted, mirrored - np.float32(inner))
    return distance


def _star(u: Plane, v: Plane, radius: float, inner: float) -> Plane:
    """Five points: folded along its mirror lines, all ten edges are one."""
    along: Plane = u
    across: Plane = v
    for mirror in (2 * math.pi / 5, math.pi / 5):
        across = np.abs(across)
        cos, sin = np.float32(math.cos(mirror)), np.float32(math.sin(mirror))
        beyond: Plane = np.maximum(across * cos - along * sin, 0)
        beyond *= 2
        along, across = along + beyond * sin, across - beyond * cos
    notch_u = radius * inner * math.cos(math.pi / 5)
    notch_v = radius * inner * math.sin(math.pi / 5)
    normal = math.atan2(radius - notch_u, notch_v)
    return _half_plane(along, across, normal, radius * math.cos(normal))


def _cross(u: Plane, v: Plane, radius: float, thickness: float) -> Plane:
    half_length = radius / math.hypot(1, thickness)
    half_width = half_length * thickness
    upright = _box(u, v, half_length, half_width)
    return np.minimum(upright, _box(u, v, half_width, half_length), out=upright)


def _ring(u: Plane, v: Plane, radius: float, hole: float) -> Plane:
    half_width = radius * (1 - hole) / 2
    return np.abs(_circle(u, v, radius - half_width, 1.0)) - np.float32(half_width)


_DISTANCES: dict[str, Callable[[Plane, Plane, float, float], Plane]] = {
    "square": _square,
    "rectangle": _rectangle,
    "circle": _circle,
    "ellipse": _ellipse,
    "triangle": _triangle,
    "pentagon": _pentagon,
    "hexagon": _hexagon,
    "star": _star,
    "cross": _cross,
    "ring": _ring,
}

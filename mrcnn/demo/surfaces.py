"""What the demo world is painted with: textures, shading, backgrounds and noise.

All of it works on float32 planes [3, h, w] in 0..255, and every choice comes from the scene's own
`random.Random`, whose numbers are the same on every machine and Python.
"""

import functools
import math
import random
from collections.abc import Callable

import numpy as np
from PIL import Image

from mrcnn.demo.shapes import Plane

# Hues are told apart about as the eye does: green counts most, blue least (sums to 3).
_CHANNEL_WEIGHTS = np.array([0.9, 1.5, 0.6], np.float32)
_MIN_COLOUR_DISTANCE = 70.0
_COLOUR_TRIES = 12

_Colour = tuple[float, float, float]


def make_background(rng: random.Random, side: int) -> Plane:
    """Make a picture with nothing on it yet: two or three colours that flow into each other.

    Returns float32 [3, side, side].
    """
    base = _draw_colour(rng, 40, 215)
    flow = rng.choice((_linear_flow, _radial_flow))(rng, side)
    planes = _mix(base, _nearby_colour(rng, base, 110), flow)
    blobs = _smooth_field(rng, side, cells=rng.randint(3, 12))
    blobs -= np.float32(0.5)
    tint = _nearby_colour(rng, (0.0, 0.0, 0.0), rng.uniform(10, 120))
    for plane, strength in zip(planes, tint, strict=True):
        plane += blobs * np.float32(strength)
    if rng.random() < 0.3:
        _add_pattern(rng, planes)
    return planes


def add_pixel_noise(rng: random.Random, planes: Plane) -> None:
    """Add the grain of a camera to the picture, in place: grey or coloured, weak or strong."""
    side = planes.shape[-1]
    strength = np.float32(math.exp(rng.uniform(math.log(2), math.log(14))))
    grains = [_crop(rng, _grain(side), side, side)] * 3
    if rng.random() < 0.5:
        grains = [_crop(rng, _grain(side), side, side) for _ in range(3)]
    for plane, grain in zip(planes, grains, strict=True):
        plane += grain * strength


def paint(
    rng: random.Random,
    planes: Plane,
    distance: Plane,
    local: tuple[Plane, Plane],
    radius: float,
) -> None:
    """Paint one shape over a window of the picture, in place.

    `planes` is float32 [3, h, w]; `distance` [h, w] is signed, in pixels, and `local` holds the
    pixels' coordinates u and v in the shape's frame, as `shapes` gives them.
    """
    u, v = local
    swing = _nearby_colour(rng, (0.0, 0.0, 0.0), rng.uniform(35, 110))
    first = _contrasting_colour(rng, planes, distance, swing)
    texture = rng.choice(_TEXTURES)(rng, u, v, radius)
    shade = _shading(rng, u, v, radius)
    _add_rim(rng, shade, distance, radius)
    coverage = np.float32(0.5) - distance
    np.clip(coverage, 0, 1, out=coverage)
    scratch = np.empty_like(distance)
    for plane, start, step in zip(planes, first, swing, strict=True):
        np.multiply(texture, np.float32(step), out=scratch)
        scratch += np.float32(start)
        scratch *= shade
        np.clip(scratch, 0, 255, out=scratch)
        scratch -= plane
        scratch *= coverage
        plane += scratch


def _draw_colour(rng: random.Random, low: float, high: float) -> _Colour:
    return (rng.uniform(low, high), rng.uniform(low, high), rng.uniform(low, high))


def _nearby_colour(rng: random.Random, colour: _Colour, reach: float) -> _Colour:
    """Move a colour by up to `reach` a channel; mostly lighter or darker, partly another hue."""
    lightness = rng.uniform(-reach, reach)
    red, green, blue = (c + lightness + rng.uniform(-reach, reach) / 2 for c in colour)
    return (red, green, blue)


def _contrasting_colour(
    rng: random.Random, planes: Plane, distance: Plane, swing: _Colour
) -> _Colour:
    """Draw a colour which, with `swing` added or not, stands out from all around the outline."""
    step = 1 + max(distance.shape) // 80
    rows, columns = np.nonzero(np.abs(distance[::step, ::step] - np.float32(2.5)) < 2)
    thin = slice(None, None, 1 + rows.size // 48)
    around = planes[:, rows[thin] * step, columns[thin] * step].T  # [n, 3]
    means = [_draw_colour(rng, 20, 235) for _ in range(_COLOUR_TRIES)]
    half_swing = np.array(swing, np.float32) / 2
    candidates = np.array(means, np.float32) - half_swing
    ends = np.stack([candidates, candidates + 2 * half_swing])
    steps = np.clip(ends, 0, 255)[:, :, None, :] - around  # [2, tries, n, 3]
    steps *= steps
    distances = np.sort(np.sqrt((steps * _CHANNEL_WEIGHTS).sum(axis=3)).min(axis=0), axis=1)
    # Almost everywhere: a short stretch of the outline may fade, as it does in photos.
    worst = distances[:, around.shape[0] // 20]
    standing_out = np.flatnonzero(worst >= _MIN_COLOUR_DISTANCE)
    chosen = standing_out[0] if standing_out.size else np.argmax(worst)
    red, green, blue = candidates[chosen].tolist()
    return red, green, blue


def _mix(first: _Colour, second: _Colour, share: Plane) -> Plane:
    planes = np.empty((3, *share.shape), np.float32)
    for plane, start, end in zip(planes, first, second, strict=True):
        np.multiply(share, np.float32(end - start), out=plane)
        plane += np.float32(start)
    return planes


def _linear_flow(rng: random.Random, side: int) -> Plane:
    angle = rng.uniform(0, 2 * math.pi)
    ramp = np.linspace(-0.5, 0.5, side, dtype=np.float32)
    down, right = ramp * np.float32(math.sin(angle)), ramp * np.float32(math.cos(angle))
    return down[:, None] + (right + np.float32(0.5))[None, :]


def _radial_flow(rng: random.Random, side: int) -> Plane:
    ramp = np.linspace(0, 1, side, dtype=np.float32)
    down, right = ramp - np.float32(rng.random()), ramp - np.float32(rng.random())
    flow: Plane = np.sqrt((down * down)[:, None] + (right * right)[None, :])
    return flow


def _add_pattern(rng: random.Random, planes: Plane) -> None:
    """Give the background a weak pattern of its own, so that texture alone proves nothing."""
    side = planes.shape[-1]
    angle = rng.uniform(0, math.pi)
    ramp = np.arange(side, dtype=np.float32)
    cos, sin = np.float32(math.cos(angle)), np.float32(math.sin(angle))
    u = (ramp * sin)[:, None] + (ramp * cos)[None, :]
    v = (ramp * cos)[:, None] - (ramp * sin)[None, :]
    texture = rng.choice(_PATTERNS)(rng, u, v, side * rng.uniform(0.1, 0.4))
    texture *= np.float32(rng.choice((-1, 1)) * rng.uniform(8, 30))
    planes += texture


def _shading(rng: random.Random, u: Plane, v: Plane, radius: float) -> Plane:
    """Light that falls across a shape: a factor around 1, float32 [h, w]."""
    strength = rng.uniform(0, 0.35)
    if rng.random() < 0.5:
        angle = rng.uniform(0, 2 * math.pi)
        shade = u * np.float32(math.cos(angle) * strength / radius)
        shade += v * np.float32(math.sin(angle) * strength / radius)
        shade += np.float32(1)
        return shade
    across = u - np.float32(radius * rng.uniform(-0.5, 0.5))
    along = v - np.float32(radius * rng.uniform(-0.5, 0.5))
    across *= across
    along *= along
    across += along
    across *= np.float32(-strength / radius**2)
    across += np.float32(1 + strength / 2)
    return across


def _add_rim(rng: random.Random, shade: Plane, distance: Plane, radius: float) -> None:
    if rng.random() < 0.5:
        return
    width = max(1.0, radius * rng.uniform(0.03, 0.12))
    rim = np.clip(distance + np.float32(width), 0, 1)
    rim *= np.float32(rng.choice((-1, 1)) * rng.uniform(0.1, 0.35))
    shade += rim


# Textures. Each gives float32 [h, w] in 0..1, where 0 and 1 are a surface's two colours.


def _flat(rng: random.Random, u: Plane, v: Plane, radius: float) -> Plane:
    return np.full_like(u, rng.random())


def _striped(rng: random.Random, u: Plane, v: Plane, radius: float) -> Plane:
    angle, period = rng.uniform(0, math.pi), _draw_period(rng, radius)
    cos, sin = np.float32(math.cos(angle) / period), np.float32(math.sin(angle) / period)
    return _sharpen(_zigzag(u * cos + v * sin), period / 2)


def _checked(rng: random.Random, u: Plane, v: Plane, radius: float) -> Plane:
    period = 1.3 * _draw_period(rng, radius)
    across = _zigzag(u * np.float32(1 / period))
    along = _zigzag(v * np.float32(1 / period))
    across -= np.float32(0.5)
    along -= np.float32(0.5)
    across *= along
    across += np.float32(0.5)
    return _sharpen(across, period)


def _dotted(rng: random.Random, u: Plane, v: Plane, radius: float) -> Plane:
    period = 1.3 * _draw_period(rng, radius)
    across = _zigzag(u * np.float32(1 / period))
    along = _zigzag(v * np.float32(1 / period))
    across *= across
    along *= along
    across += along
    across += np.float32(0.5 - rng.uniform(0.2, 0.6))
    return _sharpen(across, period / 2)


def _noisy(rng: random.Random, u: Plane, v: Plane, radius: float) -> Plane:
    fields = [_cloud(cells) for cells in (8, 16, 32, 64)]
    crop = _crop(rng, rng.choice(fields), *u.shape)
    return _sharpen(crop.copy(), rng.choice((1.0, 2.5)))


_Texture = Callable[[random.Random, Plane, Plane, float], Plane]
_PATTERNS: tuple[_Texture, ...] = (_striped, _checked)  # no dots: a lone dot is a circle
_TEXTURES: tuple[_Texture, ...] = (_flat, _flat, _striped, _checked, _dotted, _noisy)


def _draw_period(rng: random.Random, radius: float) -> float:
    return max(5.0, radius * rng.uniform(0.25, 0.7))


def _zigzag(x: Plane) -> Plane:
    """The triangle wave of period 1 from 0 (at whole numbers) to 1, in place."""
    x -= np.rint(x)
    np.abs(x, out=x)
    x *= 2
    return x


def _sharpen(x: Plane, steepness: float) -> Plane:
    """Stretch what lies around 0.5 over 0..1, in place: an edge, one or two pixels soft."""
    x -= np.float32(0.5)
    x *= np.float32(steepness)
    x += np.float32(0.5)
    return np.clip(x, 0, 1, out=x)


# Noise. Fields too large to draw afresh for every scene are made once and cropped anywhere.


def _smooth_field(rng: random.Random, side: int, cells: int) -> Plane:
    """Soft blobs about `side / cells` pixels wide, in 0..1, float32 [side, side]."""
    knots = np.array([rng.random() for _ in range(cells * cells)], np.float32)
    return _enlarge(knots.reshape(cells, cells), side)


def _enlarge(knots: Plane, side: int) -> Plane:
    field = Image.fromarray(knots).resize((side, side), Image.Resampling.BILINEAR)
    return np.array(field)


def _crop(rng: random.Random, field: Plane, height: int, width: int) -> Plane:
    """Look at a random part of a field, maybe turned over; a view, never to be written to."""
    top = rng.randrange(field.shape[0] - height + 1)
    left = rng.randrange(field.shape[1] - width + 1)
    return field[top : top + height, left : left + width][:: rng.choice((-1, 1))]


@functools.cache
def _grain(side: int) -> Plane:
    """White noise of standard deviation 1, from NumPy's generator whose stream is frozen."""
    noise = np.random.RandomState(side).standard_normal((2 * side, 2 * side))
    return noise.astype(np.float32)


@functools.cache
def _cloud(cells: int) -> Plane:
    knots = np.random.RandomState(cells).random_sample((cells, cells)).astype(np.float32)
    return _enlarge(knots, 512)

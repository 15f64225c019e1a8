"""A small mask over a box becomes pixels, a COCO run-length code or polygons of the photo.

One mask at a time and in box coordinates; no function here ever holds an array of the photo's
size. All three forms follow the original's rule: resize as `mrcnn.bilinear`, round to float32,
keep what is at least .5.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import contourpy
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from mrcnn.bilinear import Samples, interpolate, resize_bilinear, with_border

Box = Sequence[int] | NDArray[np.integer[Any]]
Ring = list[list[float]]

# Rounding to float32 lifts everything from here to .5: the spacing below .5 is 2**-25, and the tie
# goes up. Comparing float64 values with it spares the rounding.
_THRESHOLD = 0.5 - 2.0**-26
# Two ways to compute one value differ by less than 2e-15; a value nearer to the threshold than
# this needs the original's own order of products.
_MARGIN = 1e-14
_CHUNK_PIXELS = 1 << 16
_TRACED_PIXELS = 1 << 14  # boxes up to here are faster pixel by pixel
_MULTIPLIED_PIXELS = 1 << 15  # boxes up to here have their area counted quicker by products
#: What OpenBLAS multiplies in the thread that asks: waking others takes longer than this does.
_PRODUCTS_OF_ONE_THREAD = 1 << 18
_SAMPLES_PER_CELL = 4  # of a polygon's outline, where the box is larger than the mask


def paste(mask: NDArray[np.float32], box_yxyx: Box) -> NDArray[np.bool_]:
    """Return the mask of the box's own pixels, bool [y2 - y1, x2 - x1], as the original does."""
    top, left, bottom, right = (int(side) for side in box_yxyx)
    pixels = np.full((bottom - top, right - left), _covers_all(mask))
    if pixels[0, 0] or _covers_nothing(mask):
        return pixels
    bordered, rows, columns = _sample(mask, pixels.shape)
    step = max(1, _CHUNK_PIXELS // len(columns))
    for start in range(0, len(rows), step):
        chunk = slice(start, start + step)
        pixels[chunk] = interpolate(bordered, rows[chunk], columns) >= _THRESHOLD
    return pixels


def encode_rle(
    mask: NDArray[np.float32], box_yxyx: Box, image_size: tuple[int, int]
) -> dict[str, Any]:
    """Return the COCO run-length code, {"size": [height, width], "counts": str}, of a whole photo.

    The box lies inside the photo. The code is the one that the pasted bitmap would give, but the
    time and memory taken grow with the box's width, not its area. Raises ValueError for a box
    without area or outside of `image_size` (height, width).
    """
    height, width = image_size
    top, left, bottom, right = (int(side) for side in box_yxyx)
    if not (0 <= top < bottom <= height and 0 <= left < right <= width):
        box = [top, left, bottom, right]
        raise ValueError(f"box {box} has no area inside a photo of {height} x {width} pixels")
    columns, rows = _toggles(mask, (bottom - top, right - left))
    positions = (left + columns) * height + top + rows
    if bottom - top == height:
        positions = _without_pairs(positions)
    if positions.size and positions[-1] == height * width:
        positions = positions[:-1]
    counts = np.diff(positions, prepend=0, append=height * width)
    rle = coco.frPyObjects({"size": [height, width], "counts": counts}, height, width)
    return {"size": [height, width], "counts": rle["counts"].decode("ascii")}


def mask_area(mask: NDArray[np.float32], box_yxyx: Box) -> int:
    """Return how many pixels the mask sets, which is what `rle_area` counts, without its code."""
    top, left, bottom, right = (int(side) for side in box_yxyx)
    height, width = bottom - top, right - left
    if height * width <= _MULTIPLIED_PIXELS and not (_covers_all(mask) or _covers_nothing(mask)):
        area = _multiplied_area(mask, height, width)
        if area is not None:
            return area
    _, rows = _toggles(mask, (height, width))
    return int(rows[1::2].sum() - rows[::2].sum())


def rle_area(rle: Mapping[str, Any]) -> int:
    """Return how many pixels a compressed run-length code sets."""
    return int(coco.area(rle))


def polygons(mask: NDArray[np.float32], box_yxyx: Box) -> list[list[Ring]]:
    """Trace the mask as GeoJSON MultiPolygon coordinates in pixels of the photo, [x, y].

    Each polygon is its closed exterior ring followed by its holes; pixel (0, 0) covers 0..1 on
    both axes. The outline is traced on at most four samples a mask cell, so that the cost does not
    grow with the box, and never leaves the box.
    """
    top, left, bottom, right = (int(side) for side in box_yxyx)
    samples = (
        min(bottom - top, _SAMPLES_PER_CELL * mask.shape[0]),
        min(right - left, _SAMPLES_PER_CELL * mask.shape[1]),
    )
    # The outermost values reach to the box's edge, and fall to 0 exactly there.
    field = np.pad(np.pad(resize_bilinear(mask, samples), 1, mode="edge"), 1)
    contours = contourpy.contour_generator(
        x=_outline_positions(left, right, samples[1]),
        y=_outline_positions(top, bottom, samples[0]),
        z=field,
        fill_type=contourpy.FillType.OuterOffset,
    )
    outlines: list[list[Ring]] = []
    for points, offsets in zip(*contours.filled(_THRESHOLD, np.inf), strict=True):
        rings = [_close_ring(np.round(points[start:end], 2)) for start, end in pairwise(offsets)]
        if rings[0]:
            outlines.append([ring for ring in rings if ring])
    return outlines


def _covers_all(mask: NDArray[np.float32]) -> bool:
    # The resize clips to the mask's own range, so that even the blended rim stays above.
    return bool(mask.min() >= _THRESHOLD)


def _covers_nothing(mask: NDArray[np.float32]) -> bool:
    return bool(mask.max() < _THRESHOLD)


def _sample(
    mask: NDArray[np.float32], size: tuple[int, ...]
) -> tuple[NDArray[np.float64], Samples, Samples]:
    bordered = with_border(mask.astype(np.float64))
    return bordered, Samples.along(mask.shape[0], size[0]), Samples.along(mask.shape[1], size[1])


def _toggles(
    mask: NDArray[np.float32], size: tuple[int, int]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return (columns, rows) where, going down each column in turn, the mask begins or ends.

    Every column starts and ends outside: a row may be the box's height.
    """
    if _covers_nothing(mask):
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    if _covers_all(mask):
        return np.repeat(np.arange(size[1]), 2), np.tile([0, size[0]], size[1])
    bordered, rows, columns = _sample(mask, size)
    if size[0] * size[1] > _TRACED_PIXELS and size[0] > bordered.shape[0]:
        traced = _traced_toggles(bordered, rows, columns)
        if traced is not None:
            return traced
    return _pixel_toggles(bordered, rows, columns)


def _multiplied_area(mask: NDArray[np.float32], height: int, width: int) -> int | None:
    """Count the pixels by two products of matrices, or return None where rounding could decide."""
    bordered = with_border(mask.astype(np.float64))
    by_columns = bordered @ _weights(mask.shape[1], width).T
    rows = _weights(mask.shape[0], height)
    step = max(1, _PRODUCTS_OF_ONE_THREAD // (rows.shape[1] * width))
    sure = possible = 0
    for start in range(0, height, step):
        values = rows[start : start + step] @ by_columns
        sure += int(np.count_nonzero(values >= _THRESHOLD + _MARGIN))
        possible += int(np.count_nonzero(values >= _THRESHOLD - _MARGIN))
    return sure if sure == possible else None


@functools.lru_cache(maxsize=512)
def _weights(cells: int, pixels: int) -> NDArray[np.float64]:
    """Return how much of each cell is in each pixel: [pixels, 1 + cells + 1], with the border."""
    samples = Samples.along(cells, pixels)
    weights = np.zeros((pixels, cells + 2))
    each = np.arange(pixels)
    weights[each, samples.first] = 1.0 - samples.fractions
    weights[each, samples.first + 1] = samples.fractions
    return weights


def _pixel_toggles(
    bordered: NDArray[np.float64], rows: Samples, columns: Samples
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Find the toggles by evaluating every pixel, some columns at a time."""
    step = max(1, _CHUNK_PIXELS // len(rows))
    parts = []
    for start in range(0, len(columns), step):
        values = interpolate(bordered, rows, columns[start : start + step])
        inside = np.zeros((values.shape[1], len(rows) + 2), bool)
        inside[:, 1:-1] = (values >= _THRESHOLD).T
        column, row = np.nonzero(inside[:, 1:] != inside[:, :-1])
        parts.append((column + start, row))
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def _traced_toggles(
    bordered: NDArray[np.float64], rows: Samples, columns: Samples
) -> tuple[NDArray[np.intp], NDArray[np.intp]] | None:
    """Find the toggles by solving for them, or return None where rounding could decide one.

    Between two rows of the mask a column's values lie on a straight line, so that an interval's
    first and last pixel, and the two on either side of the crossing, tell all the others: none of
    these may be nearer to the threshold than rounding reaches.
    """
    starts = np.flatnonzero(np.diff(rows.first, prepend=-1))
    ends = np.append(starts[1:], len(rows)) - 1
    weights = columns.fractions[:, None]
    cells = bordered.T - _THRESHOLD  # from here on a value is inside when it is not negative
    profile = cells[columns.first] * (1.0 - weights) + cells[columns.first + 1] * weights
    upper = profile[:, rows.first[starts]]  # [columns, intervals], as all that follows
    slope = profile[:, rows.first[starts] + 1] - upper
    first = upper + slope * rows.fractions[starts]
    last = upper + slope * rows.fractions[ends]
    inside_first, inside_last = first >= 0, last >= 0

    crossing = inside_first != inside_last
    column, interval = np.nonzero(crossing)
    start, end = starts[interval], ends[interval]
    share = first[crossing] / (first[crossing] - last[crossing])
    before = np.clip(np.floor(start + share * (end - start)).astype(np.intp), start, end - 1)
    value_before = upper[crossing] + slope[crossing] * rows.fractions[before]
    value_after = upper[crossing] + slope[crossing] * rows.fractions[before + 1]
    if not (
        all(np.abs(v).min(initial=1.0) > _MARGIN for v in (first, last, value_before, value_after))
        and np.array_equal(value_before >= 0, inside_first[crossing])
        and np.array_equal(value_after >= 0, inside_last[crossing])
    ):
        return None

    # A column's slots in order: where an interval begins, inside it, ..., at the very end.
    toggles = np.zeros((len(columns), 2 * len(starts) + 1), bool)
    toggles[:, 0] = inside_first[:, 0]
    toggles[:, 2:-1:2] = inside_first[:, 1:] != inside_last[:, :-1]
    toggles[:, 1::2] = crossing
    toggles[:, -1] = inside_last[:, -1]
    row = np.empty(toggles.shape, np.intp)
    row[:, :-1:2] = starts
    row[column, 2 * interval + 1] = before + 1
    row[:, -1] = len(rows)
    return np.nonzero(toggles)[0], row[toggles]


def _without_pairs(positions: NDArray[np.intp]) -> NDArray[np.intp]:
    """Drop the positions that occur twice: the end of a full column that the next one takes up."""
    is_new = np.diff(positions, prepend=-1, append=-1) != 0
    return positions[is_new[:-1] & is_new[1:]]


def _outline_positions(start: int, end: int, samples: int) -> NDArray[np.float64]:
    """Return the samples' centres between two box edges, with each edge twice."""
    centres = start + (np.arange(samples) + 0.5) * ((end - start) / samples)
    return np.concatenate([[start, start], centres, [end, end]])


def _close_ring(points: NDArray[np.float64]) -> Ring:
    """Return a closed ring without repeated points and without points on straight lines."""
    for _ in range(2):  # the second time for what the first one made neighbours
        points = points[np.any(points != np.roll(points, 1, axis=0), axis=1)]
        ahead, behind = np.roll(points, -1, axis=0) - points, points - np.roll(points, 1, axis=0)
        turn = ahead[:, 0] * behind[:, 1] - ahead[:, 1] * behind[:, 0]
        points = points[np.abs(turn) > 1e-9]
    if len(points) < 3:
        return []
    ring: Ring = points.tolist()
    return [*ring, ring[0]]

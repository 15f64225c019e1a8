"""Bytes become numbers: the predictor is undone, and samples of any width are unpacked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mrcnn.pictures.tiff.layout import Layout
from mrcnn.pictures.tiff.lines import Lines

# So many bytes are worked on at once.
_BLOCK_BYTES = 1 << 20


def blocks(layout: Layout, planes: Sequence[Lines]) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield the first row and the samples of each part of the picture: [rows, width, samples]."""
    at_once = max(1, _BLOCK_BYTES // (layout.line_bytes * layout.across * len(planes)))
    for line in range(0, layout.lines, at_once):
        end = min(line + at_once, layout.lines)
        found = [_samples(layout, plane(line, end)) for plane in planes]
        samples = found[0] if len(found) == 1 else np.concatenate(found, axis=2)
        row = line * layout.subsampling[1]
        yield row, samples[: layout.height - row, : layout.width]


def _samples(layout: Layout, lines: NDArray[np.uint8]) -> NDArray[Any]:
    """Return the samples of lines [lines, strips or tiles across, bytes], padding included."""
    rows, together = len(lines), layout.together
    if layout.compression.is_of_pixels:
        return lines.reshape(rows, -1, together)
    if layout.is_subsampled:
        return _spread(layout, lines)
    width = layout.segment[0]
    if layout.predictor == 3:
        values = _floats(layout, lines)
    elif layout.bits in (8, 16, 32, 64):
        kind = np.dtype(f"{layout.order}{layout.form}{layout.bits // 8}")
        values = lines.view(kind).astype(kind.newbyteorder("="), copy=False)
        if layout.predictor == 2:
            values = _summed(values.reshape(rows, -1, width, together))
    else:
        values = _unpacked(lines, layout.bits, width * together)
    return values.reshape(rows, -1, together)


def _summed(differences: NDArray[Any]) -> NDArray[Any]:
    """Add up what each sample has more than the one to its left."""
    whole = differences.view(f"u{differences.dtype.itemsize}")
    return np.cumsum(whole, axis=2, dtype=whole.dtype).view(differences.dtype)


def _floats(layout: Layout, lines: NDArray[np.uint8]) -> NDArray[Any]:
    """Undo the predictor of floats: differences of bytes, the highest of all samples first."""
    rows, across, _ = lines.shape
    size, together = layout.bits // 8, layout.together
    summed = np.cumsum(lines.reshape(rows, across, -1, together), axis=2, dtype=np.uint8)
    parts = summed.reshape(rows, across, size, -1).swapaxes(2, 3)
    return np.ascontiguousarray(parts).view(f">f{size}").astype(f"f{size}")


def _unpacked(lines: NDArray[np.uint8], bits: int, count: int) -> NDArray[Any]:
    """Return the numbers of so many bits each that a line begins with, highest bit first."""
    ones = np.unpackbits(lines, axis=2, count=bits * count)
    weights = 1 << np.arange(bits - 1, -1, -1, dtype=np.uint16)
    kind = np.uint8 if bits <= 8 else np.uint16
    parts = ones.reshape(*lines.shape[:2], count, bits).astype(kind, copy=False)
    return parts @ weights.astype(kind)


def _spread(layout: Layout, lines: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give each pixel the chroma that it shares: units of luma, then of one blue and one red."""
    across, down = layout.subsampling
    units = lines.reshape(len(lines), -1, across * down + 2)
    luma = units[..., :-2].reshape(*units.shape[:2], down, across).swapaxes(1, 2)
    rows = luma.reshape(len(lines) * down, -1)
    chroma = units[..., -2:].repeat(down, axis=0).repeat(across, axis=1)
    return np.concatenate([rows[..., np.newaxis], chroma], axis=2)

"""TIFFs of samples of every kind, by a writer that shares no code with the reader."""

from __future__ import annotations

import io
import zlib
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from tests.app.pictures.making import encode, noise, tiff

SIZE = (37, 45)
#: What each kind's samples are multiplied by, to take the range of 8 bits to theirs.
FACTORS = {
    "u1": 1,
    "u2": 257,
    "u4": 16_843_009,
    "u8": 16_843_009,
    "i1": 127 / 255,
    "i2": 32_767 / 255,
    "i4": 2_147_483_647 / 255,
    "i8": 16_843_009,
    "f2": 1 / 255,
    "f4": 1 / 255,
    "f8": 1 / 255,
}


def levels(channels: int) -> np.ndarray:
    """Return uint8 [45, 37, channels] of every level, with black and white in each channel."""
    found = np.concatenate(
        [np.asarray(noise(SIZE, seed))[..., :1] for seed in range(channels)], axis=2
    )
    found[0, 0], found[0, 1] = 0, 255
    return found


def widened(values: np.ndarray, kind: str) -> np.ndarray:
    """Return levels of 0 to 255 as samples of another kind, at its full range."""
    wide = values.astype(np.float64) * FACTORS[kind]
    return (wide if kind[0] == "f" else np.rint(wide)).astype(kind)


def written(samples: np.ndarray, photometric: Any, *, is_planar: bool = False, **how: Any) -> bytes:
    """Return a TIFF of [height, width, channels] samples."""
    several = samples.shape[2] > 1
    file = io.BytesIO()
    tifffile.imwrite(
        file,
        (np.moveaxis(samples, 2, 0) if is_planar else samples) if several else samples[..., 0],
        photometric=photometric,
        planarconfig=("separate" if is_planar else "contig") if several else None,
        metadata=None,
        **how,
    )
    return file.getvalue()


def strip(samples: np.ndarray, tags: dict[int, list[int]], packed: bytes) -> bytes:
    """Return a TIFF of one strip: of these samples, with its bytes packed as the tags say."""
    plain = tiff(samples, {279: [len(packed)], **tags})
    return plain[: len(plain) - samples.nbytes] + packed


def packed_by_pillow(raw: bytes, compression: str) -> bytes:
    """Return the bytes as one strip that libtiff has compressed."""
    row = Image.frombytes("L", (len(raw), 1), raw)
    with tifffile.TiffFile(io.BytesIO(encode(row, "TIFF", compression=compression))) as file:
        page = file.pages[0]
        (place,), (size,) = page.dataoffsets, page.databytecounts
        file.filehandle.seek(place)
        return file.filehandle.read(size)


def with_float_predictor(samples: np.ndarray) -> bytes:
    """Return the rows of floats as Adobe's Photoshop technical note 3 has them, deflated."""
    height, _, channels = samples.shape
    size = samples.dtype.itemsize
    parts = samples.astype(samples.dtype.newbyteorder(">")).view("u1").reshape(height, -1, size)
    planes = parts.swapaxes(1, 2).reshape(height, -1)
    differences = planes.copy()
    differences[:, channels:] -= planes[:, :-channels]
    return zlib.compress(differences.tobytes())

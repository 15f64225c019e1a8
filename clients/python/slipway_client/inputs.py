"""What `predict` takes, and the body that it becomes."""

from __future__ import annotations

import base64
import json
import os
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

#: A picture: the path of a file, a file's bytes, or pixels, uint8 [h, w], [h, w, 1], [h, w, 3] or
#: [h, w, 4]. Values: an object with each input by its name, or the value alone where the model has
#: one input: a list, a number, an array of another type.
Given = (
    str
    | os.PathLike[str]
    | bytes
    | bytearray
    | memoryview
    | NDArray[Any]
    | Mapping[str, Any]
    | Sequence[Any]
    | float
)
#: What a picture was given as, to be drawn on.
Picture = str | os.PathLike[str] | bytes | NDArray[np.uint8]

# Channels, and PNG's colour type for them.
_COLOUR_TYPES = {1: 0, 3: 2, 4: 6}


class Asked(TypedDict, total=False):
    """What a request may ask, as the server's documentation of POST /predict says it.

    `masks` is whether masks come along; they do by default.
    """

    model: str | None
    version: int | str | None
    min_score: float | None
    max_instances: int | None
    top_k: int | None
    signature: str | None
    masks: bool | None


@dataclass(frozen=True, eq=False)
class Body:
    """The body of a request, and the picture that it holds, if it holds one."""

    content: bytes
    content_type: str
    picture: Picture | None = None


def body_of(given: Given) -> Body:
    """Return the body that asks about an input; raises OSError, TypeError or ValueError."""
    match given:
        case str() | os.PathLike():
            return Body(Path(given).read_bytes(), "application/octet-stream", given)
        case bytes() | bytearray() | memoryview():
            content = bytes(given)
            return Body(content, "application/octet-stream", content)
        case np.ndarray() if _is_picture(given):
            return Body(_png(given), "image/png", given)
        case _:
            return json_body({"instances": [given]})


def json_body(document: object) -> Body:
    """Return a document of JSON; numpy's numbers and arrays may stand in it, and bytes."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, default=_plain)
    return Body(text.encode(), "application/json")


def query_of(asked: Asked) -> dict[str, str]:
    """Return the parameters of a request's query."""
    given = {name: value for name, value in asked.items() if value is not None}
    if "masks" in given:
        given["masks"] = "rle" if given["masks"] else "none"
    return {name: str(value) for name, value in given.items()}


def _is_picture(array: NDArray[Any]) -> bool:
    if array.dtype != np.uint8 or not array.size:
        return False
    return array.ndim == 2 or (array.ndim == 3 and array.shape[2] in _COLOUR_TYPES)


def _plain(value: object) -> object:
    match value:
        case np.ndarray() | np.generic():
            return value.tolist()
        case bytes():
            return {"b64": base64.b64encode(value).decode("ascii")}
        case Mapping():
            return dict(value)
        case Sequence():
            return list(value)
        case _:
            raise TypeError(f"{type(value).__name__} is no picture and no value of JSON: {value!r}")


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """Return pixels as a PNG, compressed a little: it goes over a network once."""
    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    rows = np.zeros((height, 1 + width * channels), np.uint8)  # each begins with its filter, none
    rows[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )

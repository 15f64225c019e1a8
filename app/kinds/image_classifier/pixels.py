"""What pictures a network takes: their size, their channels and their layout."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.kinds.image_classifier.network import Network
from app.kinds.kind import ModelError

#: Channels of pictures that are sent.
_CHANNELS = {1: "grey", 3: "RGB", 4: "RGBA"}
#: A side that a picture has at least, where numbers in a row could be one.
_LEAST_SIDE = 8


@dataclass(frozen=True)
class Frame:
    """The pictures that a network takes; `shape` is how it wants one laid out."""

    height: int
    width: int
    channels: int
    shape: tuple[int, ...]
    is_channels_first: bool
    warning: str | None = None


def frame_of(network: Network, options: Mapping[str, Any], file: str) -> Frame:
    """Return the pictures' size from the file, and from `model.yaml` where it leaves it open.

    Raises ModelError where neither tells, or the two contradict.
    """
    given = {key: value for key, value in _plain(options.get("input")).items() if value is not None}
    shape = network.input_shape
    if shape is None:
        missing = [key for key in ("height", "width", "channels") if key not in given]
        if missing:
            raise _unsaid(file, missing)
        shape = (given["height"], given["width"], given["channels"])
    if len(shape) == 1:
        return _row(shape[0], given, file)
    if len(shape) == 2:
        sides = {"height": shape[0], "width": shape[1], "channels": 1}
        found = _settled(sides, given, file)
        return Frame(*found, shape=found[:2], is_channels_first=False)
    if len(shape) != 3:
        raise ModelError(f"{file} takes {_text(shape)}; a picture has height, width and channels")
    is_first = _is_first(network, shape)
    if is_first:
        sides = {"height": shape[1], "width": shape[2], "channels": shape[0]}
    else:
        sides = {"height": shape[0], "width": shape[1], "channels": shape[2]}
    height, width, channels = _settled(sides, given, file)
    laid = (channels, height, width) if is_first else (height, width, channels)
    return Frame(height, width, channels, laid, is_first)


def _is_first(network: Network, shape: tuple[int | None, ...]) -> bool:
    if network.is_channels_first:
        return True
    return shape[2] is not None and shape[2] not in _CHANNELS and shape[0] in _CHANNELS


def _row(numbers: int | None, given: Mapping[str, int], file: str) -> Frame:
    """Return the pictures whose numbers a network takes in a row."""
    sized = {"height", "width"} <= set(given)
    if sized:
        channels = given.get("channels") or _channels_of(numbers, given["height"] * given["width"])
        size = given["height"], given["width"], channels
        if numbers is not None and math.prod(size) != numbers:
            raise ModelError(
                f"{file} takes {numbers:,} numbers; input in model.yaml says {_text(size)}, which "
                f"are {math.prod(size):,}"
            )
        return Frame(*size, shape=(math.prod(size),), is_channels_first=False)
    if numbers is None:
        raise _unsaid(file, ["height", "width", "channels"])
    for channels in (given["channels"],) if "channels" in given else (1, 3):
        side = math.isqrt(numbers // channels)
        if side >= _LEAST_SIDE and side * side * channels == numbers:
            return Frame(
                side,
                side,
                channels,
                shape=(numbers,),
                is_channels_first=False,
                warning=(
                    f"the {numbers:,} numbers that the network takes are assumed to be the pixels "
                    f"of a {_CHANNELS[channels]} picture of {side} x {side}, row by row; input in "
                    f"model.yaml says otherwise"
                ),
            )
    raise ModelError(
        f"{file} takes {numbers:,} numbers, which is no square picture; say its size in "
        f"model.yaml: input: {{height: ..., width: ..., channels: ...}}"
    )


def _channels_of(numbers: int | None, pixels: int) -> int:
    """Return how many channels make the numbers of so many pixels, 1 where none do."""
    counted = (numbers or 0) // pixels
    return counted if counted in _CHANNELS else 1


def _settled(
    sides: Mapping[str, int | None], given: Mapping[str, int], file: str
) -> tuple[int, int, int]:
    for key, side in sides.items():
        if side is not None and key in given and given[key] != side:
            raise ModelError(
                f"{file} takes pictures with {key} {side}; input in model.yaml says {given[key]}"
            )
    found = {key: side if side is not None else given.get(key) for key, side in sides.items()}
    if missing := [key for key, side in found.items() if side is None]:
        raise _unsaid(file, missing)
    channels = found["channels"]
    if channels not in _CHANNELS:
        what = ", ".join(f"{count} ({name})" for count, name in _CHANNELS.items())
        raise ModelError(
            f"{file} takes pictures of {channels} channels; a picture that is sent has {what}"
        )
    return found["height"] or 0, found["width"] or 0, channels or 0


def _unsaid(file: str, missing: list[str]) -> ModelError:
    told = ", ".join(f"{key}: ..." for key in missing)
    return ModelError(
        f"{file} leaves open the {' and the '.join(missing)} of its pictures; say it in "
        f"model.yaml: input: {{{told}}}"
    )


def _text(sides: tuple[int | None, ...]) -> str:
    return " x ".join("any" if side is None else str(side) for side in sides) or "a number"


def _plain(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}

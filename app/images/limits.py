"""What one picture may cost, and the errors that refuse it: the vocabulary of this room."""

from __future__ import annotations

import time
from dataclasses import dataclass

from app.variables import seconds, variable, whole_number


class ImageError(Exception):
    """A picture that cannot be taken; its text is one sentence for the person who sent it."""


class ImageUnrecognisedError(ImageError):
    """The bytes are no picture, or one in a format that cannot be opened here."""


class ImageUnreadableError(ImageError):
    """The format is known, the contents are damaged."""


class ImageTooLargeError(ImageError):
    """More than allowed of what `unit` counts: bytes, pixels, pixels on a side, scans."""

    def __init__(self, unit: str, value: int, limit: int, whose: str = "the picture") -> None:
        super().__init__(f"{whose} has {value:,} {unit}; at most {limit:,} are accepted")
        self.unit, self.value, self.limit = unit, value, limit


class ImageFramesError(ImageError):
    """An animation of too many frames, or a file of too many pages."""

    def __init__(self, value: int, limit: int) -> None:
        super().__init__(
            f"the picture has {value:,} or more frames; at most {limit:,} are accepted"
        )
        self.value, self.limit = value, limit


class ImageTimeoutError(ImageError):
    """Decoding took longer than it may."""

    def __init__(self, limit_s: float) -> None:
        super().__init__(f"decoding the picture takes more than {limit_s:g} seconds of one core")
        self.limit_s = limit_s


#: After so many short steps the clock is looked at: a fraction of a millisecond.
STEPS = 256

_MOST = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class ImageLimits:
    """What one picture may cost: settings of the server."""

    max_bytes: int = variable(
        "MAX_IMAGE_BYTES", "33554432", whole_number(1, _MOST), "The largest upload, in bytes."
    )
    max_pixels: int = variable(
        "MAX_IMAGE_PIXELS",
        "50000000",
        whole_number(1, _MOST),
        "The largest photo, width times height.",
    )
    max_side: int = variable(
        "MAX_IMAGE_SIDE", "30000", whole_number(1, _MOST), "The longest side of a photo."
    )
    max_frames: int = variable(
        "MAX_IMAGE_FRAMES",
        "1000",
        whole_number(1, _MOST),
        "The most frames of an animation; only the first is decoded.",
    )
    timeout_s: float = variable(
        "DECODE_TIMEOUT_S",
        "10",
        seconds(0.01, 3600),
        "How long decoding one photo may keep a core busy.",
    )

    def check_size(self, width: int, height: int) -> None:
        """Raise ImageTooLargeError for a picture of more pixels, or a longer side, than allowed."""
        if max(width, height) > self.max_side:
            raise ImageTooLargeError("pixels on a side", max(width, height), self.max_side)
        if width * height > self.max_pixels:
            raise ImageTooLargeError("pixels", width * height, self.max_pixels)

    def check_frames(self, frames: int) -> None:
        """Raise ImageFramesError for more frames than allowed."""
        if frames > self.max_frames:
            raise ImageFramesError(frames, self.max_frames)


class Budget:
    """The time that one picture may take: of this thread on a core, so that a busy machine or
    another picture's turn does not count."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._end = time.thread_time() + limit_s
        self._steps = 0

    def check(self, steps: int = 1) -> None:
        """Raise ImageTimeoutError once the time is spent.

        The clock is looked at every so many steps, for it takes longer than a short one.
        """
        self._steps += steps
        if self._steps >= STEPS:
            self._steps = 0
            if time.thread_time() > self._end:
                raise ImageTimeoutError(self._limit_s)

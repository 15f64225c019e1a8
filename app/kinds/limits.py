"""What the inputs of one request may cost: settings, which the faces hold them to."""

from __future__ import annotations

from dataclasses import dataclass

from app.images.limits import ImageLimits
from app.variables import group, variable, whole_number

_ROOM_AROUND_THE_PICTURE = 1 << 20


@dataclass(frozen=True)
class Limits:
    """What one picture, and all pictures of one request, may cost."""

    picture: ImageLimits = group(ImageLimits)
    request_pixels: int = variable(
        "MAX_REQUEST_PIXELS",
        "200000000",
        whole_number(1, 2**31 - 1),
        "The most pixels of all photos of one request.",
    )

    @property
    def max_body_bytes(self) -> int:
        """The largest body: JSON with base64 is a third larger than the picture in it."""
        return self.picture.max_bytes * 4 // 3 + _ROOM_AROUND_THE_PICTURE

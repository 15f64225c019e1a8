"""What the inputs of a request may cost, by the settings."""

from __future__ import annotations

from app.images import ImageLimits
from app.kinds.face import Limits
from app.settings import Settings


def limits_of(settings: Settings) -> Limits:
    """Return the limits that the settings give."""
    picture = ImageLimits(
        max_bytes=settings.max_image_bytes,
        max_pixels=settings.max_image_pixels,
        max_side=settings.max_image_side,
        max_frames=settings.max_image_frames,
        timeout_s=settings.decode_timeout_s,
    )
    return Limits(picture, settings.max_request_pixels)

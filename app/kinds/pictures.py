"""How faces read pictures, a file's bytes or base64 of them in JSON, and give some back."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from typing_extensions import TypedDict

from app.images import ImageError
from app.images.decoding import decode, measure
from app.kinds.face import GivenError, Limits, Outcome, Parameters

MAX_PICTURES = 64

_BASE64 = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
# The least that every model takes, and of four channels, which every one takes.
_NOISE = (64, 64, 4)
# Of so many rows and columns at most the brightness is a mean.
_LATTICE = 100
# What red, green and blue add to luminance, by ITU-R BT.601.
_LUMINANCE = np.array([0.299, 0.587, 0.114])


class PictureError(Exception):
    """A picture of a request's that cannot be taken; `field` says which."""

    def __init__(self, field: str, error: ImageError) -> None:
        super().__init__(str(error))
        self.field, self.error = field, error


class Picture(BaseModel):
    """A picture in JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    b64: str = Field(
        description="base64 of the picture's file.",
        # Told, not checked here: the decoder does it, several times faster than a pattern.
        json_schema_extra={"contentEncoding": "base64", "pattern": _BASE64},
    )


class PictureSize(TypedDict):
    """The picture after its EXIF turn: the frame of all pixels in the answer."""

    width: Annotated[int, Field(ge=1)]
    height: Annotated[int, Field(ge=1)]


def files_of(given: Sequence[object], fields: Sequence[str]) -> list[bytes]:
    """Return the files of one request's pictures; raises GivenError for what is no base64."""
    return [
        one if isinstance(one, bytes) else _base64(one, field)
        for one, field in zip(given, fields, strict=True)
    ]


def check_sizes(files: Sequence[bytes], fields: Sequence[str], limits: Limits) -> None:
    """Refuse a list with a picture whose header is bad, or with too many pixels in all of them.

    They are decoded one by one, so that this is about the work, not about memory. Raises
    PictureError, or GivenError.
    """
    limit, pixels = limits.request_pixels, 0
    for file, field in zip(files, fields, strict=True):
        try:
            width, height = measure(file, limits.picture)
        except ImageError as error:
            raise PictureError(field, error) from error
        pixels += width * height
        if pixels > limit:
            reason = (
                f"the pictures up to `{field}` have {pixels:,} pixels together; "
                f"at most {limit:,} are accepted in one request"
            )
            members: dict[str, Any] = {"unit": "pixels", "value": pixels, "limit": limit}
            raise GivenError("image-too-large", reason, field=field, **members)


class DrawnParameters(Parameters):
    """What a request may ask for whose answer may be its picture, drawn on."""

    format: Literal["json", "png"] | None = Field(
        default=None,
        description="What the answer is: JSON, or the picture with the classes drawn on it. "
        "Without it: what `Accept` likes best.",
    )
    render: Literal["png"] | None = Field(
        default=None, description="Another way to say `format=png`."
    )

    def named_form(self) -> str | None:
        """Return what `format` or `render` say; raises GivenError where they differ."""
        return named_form(self.format, self.render)

    def check_form(self, form: str, *, is_list: bool) -> None:
        """Raise GivenError for a drawing of several pictures."""
        check_form(form, self.render, is_list=is_list)


class OfPictures:
    """What faces share whose inputs are pictures."""

    most_inputs = MAX_PICTURES
    is_quick = False

    def read(
        self, given: Sequence[object], fields: Sequence[str], limits: Limits, *, ahead: bool
    ) -> list[bytes]:
        """Return the pictures' files; raises GivenError, or PictureError."""
        files = files_of(given, fields)
        if ahead:
            check_sizes(files, fields, limits)
        return files

    def input_shape(self, outcome: Outcome) -> str:
        """Return height, width and channels of the picture, after its EXIF turn."""
        return "" if outcome.picture is None else "x".join(map(str, outcome.picture.shape))


def pixels_of(file: bytes, limits: Limits) -> NDArray[np.uint8]:
    """Return the picture as uint8 [height, width, 3], or 4 where it has a fourth channel.

    Which of them counts is the model's to say. Raises ImageError.
    """
    return decode(file, limits.picture, keep_alpha=True)


def brightness(picture: NDArray[np.uint8] | None) -> float | None:
    """Return the mean luminance of a picture, from 0 to 1; None without one.

    It is that of rows and columns at even distances. A fourth channel counts for nothing.
    """
    if picture is None or not picture.size:
        return None
    row, column = (-(-side // _LATTICE) for side in picture.shape[:2])
    colours = picture[row // 2 :: row, column // 2 :: column, :3]
    weights = _LUMINANCE if colours.shape[2] == 3 else np.full(colours.shape[2], 1.0)
    mean: NDArray[np.float64] = colours.mean(axis=(0, 1), dtype=np.float64)
    return float(mean @ weights / weights.sum() / 255)


def noise() -> NDArray[np.uint8]:
    """Return a small picture of nothing."""
    return np.random.default_rng(0).integers(0, 256, _NOISE, np.uint8)


def example() -> dict[str, str]:
    """Return a small picture as JSON holds it."""
    image = Image.new("RGB", (32, 24))
    ImageDraw.Draw(image).rectangle((6, 4, 18, 18), fill=(250, 0, 0))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return {"b64": base64.b64encode(buffer.getvalue()).decode("ascii")}


def png_of(image: Image.Image) -> bytes:
    """Return the picture as a PNG file."""
    buffer = io.BytesIO()
    # Level 3 takes a third of the time of Pillow's 6 for a few percent more bytes.
    image.save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


def named_form(wanted: str | None, render: str | None) -> str | None:
    """Return what the parameters `format` or `render` say; raises GivenError where they differ."""
    if render and wanted not in (None, render):
        reason = f"render={render} and format={wanted} contradict each other"
        raise GivenError("invalid-parameter", reason, field="format", value=wanted)
    return render or wanted


def check_form(form: str, render: str | None, *, is_list: bool) -> None:
    """Raise GivenError for a drawing of several pictures."""
    if form == "png" and is_list:
        name = "render" if render else "format"
        reason = f"{name}=png takes one picture, not a list of `instances`"
        raise GivenError("invalid-parameter", reason, field=name, value="png")


def _base64(given: object, field: str) -> bytes:
    try:
        picture = Picture.model_validate(given)
    except ValidationError:
        reason = f'`{field}` has to be {{"b64": "<base64 of it>"}}'
        raise GivenError("missing-input", reason, field=field) from None
    try:
        return base64.b64decode(picture.b64, validate=True)
    except ValueError as error:
        reason = f"`{field}.b64` is not base64: {error}"
        raise GivenError("invalid-base64", reason, field=f"{field}.b64") from error

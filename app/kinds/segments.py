"""How clients see models that give each pixel of a picture a class.

A model of this face gets the picture at its own size and gives the class of each pixel there; they
are told in the picture's own pixels, the nearest one's of the model's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco
from pydantic import Field
from typing_extensions import TypedDict

from app.kinds import pictures
from app.kinds.classes import PICTURE, resized
from app.kinds.face import Answer, Example, Finding, Form, Limits, Outcome, Parsed, Summary
from app.kinds.pictures import PictureSize
from app.kinds.regions import Box, RleMask, box_of, rle_of
from app.kinds.tensors import Facts, Tensors
from mrcnn.drawing import instance_colors

#: The one output, uint8 [height, width] of the model's own size: a class for each pixel.
CLASS_OF_PIXELS = "classes"
MOST_CLASSES = 256
# A class of this name, underscores aside, is left as it is in a drawing.
_BACKGROUND = "background"

_TINT = 0.5
# How far a golden mask may be from one that is made anew, and a class's share of the picture.
_LEAST_OVERLAP, _SHARE_TOLERANCE = 0.98, 0.005


class Segment(TypedDict):
    """All pixels of one class."""

    class_id: Annotated[int, Field(ge=0, description="Its place among the labels.")]
    label: Annotated[str, Field(description="The class's name.", examples=["road"])]
    area: Annotated[int, Field(ge=1, description="How many pixels are of the class.")]
    share: Annotated[float, Field(ge=0, le=1, description="How much of the picture that is.")]
    box: Box
    mask: NotRequired[Annotated[RleMask, Field(description="Left out with `masks=none`.")]]


class SegmentsAnswer(Answer):
    """Which classes the pixels of one picture have, the largest first."""

    image: PictureSize
    segments: list[Segment]


class SegmentParameters(pictures.DrawnParameters):
    """What a request may ask for, beside the pictures."""

    masks: Literal["rle", "none"] = Field(
        default="rle",
        description="What a mask is in JSON: COCO's run-length code, or left out.",
    )


class SegmentsFace(pictures.OfPictures):
    """A picture in; the classes of its pixels out."""

    name = "segments"
    parameters = SegmentParameters
    answer = SegmentsAnswer

    @property
    def forms(self) -> Mapping[str, Form]:
        """The drawing."""
        return {"png": Form("image/png", _png, lambda parts: parts[0], takes_several=False)}

    def parse(self, given: bytes, facts: Facts, limits: Limits) -> Parsed:
        """Return the picture's pixels at the model's size; raises ImageError."""
        picture = pictures.pixels_of(given, limits)
        return Parsed({PICTURE: resized(picture, facts["input"])}, picture)

    def example(self) -> Example:
        """Return what the pixels of a small picture might be."""
        classes = np.zeros((24, 32), np.uint8)
        classes[4:18, 6:18] = 1
        facts = {"labels": ["road", "car"]}
        outcome = Outcome({CLASS_OF_PIXELS: classes}, facts, np.zeros((24, 32, 3), np.uint8))
        return Example(pictures.example(), {"masks": "none"}, {"masks": "rle"}, outcome)

    def noise(self, facts: Facts) -> Tensors:
        """Return a picture of nothing, of the model's size."""
        return {PICTURE: resized(pictures.noise(), facts["input"])}

    def members(self, outcome: Outcome, parameters: SegmentParameters) -> dict[str, Any]:
        """Return the picture's size and its classes, the largest first."""
        found = segments_of(outcome, with_masks=parameters.masks == "rle")
        return {"image": self.told(outcome), "segments": found}

    def counts(self, outcome: Outcome) -> dict[str, int]:
        """Return each class that is there."""
        present = np.unique(outcome.result[CLASS_OF_PIXELS])
        return {outcome.facts["labels"][class_id]: 1 for class_id in present}

    def told(self, outcome: Outcome) -> dict[str, Any]:
        """Return the picture's size, after its EXIF turn; without one the model's own."""
        height, width = _size(outcome)
        return {"width": width, "height": height}

    def rows(self, outcome: Outcome) -> list[Finding]:
        """Return one: the class of most pixels, and each one's share of the picture."""
        shares = shares_of(outcome)
        best = int(shares.argmax())
        share = round(float(shares[best]), 6)
        return [Finding(best, shares, {"label": outcome.facts["labels"][best], "share": share})]

    def summary(self, outcome: Outcome) -> Summary:
        """Return the classes, and each one's share."""
        found = segments_of(outcome, with_masks=False)
        height, width = _size(outcome)
        rows: list[tuple[object, ...]] = [("label", "share", "pixels")]
        rows += [(one["label"], f"{one['share']:.1%}", one["area"]) for one in found]
        count = f"{len(found)} class{'' if len(found) == 1 else 'es'}"
        return Summary(count, f"{width} x {height} pixels", rows, right=" >>")

    def drawing(self, outcome: Outcome) -> Image.Image:
        """Return the picture with its pixels tinted by their classes, the background aside."""
        if outcome.picture is None:
            raise ValueError("there is no picture to draw on")
        picture = outcome.picture
        plain = np.repeat(picture, 3, axis=2) if picture.shape[2] < 3 else picture[..., :3]
        labels = outcome.facts["labels"]
        colors = np.array(instance_colors(range(1, len(labels) + 1)), np.uint8)
        is_shown = np.array([label.casefold().strip("_") != _BACKGROUND for label in labels])
        classes = class_of_pixels(outcome)
        tint = Image.fromarray(colors[classes])
        cover = Image.fromarray(is_shown[classes].astype(np.uint8) * round(255 * _TINT))
        canvas = Image.fromarray(np.ascontiguousarray(plain))
        canvas.paste(tint, mask=cover)
        return canvas

    def golden(self, document: Any) -> list[Segment]:
        """Return the classes that an answer tells of; raises ValueError."""
        try:
            return [
                Segment(
                    class_id=int(one["class_id"]),
                    label=str(one["label"]),
                    area=int(one["area"]),
                    share=float(one["share"]),
                    box=one["box"],
                    mask=one["mask"],
                )
                for one in document["segments"]
            ]
        except (TypeError, KeyError, ValueError):
            raise ValueError(
                "no answer of a model that segments, with masks=rle: `segments` is missing"
            ) from None

    def difference(self, golden: list[Segment], outcome: Outcome) -> str | None:
        """Say which class has not the golden pixels."""
        found = {one["class_id"]: one for one in segments_of(outcome, with_masks=True)}
        for wanted in golden:
            one, label = found.pop(wanted["class_id"], None), wanted["label"]
            if one is None and wanted["share"] <= _SHARE_TOLERANCE:
                continue
            if one is None or one["label"] != label:
                return f"{label} is not there, class {wanted['class_id']}"
            if max(one["share"], wanted["share"]) <= _SHARE_TOLERANCE:
                continue
            if one["mask"]["size"] != wanted["mask"]["size"]:
                return "the golden answer is that of a picture of another size"
            overlap = float(coco.iou([one["mask"]], [wanted["mask"]], [0])[0, 0])
            if not overlap >= _LEAST_OVERLAP:
                return f"{label} covers the golden pixels by {overlap:.3f}"
        more = next((one for one in found.values() if one["share"] > _SHARE_TOLERANCE), None)
        return f"{more['label']} is there, {more['share']:.1%} of the picture" if more else None


def class_of_pixels(outcome: Outcome) -> NDArray[np.uint8]:
    """Return the class of each of the picture's own pixels, uint8 [height, width]."""
    classes = outcome.result[CLASS_OF_PIXELS]
    if outcome.picture is None or outcome.picture.shape[:2] == classes.shape:
        return classes
    size = outcome.picture.shape[1], outcome.picture.shape[0]
    return np.asarray(Image.fromarray(classes).resize(size, Image.Resampling.NEAREST))


def shares_of(outcome: Outcome) -> NDArray[np.float64]:
    """Return how much of the picture's own pixels each class has, float64 [classes].

    A pixel of the model's counts for as many as it is told of, without their being made.
    """
    classes = outcome.result[CLASS_OF_PIXELS]
    rows, columns = (
        _repeats(there, wanted) for there, wanted in zip(classes.shape, _size(outcome), strict=True)
    )
    areas = np.bincount(
        classes.ravel(),
        weights=np.outer(rows, columns).ravel(),
        minlength=len(outcome.facts["labels"]),
    )
    return areas / areas.sum()


def _repeats(there: int, wanted: int) -> NDArray[np.int64]:
    """Return how often each of `there` pixels of a side is the nearest one of `wanted`."""
    line = Image.fromarray(np.arange(there, dtype=np.int32)[np.newaxis])
    nearest = np.asarray(line.resize((wanted, 1), Image.Resampling.NEAREST))
    return np.bincount(nearest.ravel(), minlength=there)


def segments_of(outcome: Outcome, *, with_masks: bool) -> list[Segment]:
    """Return the classes that a pixel has, the one of most first."""
    labels = outcome.facts["labels"]
    # Column by column, as the code of a mask goes.
    classes = np.asfortranarray(class_of_pixels(outcome))
    areas = np.bincount(classes.ravel("K"), minlength=len(labels))
    found: list[Segment] = []
    for class_id in np.argsort(-areas, kind="stable")[: np.count_nonzero(areas)]:
        mask = classes == class_id
        segment: Segment = {
            "class_id": int(class_id),
            "label": labels[class_id],
            "area": int(areas[class_id]),
            "share": round(float(areas[class_id] / classes.size), 6),
            "box": box_of(mask),
        }
        if with_masks:
            segment["mask"] = rle_of(mask)
        found.append(segment)
    return found


def _size(outcome: Outcome) -> tuple[int, int]:
    there = outcome.picture if outcome.picture is not None else outcome.result[CLASS_OF_PIXELS]
    height, width = there.shape[:2]
    return height, width


def _png(outcome: Outcome, parameters: SegmentParameters, index: int) -> bytes:
    return pictures.png_of(SEGMENTS.drawing(outcome))


SEGMENTS = SegmentsFace()

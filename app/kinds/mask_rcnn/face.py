"""How clients see models that find instances on pictures, each with its mask."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from PIL import Image
from pydantic import Field

from app.kinds import pictures
from app.kinds.face import (
    Example,
    Finding,
    Form,
    GivenError,
    Limits,
    Outcome,
    Parameters,
    Parsed,
    Summary,
)
from app.kinds.fields import LARGEST_EXACT, NUMBER, WHOLE_NUMBER
from app.kinds.mask_rcnn import goldens, rendering
from app.kinds.mask_rcnn.answers import CocoResult, MaskFormat, PredictAnswer
from app.kinds.mask_rcnn.tensors import PICTURE, instances_of, tensors_of
from app.kinds.tensors import Facts, Tensors
from mrcnn.drawing import draw_instances
from mrcnn.instances import Instances

MAX_INSTANCES = 1000

_Score = Annotated[float, Field(ge=0, le=1), NUMBER]
_Count = Annotated[int, Field(ge=1, le=MAX_INSTANCES), WHOLE_NUMBER]
_ImageId = Annotated[int, Field(ge=0, le=LARGEST_EXACT - pictures.MAX_PICTURES + 1), WHOLE_NUMBER]


class InstanceParameters(Parameters):
    """What a request may ask for, beside the pictures."""

    min_score: _Score | None = Field(
        default=None,
        description="The least score of an instance. Without it: the model's own.",
        examples=[0.9],
    )
    max_instances: _Count | None = Field(
        default=None,
        description="The most instances of one picture, best score first. Without it: the "
        "model's own, which is also the most that it gives.",
    )
    masks: MaskFormat = Field(
        default="rle",
        description="What a mask is in JSON: COCO's run-length code, polygons, base64 of a PNG, or "
        "left out.",
    )
    format: Literal["json", "png", "coco"] | None = Field(
        default=None,
        description="What the answer is: JSON, the picture with the instances drawn on it, or "
        "COCO results. Without it: what `Accept` likes best.",
    )
    render: Literal["png"] | None = Field(
        default=None, description="Another way to say `format=png`."
    )
    image_id: _ImageId = Field(
        default=1,
        description="The `image_id` of COCO results; of several pictures, the first one's: the "
        "others count up from it.",
    )

    def asked(self) -> dict[str, Any]:
        """Return what decides which instances the model gives."""
        return {"min_score": self.min_score, "max_instances": self.max_instances}

    def named_form(self) -> str | None:
        """Return what `format` or `render` say; raises GivenError where they differ."""
        return pictures.named_form(self.format, self.render)

    def check_form(self, form: str, *, is_list: bool) -> None:
        """Raise GivenError for a drawing of several pictures, or COCO's with other masks."""
        pictures.check_form(form, self.render, is_list=is_list)
        if form == "coco" and self.masks not in ("rle", "none"):
            reason = f"parameter 'masks' is {self.masks!r}: COCO results take one of rle, none"
            raise GivenError("invalid-parameter", reason, field="masks", value=self.masks)


class InstancesFace(pictures.OfPictures):
    """Pictures in; boxes, classes, scores and masks out."""

    name = "instances"
    parameters = InstanceParameters
    answer = PredictAnswer

    @property
    def forms(self) -> Mapping[str, Form]:
        """The drawing, and COCO results, whose media type is our own: there is none."""
        return {
            "png": Form("image/png", self._png, lambda parts: parts[0], takes_several=False),
            "coco": Form(
                "application/vnd.slipway.coco+json", _coco_part, _coco_whole, type=list[CocoResult]
            ),
        }

    def parse(self, given: bytes, facts: Facts, limits: Limits) -> Parsed:
        """Return the picture's pixels; raises ImageError."""
        picture = pictures.pixels_of(given, limits)
        return Parsed({PICTURE: picture}, picture)

    def example(self) -> Example:
        """Return what might be found on a small picture."""
        y, x = np.mgrid[-1:1:28j, -1:1:28j]
        disc = ((x**2 + y**2) < 1).astype(np.float32)
        found = Instances(
            (48, 64),
            np.array([[6, 8, 42, 28], [30, 34, 44, 60]], np.int32),
            np.array([1, 3], np.int32),
            np.array([0.998, 0.871], np.float32),
            np.stack([disc, disc]),
        )
        outcome = Outcome(tensors_of(found), {"labels": ["person", "bicycle", "car"]})
        return Example(pictures.example(), {"min_score": 0.5}, {"masks": "polygon"}, outcome)

    def noise(self, facts: Facts) -> Tensors:
        """Return a small picture of nothing."""
        return {PICTURE: pictures.noise()}

    def members(self, outcome: Outcome, parameters: InstanceParameters) -> dict[str, Any]:
        """Return the picture's size and its instances, best score first."""
        instances = instances_of(outcome.result)
        labels: Sequence[str] = outcome.facts["labels"]
        return {
            "image": self.told(outcome),
            "instances": rendering.instances_as_json(instances, labels, parameters.masks),
        }

    def counts(self, outcome: Outcome) -> dict[str, int]:
        """Return how many instances of each class there are."""
        counts: dict[str, int] = {}
        for class_id in outcome.result["class_ids"]:
            label = rendering.label_of(int(class_id), outcome.facts["labels"])
            counts[label] = counts.get(label, 0) + 1
        return counts

    def told(self, outcome: Outcome) -> dict[str, Any]:
        """Return the picture's size, after its EXIF turn."""
        height, width = (int(side) for side in outcome.result["image_size"])
        return {"width": width, "height": height}

    def rows(self, outcome: Outcome) -> list[Finding]:
        """Return one an instance, best score first; where there is none, one of the background."""
        instances = instances_of(outcome.result)
        return rendering.findings(instances, outcome.facts["labels"])

    def summary(self, outcome: Outcome) -> Summary:
        """Return how many there are, and each with its box."""
        instances = instances_of(outcome.result)
        height, width = instances.image_size
        count = f"{len(instances)} instance{'' if len(instances) == 1 else 's'}"
        inputs = f"{width} x {height} pixels"
        if not len(instances):
            return Summary(count, inputs)
        rows: list[tuple[object, ...]] = [("label", "score", "x", "y", "width", "height")]
        for class_id, score, box in zip(
            instances.class_ids, instances.scores, instances.boxes_yxyx, strict=True
        ):
            y_min, x_min, y_max, x_max = (int(side) for side in box)
            label = rendering.label_of(int(class_id), outcome.facts["labels"])
            rows.append((label, f"{score:.3f}", x_min, y_min, x_max - x_min, y_max - y_min))
        return Summary(count, inputs, rows, right=" >>>>>")

    def drawing(self, outcome: Outcome) -> Image.Image:
        """Return the picture with masks, boxes, labels and scores drawn on it."""
        if outcome.picture is None:
            raise ValueError("there is no picture to draw on")
        instances = instances_of(outcome.result)
        return draw_instances(outcome.picture, instances, outcome.facts["labels"])

    def golden(self, document: Any) -> Any:
        """Return the instances that an answer with masks=rle tells of; raises ValueError."""
        return goldens.read_golden(document)

    def difference(self, golden: Any, outcome: Outcome) -> str | None:
        """Say in one line in which way the instances are not the golden ones."""
        is_original = outcome.facts.get("is_original", True)
        tolerance = goldens.F32 if is_original else goldens.OTHER_FORM
        least = outcome.facts.get("least_score", 0.0)
        return goldens.difference(golden, instances_of(outcome.result), tolerance, least)

    def _png(self, outcome: Outcome, parameters: InstanceParameters, index: int) -> bytes:
        return pictures.png_of(self.drawing(outcome))


def _coco_part(outcome: Outcome, parameters: InstanceParameters, index: int) -> list[Any]:
    return [
        *rendering.coco_results(
            instances_of(outcome.result),
            parameters.image_id + index,
            with_segmentation=parameters.masks == "rle",
        )
    ]


def _coco_whole(parts: list[list[Any]]) -> bytes:
    """Return the results of all pictures in one list, as COCO has them."""
    return json.dumps([result for part in parts for result in part]).encode()


INSTANCES = InstancesFace()

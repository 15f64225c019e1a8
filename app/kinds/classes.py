"""How clients see models that say of a picture what it shows: classes, each with its score.

A model of this face gets the picture at its own size and gives one number a class; what those
numbers are, `outputs` of its facts says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field
from typing_extensions import TypedDict

from app.kinds import bars, pictures
from app.kinds.face import (
    Answer,
    Example,
    Finding,
    Form,
    Limits,
    Outcome,
    Parsed,
    Summary,
)
from app.kinds.fields import NUMBER, WHOLE_NUMBER
from app.kinds.pictures import PictureSize
from app.kinds.tensors import Facts, Tensors

#: The one input, uint8 [height, width, channels] of the model's own size.
PICTURE = "image"
#: The one output, float32 [classes].
OUTPUTS = "outputs"

#: What a model's numbers may be.
Numbers = Literal["probabilities", "logits", "independent", "binary", "binary_logit"]
#: How a picture gets another shape: stretched, its middle cut out, or with black borders.
Resize = Literal["stretch", "crop", "pad"]

MOST_CLASSES = 1000
_DEFAULT_TOP_K = 5
# How far a score may be from its golden one.
_SCORE_TOLERANCE = 1e-3

_Score = Annotated[float, Field(ge=0, le=1)]


class Class(TypedDict):
    """One class and how sure the model is of it."""

    label: Annotated[str, Field(description="The class's name.", examples=["sandal"])]
    class_id: Annotated[int, Field(ge=0, description="Its place among the outputs.")]
    score: _Score


class ClassesAnswer(Answer):
    """What one picture shows, best score first."""

    image: PictureSize
    predictions: list[Class]


class ClassParameters(pictures.DrawnParameters):
    """What a request may ask for, beside the pictures."""

    top_k: Annotated[int, Field(ge=1, le=MOST_CLASSES), WHOLE_NUMBER] = Field(
        default=_DEFAULT_TOP_K, description="How many classes are told, best score first."
    )
    min_score: Annotated[float, Field(ge=0, le=1), NUMBER] | None = Field(
        default=None, description="The least score of a class that is told. Without it: any."
    )


class ClassesFace(pictures.OfPictures):
    """A picture in; classes and scores out."""

    name = "classes"
    parameters = ClassParameters
    answer = ClassesAnswer

    @property
    def forms(self) -> Mapping[str, Form]:
        """The drawing."""
        return {"png": Form("image/png", _png, lambda parts: parts[0], takes_several=False)}

    def parse(self, given: bytes, facts: Facts, limits: Limits) -> Parsed:
        """Return the picture's pixels at the model's size; raises ImageError."""
        picture = pictures.pixels_of(given, limits)
        return Parsed({PICTURE: resized(picture, facts["input"])}, picture)

    def example(self) -> Example:
        """Return what a small picture might show."""
        outputs = np.array([0.04, 0.91, 0.05], np.float32)
        facts = {"labels": ["boot", "sandal", "sneaker"], "outputs": "probabilities"}
        outcome = Outcome({OUTPUTS: outputs}, facts, np.zeros((24, 32, 3), np.uint8))
        return Example(pictures.example(), {"top_k": 2}, {"min_score": 0.5}, outcome)

    def noise(self, facts: Facts) -> Tensors:
        """Return a picture of nothing, of the model's size."""
        return {PICTURE: resized(pictures.noise(), facts["input"])}

    def members(self, outcome: Outcome, parameters: ClassParameters) -> dict[str, Any]:
        """Return the picture's size and the best classes."""
        least, best = parameters.min_score or 0.0, ranked(outcome, parameters.top_k)
        told = [one for one in best if one["score"] >= least]
        return {"image": self.told(outcome), "predictions": told}

    def counts(self, outcome: Outcome) -> dict[str, int]:
        """Return the best class."""
        return {ranked(outcome, 1)[0]["label"]: 1}

    def told(self, outcome: Outcome) -> dict[str, Any]:
        """Return the picture's size, after its EXIF turn."""
        if outcome.picture is None:
            return {}
        height, width = outcome.picture.shape[:2]
        return {"width": width, "height": height}

    def rows(self, outcome: Outcome) -> list[Finding]:
        """Return one: the best class, and each one's score."""
        (best,) = ranked(outcome, 1)
        detail = {"label": best["label"], "score": best["score"]}
        return [Finding(best["class_id"], scores_of(outcome), detail)]

    def summary(self, outcome: Outcome) -> Summary:
        """Return the best classes."""
        best = ranked(outcome, _DEFAULT_TOP_K)
        size = self.told(outcome)
        inputs = f"{size['width']} x {size['height']} pixels" if size else "noise"
        rows: list[tuple[object, ...]] = [("label", "score")]
        rows += [(one["label"], f"{one['score']:.3f}") for one in best]
        return Summary(best[0]["label"], inputs, rows, right=" >")

    def drawing(self, outcome: Outcome) -> Image.Image:
        """Return the picture with its best classes as bars along its lower edge."""
        if outcome.picture is None:
            raise ValueError("there is no picture to draw on")
        best = ranked(outcome, 3)
        return bars.draw(outcome.picture, [(one["label"], one["score"]) for one in best])

    def golden(self, document: Any) -> list[Class]:
        """Return the classes that an answer tells of; raises ValueError."""
        try:
            found = document["predictions"]
            return [
                Class(
                    label=str(one["label"]),
                    class_id=int(one["class_id"]),
                    score=float(one["score"]),
                )
                for one in found
            ]
        except (TypeError, KeyError, ValueError):
            raise ValueError("no answer of a classifier: `predictions` is missing") from None

    def difference(self, golden: list[Class], outcome: Outcome) -> str | None:
        """Say which class's score is not the golden one."""
        scores = scores_of(outcome)
        for one in golden:
            class_id, label, wanted = one["class_id"], one["label"], one["score"]
            if not 0 <= class_id < len(scores):
                return f"there is no class {class_id} ({label})"
            if (is_called := outcome.facts["labels"][class_id]) != label:
                return f"class {class_id} is {is_called}, not {label}"
            if not abs(scores[class_id] - wanted) <= _SCORE_TOLERANCE:
                return f"{label} has a score of {scores[class_id]:.4f}, not {wanted:.4f}"
        best = ranked(outcome, 1)[0]
        if golden and best["class_id"] != golden[0]["class_id"]:
            tied = abs(best["score"] - scores[golden[0]["class_id"]]) <= _SCORE_TOLERANCE
            return None if tied else f"the best class is {best['label']}, not {golden[0]['label']}"
        return None


def resized(picture: NDArray[np.uint8], wanted: Mapping[str, Any]) -> NDArray[np.uint8]:
    """Return a picture in the channels and the size that a model wants.

    `wanted` has `height`, `width`, `channels` (1 grey, 3 RGB, 4 RGBA) and `resize`. Scaled down,
    each pixel is a mean of those that it stands for; as in Keras' `smart_resize`, `crop` takes the
    largest middle part of the right shape.
    """
    channels, size = wanted["channels"], (wanted["width"], wanted["height"])
    image = Image.fromarray(picture if picture.shape[2] > 1 else picture[..., 0])
    image = image.convert({1: "L", 3: "RGB", 4: "RGBA"}[channels])
    if image.size != size:
        image = _fitted(image, size, wanted.get("resize", "stretch"))
    pixels = np.asarray(image)
    return pixels if pixels.ndim == 3 else pixels[..., np.newaxis]


def _fitted(image: Image.Image, size: tuple[int, int], resize: Resize) -> Image.Image:
    bilinear = Image.Resampling.BILINEAR
    if resize == "stretch":
        return image.resize(size, bilinear)
    factors = [wanted / side for wanted, side in zip(size, image.size, strict=True)]
    if resize == "crop":
        factor = max(factors)
        left, top = (
            (side - wanted / factor) / 2 for side, wanted in zip(image.size, size, strict=True)
        )
        box = (left, top, image.width - left, image.height - top)
        return image.resize(size, bilinear, box=box)
    factor = min(factors)
    width, height = (max(1, round(side * factor)) for side in image.size)
    canvas = Image.new(image.mode, size)
    canvas.paste(
        image.resize((width, height), bilinear),
        ((size[0] - width) // 2, (size[1] - height) // 2),
    )
    return canvas


def scores_of(outcome: Outcome) -> NDArray[np.float64]:
    """Return a score from 0 to 1 for each label."""
    raw = outcome.result[OUTPUTS].astype(np.float64)
    numbers: Numbers = outcome.facts["outputs"]
    if numbers == "logits":
        powers = np.exp(raw - raw.max())
        return powers / powers.sum()
    if numbers in ("binary", "binary_logit"):
        second = raw[0] if numbers == "binary" else 1 / (1 + np.exp(-raw[0]))
        raw = np.array([1 - second, second])
    return raw.clip(0, 1)


def ranked(outcome: Outcome, most: int) -> list[Class]:
    """Return the best classes, best score first; of equals the first."""
    scores, labels = scores_of(outcome), outcome.facts["labels"]
    order = [scores.argmax()] if most == 1 else np.argsort(-scores, kind="stable")[:most]
    return [
        {"label": labels[index], "class_id": int(index), "score": round(float(scores[index]), 6)}
        for index in order
    ]


def _png(outcome: Outcome, parameters: ClassParameters, index: int) -> bytes:
    return pictures.png_of(CLASSES.drawing(outcome))


CLASSES = ClassesFace()

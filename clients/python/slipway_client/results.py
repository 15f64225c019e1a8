"""What comes back, typed: a frozen dataclass for each kind of answer, read from the server's JSON.

Members that are not known here are no error: they stand in `document`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from slipway_client import masks
from slipway_client.errors import AnswerError
from slipway_client.inputs import Picture

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True)
class Box:
    """A rectangle in the picture's pixels; `x_max` and `y_max` are exclusive."""

    x_min: int
    y_min: int
    x_max: int
    y_max: int


@dataclass(frozen=True)
class Size:
    """A picture's, after its EXIF turn, in pixels."""

    width: int
    height: int


@dataclass(frozen=True)
class Region:
    """A part of a picture that has a class."""

    class_id: int
    label: str
    box: Box
    area: int
    code: Mapping[str, Any] | None = field(repr=False)

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """The part's pixels, [height, width] of the picture; decoded when it is first asked for.

        Raises AnswerError where it was not asked for, or is damaged.
        """
        if self.code is None:
            raise AnswerError("there is no mask: the answer was asked for with masks=False")
        try:
            height, width = map(int, self.code["size"])
            return masks.decode(self.code["counts"], (height, width))
        except (KeyError, TypeError, ValueError) as error:
            raise AnswerError(f"a mask cannot be read: {error}") from error


@dataclass(frozen=True)
class Instance(Region):
    """One thing that was found on a picture."""

    score: float


@dataclass(frozen=True)
class Segment(Region):
    """All pixels of one class; `share` is how much of the picture they are."""

    share: float


@dataclass(frozen=True)
class ClassScore:
    """A class that a picture may show, and how sure the model is of it."""

    class_id: int
    label: str
    score: float


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What every answer says; `document` is the whole of it as the server sent it."""

    prediction_id: str
    model: str
    version: int
    timing_ms: Mapping[str, float]
    request_id: str | None
    document: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class _OnPicture(Prediction):
    """What is said of a picture."""

    image: Size
    picture: Picture | None = field(repr=False, compare=False)

    def _drawn(
        self, texts: Sequence[str], regions: Sequence[Region], picture: Picture | None
    ) -> Image.Image:
        from slipway_client import drawing  # it needs Pillow, which is an extra

        given = self.picture if picture is None else picture
        if given is None:
            raise ValueError("there is no picture to draw on: give one")
        return drawing.draw(given, self.image, [*zip(texts, regions, strict=True)])


@dataclass(frozen=True, kw_only=True)
class Detections(_OnPicture):
    """Things on a picture, the best score first."""

    instances: tuple[Instance, ...]

    def draw(self, picture: Picture | None = None) -> Image.Image:
        """Return the picture with masks, boxes, labels and scores; needs Pillow.

        Without a picture it is the one that was sent; a file is read anew. Raises OSError, or
        ValueError where it has another size than the answer's.
        """
        texts = [f"{one.label} {one.score:.2f}" for one in self.instances]
        return self._drawn(texts, self.instances, picture)


@dataclass(frozen=True, kw_only=True)
class Segments(_OnPicture):
    """The classes that a picture's pixels have, the largest first."""

    segments: tuple[Segment, ...]

    def draw(self, picture: Picture | None = None) -> Image.Image:
        """Return the picture tinted by its classes, as `Detections.draw` does."""
        texts = [f"{one.label} {one.share:.0%}" for one in self.segments]
        return self._drawn(texts, self.segments, picture)


@dataclass(frozen=True, kw_only=True)
class Classes(Prediction):
    """What a picture shows, the best score first."""

    image: Size
    classes: tuple[ClassScore, ...]

    @property
    def best(self) -> ClassScore:
        """The class of the best score."""
        return self.classes[0]


@dataclass(frozen=True, kw_only=True)
class Values(Prediction):
    """What came out for values: each output by its name, as JSON has it."""

    outputs: Mapping[str, Any]


Answer = Detections | Classes | Segments | Values


@dataclass(frozen=True)
class Model:
    """A version of a model; `state` is `ready` where it can be asked."""

    name: str
    version: int
    state: str
    kind: str | None
    face: str | None
    labels: tuple[str, ...]
    is_default: bool
    error: str | None
    document: Mapping[str, Any] = field(repr=False, compare=False)


def read_answer(document: Any, request_id: str | None, picture: Picture | None) -> Answer:
    """Return a prediction's answer; raises AnswerError where it is none."""
    try:
        if "prediction_id" not in document:  # a list of inputs is answered by a list
            (document,) = document["predictions"]
        common = {
            "prediction_id": str(document["prediction_id"]),
            "model": str(document["model"]),
            "version": int(document["version"]),
            "timing_ms": dict(document["timing_ms"]),
            "request_id": request_id,
            "document": document,
        }
        return _of_face(document, common, picture)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        told = f"{type(error).__name__}: {error}"
        raise AnswerError(f"the answer is not one of a Slipway server: {told}") from error


def _of_face(document: Any, common: dict[str, Any], picture: Picture | None) -> Answer:
    if "outputs" in document:
        return Values(**common, outputs=dict(document["outputs"]))
    image = Size(int(document["image"]["width"]), int(document["image"]["height"]))
    if "predictions" in document:
        classes = tuple(
            ClassScore(int(one["class_id"]), str(one["label"]), float(one["score"]))
            for one in document["predictions"]
        )
        return Classes(**common, image=image, classes=classes)
    if "segments" in document:
        segments = tuple(
            Segment(**_region(one), share=float(one["share"])) for one in document["segments"]
        )
        return Segments(**common, image=image, picture=picture, segments=segments)
    instances = tuple(
        Instance(**_region(one), score=float(one["score"])) for one in document["instances"]
    )
    return Detections(**common, image=image, picture=picture, instances=instances)


def _region(document: Any) -> dict[str, Any]:
    sides = {side: int(document["box"][side]) for side in ("x_min", "y_min", "x_max", "y_max")}
    return {
        "class_id": int(document["class_id"]),
        "label": str(document["label"]),
        "box": Box(**sides),
        "area": int(document["area"]),
        "code": document.get("mask"),
    }


def read_models(document: Any) -> tuple[Model, ...]:
    """Return what /models lists; raises AnswerError where it is no such list."""
    try:
        return tuple(
            Model(
                name=str(one["name"]),
                version=int(one["version"]),
                state=str(one["state"]),
                kind=one.get("kind"),
                face=one.get("face"),
                labels=tuple(map(str, one.get("labels") or ())),
                is_default=bool(one.get("default")),
                error=one.get("error"),
                document=one,
            )
            for one in document["models"]
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise AnswerError(f"the answer lists no models: {error}") from error

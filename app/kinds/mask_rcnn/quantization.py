"""A Mask R-CNN in eight bits: made from every second picture of a folder, judged on the others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.kinds.kind import (
    Check,
    Labelled,
    LabelsError,
    ModelError,
    ModelSource,
    Quantization,
    Tell,
)
from app.kinds.limits import Limits
from app.kinds.mask_rcnn.labelled import Known, known
from app.kinds.mask_rcnn.model import LoadedMaskRcnn, examined, labels_for
from app.kinds.mask_rcnn.pictures import Pictures
from mrcnn.config import ConfigError
from mrcnn.demo.contact_sheet import contact_sheet
from mrcnn.drawing import draw_instances
from mrcnn.evaluation import LEAST_LABELLED
from mrcnn.judging import Judged
from mrcnn.molding import PhotoError
from mrcnn.quantizing import MEASURING, Quantized
from mrcnn.quantizing import quantize as quantize_weights
from mrcnn.weights import WeightFileError

#: More than so many add time, and change nothing.
MOST_MADE_FROM = 200
MOST_JUDGED_ON = 200
#: Average precision wants more than a comparison.
MOST_LABELLED = 500

# A picture's longer side on the sheet.
_SIDE = 640

_T = TypeVar("_T")


def quantize(
    source: ModelSource,
    pictures: Sequence[Path],
    limits: Limits,
    tell: Tell,
    check: Check,
    labelled: Labelled | None,
) -> Quantization:
    """Make it, judge it, and write it beside the weights.

    Raises ModelError, LabelsError, or OSError.
    """
    if source.options.get("allow_partial"):
        raise ModelError(f"{source.path.name}: allow_partial is true, and int8 needs every layer")
    network = examined(source).architecture
    labels = labels_for(network.num_classes, source.labels)
    there = None if labelled is None else known(labelled, source, network.num_classes)
    split = _split(pictures, there)
    if split.known is not None:
        count = len(split.judged_on)
        split.known.check_pictures(limits, lambda done: tell("checking", done, count))
    made_from, judged_on = (
        Pictures(paths, limits, network.input_channels)
        for paths in (split.made_from, split.judged_on)
    )
    try:
        found = quantize_weights(
            source.path,
            source.options.get("config", {}),
            made_from,
            judged_on,
            min_score=source.options.get("min_score"),
            threads=source.threads or None,
            tell=lambda what, count: tell(
                what, count, len(made_from if what == MEASURING else judged_on)
            ),
            check=lambda detector: check(LoadedMaskRcnn(detector, labels, source)),
            truth=None if split.known is None else split.known.truth,
        )
    except (WeightFileError, ConfigError, PhotoError) as error:
        raise ModelError(str(error)) from error
    except ImportError as error:
        raise ModelError(f"{error.name} is not installed: ./setup.sh quantize does it") from error
    remarks = (*found.others, *(() if there is None else there.remarks))
    return Quantization(found.path, found.told, found.shortfall, _sheet(found, labels), remarks)


class _Split(NamedTuple):
    """Which pictures make the form, which judge it, and what is known of these."""

    made_from: list[Path]
    judged_on: list[Path]
    known: Known | None


def _split(pictures: Sequence[Path], there: Known | None) -> _Split:
    """Have every second picture judge; where some are labelled, every second of those.

    One after the other are often alike: those that judge are to be others, and of the same kind.
    """
    if there is None:
        judged_on = _spread(pictures[1::2], MOST_JUDGED_ON)
        return _Split(_spread(pictures[::2], MOST_MADE_FROM), judged_on, None)
    labelled = sorted(there.pictures, key=there.path)
    kept = there.of(_spread(labelled[1::2], MOST_LABELLED))
    judged_on = [kept.path(picture) for picture in kept.pictures]
    others = sorted(set(pictures) - {there.path(picture) for picture in labelled[1::2]})
    instances = kept.truth.annotations.counted
    if instances < LEAST_LABELLED or not others:
        raise LabelsError(
            f"{kept.truth.annotations.name}: every second labelled picture judges, with "
            f"{instances} instances on {len(judged_on)}; {LEAST_LABELLED} are needed"
        )
    return _Split(_spread(others, MOST_MADE_FROM), judged_on, kept)


def _spread(these: Sequence[_T], most: int) -> list[_T]:
    """Return at most so many, evenly from the whole."""
    step = max(1.0, len(these) / most)
    return [these[int(place * step)] for place in range(min(len(these), most))]


def _sheet(found: Quantized, labels: Sequence[str]) -> Image.Image:
    """Draw the worst pictures: on the left in float32, on the right in eight bits."""
    drawn: list[Image.Image] = []
    captions: list[str] = []
    for one in found.worst:
        for name, instances in (("float32", one.f32), ("int8", one.other)):
            drawing = draw_instances(_rgb(one), instances, labels)
            drawing.thumbnail((_SIDE, _SIDE))
            drawn.append(drawing)
            captions.append(f"{name}: {len(instances)} instances")
    return contact_sheet(drawn, 2, captions)


def _rgb(one: Judged) -> NDArray[np.uint8]:
    grey = one.picture.shape[2] == 1
    return one.picture.repeat(3, axis=2) if grey else one.picture[:, :, :3]

"""A Mask R-CNN in eight bits: made from every second picture of a folder, judged on the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.images.limits import ImageError
from app.kinds.kind import Check, ModelError, ModelSource, Quantization, Tell
from app.kinds.limits import Limits
from app.kinds.mask_rcnn.model import LoadedMaskRcnn, examined, in_channels, labels_for
from app.kinds.pictures import pixels_of
from mrcnn.config import ConfigError
from mrcnn.demo.contact_sheet import contact_sheet
from mrcnn.drawing import draw_instances
from mrcnn.molding import PhotoError
from mrcnn.quantizing import Judged, Quantized
from mrcnn.quantizing import quantize as quantize_weights
from mrcnn.weights import WeightFileError

#: More than so many add time, and change nothing.
MOST_MADE_FROM = 200
MOST_JUDGED_ON = 200

# A picture's longer side on the sheet.
_SIDE = 640


def quantize(
    source: ModelSource,
    pictures: Sequence[Path],
    limits: Limits,
    tell: Tell,
    check: Check,
) -> Quantization:
    """Make it, judge it, and write it beside the weights; raises ModelError, or OSError."""
    if source.options.get("allow_partial"):
        raise ModelError(f"{source.path.name}: allow_partial is true, and int8 needs every layer")
    file = examined(source)
    labels = labels_for(file.architecture.num_classes, source.labels)
    channels = file.architecture.input_channels
    # One after the other are often alike: those that judge are to be others, and of the same kind.
    made_from = _Pictures(_spread(pictures[::2], MOST_MADE_FROM), limits, channels)
    judged_on = _Pictures(_spread(pictures[1::2], MOST_JUDGED_ON), limits, channels)
    counts = {"measuring": len(made_from), "judging": len(judged_on)}
    try:
        found = quantize_weights(
            source.path,
            source.options.get("config", {}),
            made_from,
            judged_on,
            min_score=source.options.get("min_score"),
            threads=source.threads or None,
            tell=lambda what, count: tell(what, count, counts[what]),
            check=lambda detector: check(LoadedMaskRcnn(detector, labels, source)),
        )
    except (WeightFileError, ConfigError, PhotoError) as error:
        raise ModelError(str(error)) from error
    except ImportError as error:
        raise ModelError(f"{error.name} is not installed: ./setup.sh quantize does it") from error
    return Quantization(found.path, str(found.agreement), found.shortfall, _sheet(found, labels))


class _Pictures(Sequence[NDArray[np.uint8]]):
    """Pictures that are read when they are looked at: all at once may not fit into memory."""

    def __init__(self, paths: Sequence[Path], limits: Limits, channels: int) -> None:
        self._paths, self._limits, self._channels = paths, limits, channels

    def __len__(self) -> int:
        return len(self._paths)

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> NDArray[np.uint8]:  # type: ignore[override]
        path = self._paths[index]
        try:
            pixels = pixels_of(path.read_bytes(), self._limits)
        except ImageError as error:
            raise ModelError(f"{path.name}: {error}") from error
        if pixels.shape[2] < self._channels:
            raise ModelError(f"{path.name}: has no fourth channel, which the model takes")
        return in_channels(pixels, self._channels)


def _spread(paths: Sequence[Path], most: int) -> list[Path]:
    """Return at most so many, evenly from the whole."""
    step = max(1.0, len(paths) / most)
    return [paths[int(place * step)] for place in range(min(len(paths), most))]


def _sheet(found: Quantized, labels: Sequence[str]) -> Image.Image:
    """Draw the worst pictures: on the left in float32, on the right in eight bits."""
    drawn: list[Image.Image] = []
    captions: list[str] = []
    for one in found.worst:
        for name, instances in (("float32", one.f32), ("int8", one.int8)):
            drawing = draw_instances(_rgb(one), instances, labels)
            drawing.thumbnail((_SIDE, _SIDE))
            drawn.append(drawing)
            captions.append(f"{name}: {len(instances)} instances")
    return contact_sheet(drawn, 2, captions)


def _rgb(one: Judged) -> NDArray[np.uint8]:
    grey = one.picture.shape[2] == 1
    return one.picture.repeat(3, axis=2) if grey else one.picture[:, :, :3]

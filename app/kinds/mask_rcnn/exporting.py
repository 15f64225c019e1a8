"""A Mask R-CNN for other programs: written as one graph, and compared on pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.kinds.kind import Export, Exported, ModelError, ModelSource, Tell
from app.kinds.limits import Limits
from app.kinds.mask_rcnn.model import examined, in_channels, labels_for
from app.kinds.mask_rcnn.pictures import Pictures
from app.kinds.requisites import TENSORFLOW, check_installed
from mrcnn.config import ConfigError
from mrcnn.demo.scenes import make_scene
from mrcnn.exporting.error import ExportError
from mrcnn.exporting.export import Wanted, export
from mrcnn.forms import FormError
from mrcnn.molding import PhotoError
from mrcnn.weights import WeightFileError

#: More than so many take time, and say no more.
MOST_PICTURES = 50

# Width and height of those that are drawn: wide, high, small, and no multiples of anything.
_DRAWN = ((640, 480), (333, 500), (96, 64))


def export_model(
    source: ModelSource,
    wanted: Export,
    pictures: Sequence[Path],
    limits: Limits,
    tell: Tell,
) -> Exported:
    """Write it, run it as others would, and compare; raises ModelError, or OSError."""
    if source.options.get("allow_partial"):
        raise ModelError(f"{source.path.name}: allow_partial is true, and it needs every layer")
    if wanted.to == "saved_model":
        check_installed(TENSORFLOW, "writing a SavedModel")
    file = examined(source)
    channels = file.architecture.input_channels
    chosen: Sequence[NDArray[np.uint8]]
    chosen = Pictures(pictures[:MOST_PICTURES], limits, channels) or _drawn(channels)
    try:
        found = export(
            source.path,
            source.options.get("config", {}),
            Wanted(wanted.to, wanted.path, wanted.precision, wanted.masks, wanted.replaces),
            chosen,
            labels=labels_for(file.architecture.num_classes, source.labels),
            min_score=source.options.get("min_score"),
            threads=source.threads or None,
            tell=lambda what, count: tell(what, count, len(chosen)),
        )
    except (ExportError, WeightFileError, ConfigError, FormError, PhotoError) as error:
        raise ModelError(str(error)) from error
    except ImportError as error:
        if error.name != "onnx":
            raise
        raise ModelError("onnx is not installed: ./setup.sh export does it") from error
    return Exported(str(found), found.shortfall())


def _drawn(channels: int) -> list[NDArray[np.uint8]]:
    pictures = []
    for seed, size in enumerate(_DRAWN):
        scene = Image.fromarray(make_scene(seed, 512).image).resize(size)
        with_depth = scene.convert("RGBA") if channels == 4 else scene
        pictures.append(in_channels(np.asarray(with_depth), channels))
    return pictures

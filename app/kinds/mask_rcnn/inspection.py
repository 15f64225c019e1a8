"""What a Mask R-CNN weight file is, layer by layer. Opens no network."""

from __future__ import annotations

from pathlib import Path

from app.kinds.kind import Inspection, ModelError
from app.kinds.mask_rcnn.model import CHANNELS
from mrcnn.weights import WeightFile, WeightFileError


def inspect(path: Path) -> Inspection:
    """Return what the file is; raises ModelError, or OSError."""
    try:
        file = WeightFile.open(path)
    except WeightFileError as error:
        raise ModelError(str(error)) from error
    return Inspection("a Matterport Mask R-CNN", _summary(file), _layers(file), right="   >")


def _summary(file: WeightFile) -> list[tuple[str, str]]:
    network = file.architecture
    arrays = sum(len(found) for found in file.layers.values())
    nested = f"in {', '.join(file.nested_in)}, as a wrapper for several GPUs saves it"
    return [
        *([("nested", nested)] if file.nested_in else []),
        ("input", _input(network.input_channels)),
        ("backbone", network.backbone),
        ("classes", f"{network.num_classes}: the background and {network.num_classes - 1} more"),
        ("pyramid", f"{network.pyramid_channels} channels"),
        (
            "proposals",
            f"{network.rpn_channels} channels, {network.anchors_per_location} anchors a location",
        ),
        (
            "classifier",
            f"{network.classifier_units} units on {network.classifier_pool} x "
            f"{network.classifier_pool} cells",
        ),
        ("masks", f"{network.mask_channels} channels"),
        (
            "parameters",
            f"{file.parameter_count:,} in {arrays} arrays of {len(file.layers)} layers",
        ),
    ]


def _input(channels: int) -> str:
    text = "1 channel" if channels == 1 else f"{channels} channels"
    if channels not in CHANNELS:
        return f"{text}, which no picture that is sent has"
    text += f" ({CHANNELS[channels]})"
    return text if channels == 3 else f"{text}; model.yaml has to say MEAN_PIXEL"


def _layers(file: WeightFile) -> list[tuple[str, str, str, str]]:
    rows = [("layer", "array", "shape", "numbers")]
    for layer, arrays in file.layers.items():
        for array in arrays:
            name = array.name.rpartition("/")[2].removesuffix(":0")
            shape = " x ".join(map(str, array.shape))
            rows.append((layer, name, f"{shape} {array.dtype}", f"{array.size:,}"))
    return rows

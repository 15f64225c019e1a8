"""A Mask R-CNN small enough for quick tests, and weight files of it in every state of repair."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from mrcnn.architecture import Architecture

ARCHITECTURE = Architecture(
    "resnet26_narrow",
    num_classes=5,
    pyramid_channels=16,
    rpn_channels=16,
    classifier_units=32,
    mask_channels=16,
)
SETTINGS: dict[str, object] = {
    "IMAGE_MIN_DIM": 64,
    "IMAGE_MAX_DIM": 128,
    "RPN_ANCHOR_SCALES": [8, 16, 32, 64, 128],
    "PRE_NMS_LIMIT": 500,
    "POST_NMS_ROIS_INFERENCE": 100,
    "DETECTION_MIN_CONFIDENCE": 0.25,
}

#: A weight file's content: group -> [(weight name, array)].
Groups = dict[str, list[tuple[str, np.ndarray]]]


def tiny_network(
    architecture: Architecture = ARCHITECTURE, *, folded: bool = False, seed: int = 7
) -> Any:
    """Return a network that finds something on noise: random, its activations kept in bounds."""
    import keras

    from mrcnn.config import Config
    from mrcnn.loading import weighted_layers
    from mrcnn.network import MaskRCNNNetwork

    keras.utils.set_random_seed(seed)
    network = MaskRCNNNetwork(architecture, Config.with_values(SETTINGS), folded=folded)
    random = np.random.default_rng(seed)
    for name, layer in weighted_layers(network).items():
        arrays = layer.get_weights()
        if len(arrays) == 4:  # gamma, beta, moving mean, moving variance
            gain = 0.3 if name.endswith("2c") else 1.0
            arrays = [random.uniform(0.5, 1.5, a.shape).astype(np.float32) for a in arrays]
            arrays[0] *= gain
            arrays[3] *= 5000 if name == "bn_conv1" else 1
        if name in ("rpn_bbox_pred", "mrcnn_bbox_fc"):
            arrays = [0.1 * a for a in arrays]
        if name == "mrcnn_class_logits":
            arrays = [arrays[0] / 30, arrays[1]]
        layer.set_weights(arrays)
    return network


def read_groups(path: Path) -> Groups:
    """Return what a weight-only file holds."""
    with h5py.File(path) as file:
        return {
            group: [
                (name.decode(), file[group][name.decode()][()])
                for name in file[group].attrs["weight_names"]
            ]
            for group in (name.decode() for name in file.attrs["layer_names"])
        }


def write_groups(path: Path, groups: Groups, *, root: str = "/", chunks: int = 1) -> Path:
    """Write a file as Keras does; `chunks` splits the long list of names as Keras does too."""
    with h5py.File(path, "w") as file:
        top = file.require_group(root)
        names = np.array([name.encode() for name in groups])
        if chunks == 1:
            top.attrs["layer_names"] = names
        else:
            for index, part in enumerate(np.array_split(names, chunks)):
                top.attrs[f"layer_names{index}"] = part
        for name, arrays in groups.items():
            group = top.create_group(name)
            group.attrs["weight_names"] = np.array([n.encode() for n, _ in arrays], "S")
            for weight_name, array in arrays:
                group.create_dataset(weight_name, data=array)
    return path


def changed(source: Path, target: Path, change: Callable[[Groups], object]) -> Path:
    """Write a copy of `source` with `change` made to its content."""
    groups = read_groups(source)
    change(groups)
    return write_groups(target, groups)


def with_channels(source: Path, target: Path, mix: Any) -> Path:
    """Write a copy of `source` whose channels are mixed of its three: `mix` is [channels, 3]."""

    def change(groups: Groups) -> None:
        (name, kernel), bias = groups["conv1"]
        mixed = np.einsum("hwco,nc->hwno", kernel, np.asarray(mix, np.float32))
        groups["conv1"] = [(name, mixed), bias]

    return changed(source, target, change)


#: A network of luminance alone, one that finds red in its fourth channel, and one of two channels.
GREY, RED_LAST, GREEN_BLUE = (
    [[1, 1, 1]],
    [[0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]],
    [[0, 1, 0], [0, 0, 1]],
)

"""Reading Matterport weight files, strictly: every array is accounted for or named.

Only h5py is used: Keras' own by-name loading says nothing of layers it does not find. Which network
a file holds is worked out from its layer names and shapes. No framework is imported here.
"""

from __future__ import annotations

import contextlib
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from mrcnn.architecture import BACKBONES, Architecture
from mrcnn.hdf5 import ContentError, WeightFileError, damage_told, member, names, open_hdf5
from mrcnn.weight_layout import RPN_LAYERS, Array, Layout, layers_named, layout_of, root_of

__all__ = [
    "EPSILON",
    "RPN_LAYERS",
    "Array",
    "Mismatch",
    "WeightFile",
    "WeightFileError",
    "architecture_of",
    "fold",
    "folded",
    "looks_like_mask_rcnn",
    "mismatches",
    "norm_of",
]

#: Added to the variance. Keras' default, which Matterport's networks were trained with.
EPSILON = 1e-3
#: Layers that only a Mask R-CNN of this family has.
SIGNATURE = ("conv1", "rpn_conv_shared", "mrcnn_class_logits", "mrcnn_mask")
# A variance of nothing, computed in float32, may come out this far below 0.
_ROUNDING = 1e-6
_KERAS_3_GROUPS = ("vars", "layers", "_layer_checkpoint_dependencies")


class WeightFile:
    """A Matterport weight file: whole-model save, weight-only save or training checkpoint.

    Attributes:
        path: where it lies.
        layers: layer name -> its arrays in the order of the layer; models within the model, as
            `rpn_model`, are taken apart into their layers. Layers without weights are left out.
        nested_in: the groups of models within which the network lies, where it does.
        architecture: the network that fits, worked out from names and shapes.
    """

    def __init__(
        self, path: Path, layers: dict[str, list[Array]], nested_in: tuple[str, ...] = ()
    ) -> None:
        self.path = path
        self.layers = layers
        self.nested_in = nested_in
        self.architecture = architecture_of(self)

    @classmethod
    def open(cls, path: str | Path) -> WeightFile:
        """Read names and shapes of `path`. Raises WeightFileError with one clear line."""
        path = Path(path)
        with open_hdf5(path) as file, damage_told(path):
            layout = _layout(file)
        missing = [name for name in SIGNATURE if name not in layout.layers]
        if missing:
            raise WeightFileError(
                f"{path.name}: not a Matterport Mask R-CNN: it has no layer {', '.join(missing)}"
            )
        return cls(path, layout.layers, layout.nested_in)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Callable[[str], list[NDArray[np.float32]]]]:
        """Open the file; yields a function that reads the float32 arrays of one layer.

        That one raises WeightFileError for numbers with which no network gives an answer.
        """
        with open_hdf5(self.path) as file:

            def read(layer: str) -> list[NDArray[np.float32]]:
                with damage_told(self.path):
                    arrays = self.layers[layer]
                    return [_numbers(layer, array, file[array.path]) for array in arrays]

            yield read

    @property
    def parameter_count(self) -> int:
        """Numbers in all layers."""
        return sum(array.size for arrays in self.layers.values() for array in arrays)

    def kernel(self, layer: str, sides: int = 4) -> tuple[int, ...]:
        """Return the shape of a layer's first array, which must have so many sides.

        Raises WeightFileError.
        """
        if layer not in self.layers:
            raise WeightFileError(f"{self.path.name}: it has no layer {layer}")
        shape = self.layers[layer][0].shape
        if len(shape) != sides:
            raise WeightFileError(
                f"{self.path.name}: layer {layer}: its first array has the shape {shape}; a "
                f"kernel of {sides} dimensions is wanted"
            )
        return shape


def looks_like_mask_rcnn(path: str | Path) -> bool:
    """Whether `path` is an HDF5 file with Matterport's layer names. Never raises."""
    path = Path(path)
    try:
        with open_hdf5(path) as file, damage_told(path):
            found = layers_named(root_of(file))
    except (WeightFileError, OSError):
        return False
    return {"conv1", "mrcnn_class_logits", "mrcnn_mask"} <= found


def _layout(file: h5py.File) -> Layout:
    root = root_of(file)
    if names(root, "layer_names"):
        return layout_of(root)
    if any(member(file, group) is not None for group in _KERAS_3_GROUPS):
        raise ContentError(
            "in the layout of Keras 3's save_weights; save the network with "
            "mrcnn.loading.save_weights, which writes Matterport's"
        )
    raise ContentError("an HDF5 file, but not one of Keras weights")


def _numbers(layer: str, array: Array, data: h5py.Dataset) -> NDArray[np.float32]:
    """Read an array; raises ContentError where it holds no numbers to work with.

    Its extremes tell that: they are NaN where one number is, and cost little beside the reading.
    """
    what = f"layer {layer}: {array.name}"
    stored, is_packed = data.id.get_storage_size(), data.id.get_create_plist().get_nfilters() > 0
    if stored < (1 if is_packed else data.nbytes):
        raise ContentError(f"{what} was never written: the file has {stored:,} bytes of it")
    with np.errstate(over="ignore", invalid="ignore"):
        numbers = np.asarray(data[()], np.float32)
        low, high = float(numbers.min()), float(numbers.max())
    if not np.isfinite([low, high]).all():
        nan, infinite = int(np.isnan(numbers).sum()), int(np.isinf(numbers).sum())
        raise ContentError(
            f"{what} holds {nan:,} NaN and {infinite:,} infinite among {array.size:,} numbers: "
            "training had diverged when it was saved"
        )
    if array.leaf == "moving_variance" and low < -_ROUNDING:
        raise ContentError(f"{what} holds {low:g}; no variance is negative")
    if low == high == 0 and len(array.shape) > 1:
        raise ContentError(f"{what} is all zeros: the file is damaged, or never was trained")
    return numbers


def architecture_of(file: WeightFile) -> Architecture:
    """Work the network out of a file's names and shapes. Raises WeightFileError."""
    head = file.kernel("mrcnn_class_conv1")
    return Architecture(
        backbone=_backbone_of(file),
        num_classes=file.kernel("mrcnn_class_logits", 2)[-1],
        pyramid_channels=file.kernel("fpn_c5p5")[-1],
        rpn_channels=file.kernel("rpn_conv_shared")[-1],
        anchors_per_location=file.kernel("rpn_class_raw")[-1] // 2,
        classifier_units=head[-1],
        classifier_pool=head[0],
        mask_channels=file.kernel("mrcnn_mask_conv1")[-1],
        input_channels=file.kernel("conv1")[2],
    )


def _backbone_of(file: WeightFile) -> str:
    blocks, widths = [], []
    for stage in (2, 3, 4, 5):
        present = [c for c in string.ascii_lowercase if f"res{stage}{c}_branch2a" in file.layers]
        blocks.append(len(present))
        widths.append(file.kernel(f"res{stage}a_branch2a")[-1])
    stem = file.kernel("conv1")[-1]
    for name, spec in BACKBONES.items():
        if (list(spec.blocks), list(spec.widths), spec.stem) == (blocks, widths, stem):
            return name
    raise WeightFileError(
        f"{file.path.name}: no known backbone has {blocks} blocks of widths {widths} after a stem "
        f"of {stem}; known are {', '.join(BACKBONES)}"
    )


@dataclass(frozen=True)
class Mismatch:
    """A layer that the file and the network do not agree on."""

    layer: str
    file_has: str
    network_wants: str

    def __str__(self) -> str:
        return f"{self.layer}: file has {self.file_has}, network wants {self.network_wants}"


def mismatches(
    have: Mapping[str, Sequence[tuple[int, ...]]], want: Mapping[str, Sequence[tuple[int, ...]]]
) -> list[Mismatch]:
    """Every layer whose arrays' shapes differ between a file and a network, or stand on one side.

    Args:
        have: layer name -> shapes of its arrays in the file.
        want: layer name -> shapes of its arrays in the network.
    """

    def text(shapes: Sequence[tuple[int, ...]] | None) -> str:
        return "nothing" if not shapes else " ".join(str(tuple(s)) for s in shapes)

    order = dict.fromkeys([*want, *have])
    return [
        Mismatch(layer, text(have.get(layer)), text(want.get(layer)))
        for layer in order
        if [tuple(s) for s in have.get(layer, ())] != [tuple(s) for s in want.get(layer, ())]
    ]


def norm_of(layer: str) -> str | None:
    """The batch normalization behind a layer, by Matterport's naming; None where none is."""
    if layer == "conv1":
        return "bn_conv1"
    if layer.startswith("res"):
        return "bn" + layer.removeprefix("res")
    if layer.startswith(("mrcnn_class_conv", "mrcnn_mask_conv")):
        return layer.replace("_conv", "_bn")
    return None


def fold(
    conv: Sequence[NDArray[np.floating]], norm: Sequence[NDArray[np.floating]], epsilon: float
) -> list[NDArray[np.float32]]:
    """Multiply a batch normalization into the convolution before it, in float64.

    Args:
        conv: kernel [..., out] and bias [out].
        norm: gamma, beta, moving mean and moving variance, [out] each.
        epsilon: what the normalization adds to the variance.

    Returns:
        float32 kernel and bias that give the same output with no normalization behind.
    """
    kernel, bias = (np.asarray(a, np.float64) for a in conv)
    gamma, beta, mean, variance = (np.asarray(a, np.float64) for a in norm)
    scale = gamma / np.sqrt(variance + epsilon)
    return [(kernel * scale).astype(np.float32), (beta + (bias - mean) * scale).astype(np.float32)]


def folded(
    read: Callable[[str], list[NDArray[np.float32]]], conv: str, *, norm: str, file: WeightFile
) -> list[NDArray[np.float32]]:
    """Read a convolution and its normalization as one; raises WeightFileError beyond float32."""
    try:
        with np.errstate(over="raise"):
            return fold(read(conv), read(norm), EPSILON)
    except FloatingPointError as error:
        raise WeightFileError(
            f"{file.path.name}: layers {conv} and {norm}: their product is beyond float32: "
            f"training had diverged when they were saved"
        ) from error

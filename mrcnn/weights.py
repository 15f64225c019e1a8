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

from mrcnn.architecture import BACKBONES, Architecture

#: Layers that carry a weight in training checkpoints which is no part of the network.
NOT_OF_THE_NETWORK = frozenset({"anchors"})
#: Layers that only a Mask R-CNN of this family has.
SIGNATURE = ("conv1", "rpn_conv_shared", "mrcnn_class_logits", "mrcnn_mask")
HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"


class WeightFileError(ValueError):
    """A weight file cannot be used; the message is one line that says why."""


@dataclass(frozen=True)
class Array:
    """One array of a weight file: its name there, shape and type, and the HDF5 path to it."""

    name: str
    path: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def size(self) -> int:
        """Numbers in it."""
        return int(np.prod(self.shape, dtype=np.int64))


class WeightFile:
    """A Matterport weight file: whole-model save, weight-only save or training checkpoint.

    Attributes:
        path: where it lies.
        layers: layer name -> its arrays in the order of the file; `rpn_model` is taken apart into
            its three layers. Layers without weights are left out.
        architecture: the network that fits, worked out from names and shapes.
    """

    def __init__(self, path: Path, layers: dict[str, list[Array]]) -> None:
        self.path = path
        self.layers = layers
        self.architecture = architecture_of(self)

    @classmethod
    def open(cls, path: str | Path) -> WeightFile:
        """Read names and shapes of `path`. Raises WeightFileError with one clear line."""
        path = Path(path)
        with _hdf5(path) as file, _as_weight_file_error(path):
            layers = dict(_layers(file, path))
        missing = [name for name in SIGNATURE if name not in layers]
        if missing:
            raise WeightFileError(
                f"{path.name}: not a Matterport Mask R-CNN: it has no layer {', '.join(missing)}"
            )
        return cls(path, layers)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Callable[[str], list[np.ndarray]]]:
        """Open the file; yields a function that reads the float32 arrays of one layer."""
        with _hdf5(self.path) as file, _as_weight_file_error(self.path):
            yield lambda layer: [
                np.asarray(file[array.path], np.float32) for array in self.layers[layer]
            ]

    @property
    def parameter_count(self) -> int:
        """Numbers in all layers."""
        return sum(array.size for arrays in self.layers.values() for array in arrays)

    def kernel(self, layer: str) -> tuple[int, ...]:
        """Shape of a layer's first array; raises WeightFileError where there is none."""
        if layer not in self.layers:
            raise WeightFileError(f"{self.path.name}: it has no layer {layer}")
        return self.layers[layer][0].shape


def looks_like_mask_rcnn(path: str | Path) -> bool:
    """Whether `path` is an HDF5 file with Matterport's layer names. Never raises."""
    try:
        with _hdf5(Path(path)) as file:
            names = set(_names(_root(file), "layer_names"))
    except (WeightFileError, OSError, KeyError, RuntimeError):
        return False
    return {"conv1", "mrcnn_class_logits", "mrcnn_mask"} <= names


def _hdf5(path: Path) -> h5py.File:
    if not path.is_file():
        raise WeightFileError(f"{path}: there is no such file")
    try:
        with path.open("rb") as file:
            start = file.read(len(HDF5_MAGIC))
    except OSError as error:
        raise WeightFileError(f"{path}: cannot be read: {error.strerror}") from error
    if start != HDF5_MAGIC:
        size = path.stat().st_size
        raise WeightFileError(f"{path.name}: not an HDF5 file ({size} bytes, other signature)")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise WeightFileError(f"{path.name}: truncated or damaged HDF5 file: {error}") from error


@contextlib.contextmanager
def _as_weight_file_error(path: Path) -> Iterator[None]:
    """Turn what h5py raises for a file with damage inside into one clear line."""
    try:
        yield
    except (OSError, KeyError, RuntimeError, AttributeError, UnicodeError) as error:
        line = " ".join(str(error).split())
        raise WeightFileError(f"{path.name}: truncated or damaged HDF5 file: {line}") from error


def _root(file: h5py.File) -> h5py.Group:
    """The group that holds the layers: whole-model saves keep them one level down."""
    return file.get("model_weights", file)


def _names(group: h5py.Group, attribute: str) -> list[str]:
    """An attribute that is a list of names; Keras splits long ones into name0, name1, ..."""
    chunks: list[object] = []
    if attribute in group.attrs:
        chunks = list(group.attrs[attribute])
    index = 0
    while f"{attribute}{index}" in group.attrs:
        chunks += list(group.attrs[f"{attribute}{index}"])
        index += 1
    return [c.decode("utf-8") if isinstance(c, bytes) else str(c) for c in chunks]


def _layers(file: h5py.File, path: Path) -> Iterator[tuple[str, list[Array]]]:
    """Yield (layer, its arrays); a nested model's arrays go to the layers they are named for."""
    root = _root(file)
    layer_names = _names(root, "layer_names")
    if not layer_names:
        raise WeightFileError(f"{path.name}: an HDF5 file, but not one of Keras weights")
    for layer in layer_names:
        if layer in NOT_OF_THE_NETWORK:
            continue
        found: dict[str, list[Array]] = {}
        for name in _names(root[layer], "weight_names") if layer in root else []:
            data = root[layer].get(name)
            if not isinstance(data, h5py.Dataset):
                raise WeightFileError(f"{path.name}: truncated or damaged: no array {layer}/{name}")
            owner = name.split("/")[-2] if layer == "rpn_model" and "/" in name else layer
            array = Array(name, data.name, tuple(data.shape), str(data.dtype))
            found.setdefault(owner, []).append(array)
        yield from found.items()


def architecture_of(file: WeightFile) -> Architecture:
    """Work the network out of a file's names and shapes. Raises WeightFileError."""
    head = file.kernel("mrcnn_class_conv1")
    return Architecture(
        backbone=_backbone_of(file),
        num_classes=file.kernel("mrcnn_class_logits")[-1],
        pyramid_channels=file.kernel("fpn_c5p5")[-1],
        rpn_channels=file.kernel("rpn_conv_shared")[-1],
        anchors_per_location=file.kernel("rpn_class_raw")[-1] // 2,
        classifier_units=head[-1],
        classifier_pool=head[0],
        mask_channels=file.kernel("mrcnn_mask_conv1")[-1],
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
    conv: Sequence[np.ndarray], norm: Sequence[np.ndarray], epsilon: float
) -> list[np.ndarray]:
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

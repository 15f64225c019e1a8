"""Which array of a Keras file belongs to which layer of a Mask R-CNN.

Keras puts each layer's arrays into a group of its name, and those of a model within the model into
one group: the region proposals always, everything where a wrapper for several GPUs was saved. In
there only the arrays' own names tell the layer, behind the scopes that they were made in and before
a number that Keras adds where the name was taken in its session.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import h5py
import numpy as np

from mrcnn.hdf5 import ContentError, member, names

#: Layers that carry a weight in training checkpoints which is no part of the network.
ANCHORS = frozenset({"anchors", "anchors_layer", "const_layer"})
RPN_LAYERS = ("rpn_conv_shared", "rpn_class_raw", "rpn_bbox_pred")
#: What Keras calls a layer's arrays, in its order.
ARRAY_NAMES = ("kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance")

_LAYER = re.compile(
    r"conv1|bn_conv1|(res|bn)[2-5][a-z]_branch(1|2[abc])|fpn_(c[2-5])?p[2-5]"
    rf"|{'|'.join(RPN_LAYERS)}"
    r"|mrcnn_(class|mask)_(conv|bn)\d|mrcnn_(class_logits|bbox_fc|mask|mask_deconv)"
)
_NUMBER = re.compile(r"_\d+$")
_SEPARATOR = re.compile(r"[/\\]")


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

    @property
    def leaf(self) -> str:
        """The name without scopes and numbers, such as `kernel`."""
        return _unnumbered(_SEPARATOR.split(self.name)[-1].partition(":")[0])


@dataclass(frozen=True)
class Layout:
    """A file's arrays by layer, in the order in which layers hold them.

    `nested_in` names the groups in which the network, or a part of it, lies as a model within a
    model; the region proposals, which always do, do not count.
    """

    layers: dict[str, list[Array]]
    nested_in: tuple[str, ...]


def root_of(file: h5py.File) -> h5py.Group:
    """Return the group that holds the layers: whole-model saves keep them one level down."""
    root = member(file, "model_weights")
    return file if root is None else root


def names_in(root: h5py.Group) -> Iterator[tuple[str, list[str]]]:
    """Yield (group, names of its arrays), without looking at an array."""
    for group_name in names(root, "layer_names"):
        group = member(root, group_name)
        listed = names(group, "weight_names") if isinstance(group, h5py.Group) else []
        yield group_name, list(dict.fromkeys(listed))


def layers_named(root: h5py.Group) -> set[str]:
    """Return the layers of a Mask R-CNN that groups or arrays are named for."""
    found: set[str] = set()
    for group, arrays in names_in(root):
        scopes = {*_scopes(group), *(scope for name in arrays for scope in _scopes(name)[:-1])}
        found |= {layer for scope in scopes if (layer := _unnumbered(scope)) and _is_layer(layer)}
    return found


def layout_of(root: h5py.Group) -> Layout:
    """Sort all arrays by layer.

    One that no layer of the network is named for goes to the layer that its group or its scope is;
    anchors, which training keeps as a constant, are left out. Raises ContentError where an array
    of the network cannot be read as numbers, or the file holds a layer twice.
    """
    groups = {
        group: [_array(root, group, name) for name in arrays] for group, arrays in names_in(root)
    }
    taken = _exact_names(groups)
    layers: dict[str, list[Array]] = {}
    homes: dict[str, list[str]] = {}
    nested = []
    for group, arrays in groups.items():
        owners = _owners(group, arrays, taken)
        for owner, array in zip(owners, arrays, strict=True):
            if owner is not None:
                layers.setdefault(owner, []).append(array)
        of_network = [owner for owner in dict.fromkeys(owners) if owner and _is_layer(owner)]
        for owner in of_network:
            homes.setdefault(owner, []).append(group)
        if len(of_network) > 1 and not set(of_network) <= set(RPN_LAYERS):
            nested.append(group)
    for layer, where in homes.items():
        if len(where) > 1:
            raise ContentError(
                f"it holds the layer {layer} twice, in {' and '.join(where)}: a file of two "
                f"networks does not say which one to load"
            )
        for array in layers[layer]:
            _check(layer, array, root.file[array.path])
    return Layout({name: _in_order(arrays) for name, arrays in layers.items()}, tuple(nested))


def _array(root: h5py.Group, group: str, name: str) -> Array:
    data = member(root, f"{group}/{name}")
    if not isinstance(data, h5py.Dataset):
        raise ContentError(f"truncated or damaged: no array {group}/{name}")
    shape = (0,) if data.shape is None else tuple(data.shape)
    return Array(name, data.name, shape, str(data.dtype))


def _check(layer: str, array: Array, data: h5py.Dataset) -> None:
    """Raise ContentError where an array has no numbers of its own that a layer could hold."""
    what = f"layer {layer}: {array.name}"
    if data.dtype.kind != "f":
        raise ContentError(f"{what} holds {array.dtype} values; weights are float16, 32 or 64")
    if not array.size:
        raise ContentError(f"{what} is empty: its shape is {array.shape}")
    if data.is_virtual or data.external:
        raise ContentError(f"{what} lies in another file; a weight file has to hold its arrays")


def _exact_names(groups: Mapping[str, Sequence[Array]]) -> frozenset[str]:
    """Return the layers that a group or an array is named for without a number."""
    scopes = {scope for group in groups for scope in _scopes(group)}
    scopes |= {s for arrays in groups.values() for array in arrays for s in _scopes(array.name)}
    return frozenset(filter(_is_layer, scopes))


def _owners(group: str, arrays: Sequence[Array], taken: Collection[str]) -> list[str | None]:
    """Return the layer of each of a group's arrays; None for what is no part of the network."""
    own = _layer_among(_scopes(group), taken)
    named = [_layer_among(_scopes(array.name)[:-1], taken) for array in arrays]
    told = set(filter(None, named))
    if own and len(told) <= 1:
        return [own] * len(arrays)
    if not told and (proposals := _region_proposals(arrays)):
        return proposals
    return [
        layer or (None if _is_anchors(group, array) else _other_layer(group, array, told))
        for layer, array in zip(named, arrays, strict=True)
    ]


def _layer_among(scopes: Sequence[str], taken: Collection[str]) -> str | None:
    """Return the innermost scope that is a layer's name, or is one with a number behind it.

    A number is taken off only where nothing in the file has the name without it.
    """
    for scope in reversed(scopes):
        if _is_layer(scope):
            return scope
        if _is_layer(base := _unnumbered(scope)) and base not in taken:
            return base
    return None


def _region_proposals(arrays: Sequence[Array]) -> list[str | None] | None:
    """Tell the three layers of region proposals by their shapes; None where these are others.

    They are a convolution of 3 x 3 and on top of it two of 1 x 1: two classes an anchor, and four
    sides of its box.
    """
    kernels = [index for index, array in enumerate(arrays) if len(array.shape) == 4]
    if len(arrays) != 6 or len(kernels) != 3:
        return None
    shapes = {index: arrays[index].shape for index in kernels}
    shared, classes, boxes = sorted(kernels, key=lambda i: (-shapes[i][0], shapes[i][-1]))
    if 2 * shapes[classes][-1] != shapes[boxes][-1] or shapes[classes][0] != 1:
        return None
    owners = dict(zip((shared, classes, boxes), RPN_LAYERS, strict=True))
    # Each bias follows its kernel.
    return [owners.get(index) or owners.get(index - 1) for index in range(len(arrays))]


def _is_anchors(group: str, array: Array) -> bool:
    scopes = {_unnumbered(scope) for scope in (*_scopes(group), *_scopes(array.name))}
    is_constant = array.leaf == "Variable" and len(array.shape) in (2, 3)
    return bool(scopes & ANCHORS) or (is_constant and array.shape[-1] == 4)


def _other_layer(group: str, array: Array, told: Collection[str]) -> str:
    scopes = _scopes(array.name)
    return scopes[-2] if told and len(scopes) > 1 else group


def _in_order(arrays: list[Array]) -> list[Array]:
    """Return a layer's arrays as the layer has them, by what they are called where that tells."""
    leaves = [array.leaf for array in arrays]
    if len(set(leaves)) < len(leaves) or not set(leaves) <= set(ARRAY_NAMES):
        return arrays
    return sorted(arrays, key=lambda array: ARRAY_NAMES.index(array.leaf))


def _scopes(name: str) -> list[str]:
    return _SEPARATOR.split(name)


def _unnumbered(scope: str) -> str:
    return _NUMBER.sub("", scope)


def _is_layer(scope: str) -> bool:
    return _LAYER.fullmatch(scope) is not None

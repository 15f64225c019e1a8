"""Puts the arrays of a whole-model `.h5` where a network has them.

Keras pairs layers by their order, and takes what comes; here each is found by its layer's name, and
within a model by the names of its arrays where those tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import h5py
import keras
import numpy as np
from numpy.typing import NDArray

from app.kinds.image_classifier.arrays import UnfitError, numbers
from app.kinds.image_classifier.configuration import plain_name
from app.kinds.image_classifier.files import ModelFile
from mrcnn.hdf5 import member, names

Values = NDArray[np.generic]
Named = list[tuple[str, Values]]

# What Keras 2 and Keras 3 call the same array.
_LATER_NAMES = {"depthwise_kernel": "kernel"}


def fill(network: keras.Model, file: h5py.File, source: ModelFile) -> None:
    """Set every variable of the network; raises UnfitError for a layer that does not fit."""
    root = member(file, "model_weights")
    if not isinstance(root, h5py.Group):
        raise UnfitError("it has no model_weights: the network was saved without its numbers")
    saved = _saved(root)
    wanted = [layer for layer in network.layers if _variables(layer)]
    missing = [layer.name for layer in wanted if layer.name not in saved]
    if missing and len(wanted) == len(saved):
        # Their names are those of another session: the order is the same.
        saved = dict(zip((layer.name for layer in wanted), saved.values(), strict=True))
    elif missing:
        raise UnfitError(f"it holds nothing for the layer {missing[0]}")
    for layer in wanted:
        _set(layer, saved[layer.name], source)


def _saved(root: h5py.Group) -> dict[str, Named]:
    """Return the arrays of each layer that has some, by the name that the layer has now."""
    found: dict[str, Named] = {}
    for layer in names(root, "layer_names"):
        group = member(root, layer)
        if not isinstance(group, h5py.Group):
            raise UnfitError(f"it holds nothing for the layer {layer}")
        listed: Named = []
        for name in names(group, "weight_names"):
            array = member(group, name)
            if not isinstance(array, h5py.Dataset):
                raise UnfitError(f"it holds no array {layer}/{name}")
            listed.append((name, numbers(array, layer)))
        if listed:
            found[plain_name(layer)] = listed
    return found


def _variables(layer: Any) -> list[Any]:
    """Return a layer's variables in the order in which files have them."""
    variables: list[Any] = layer.trainable_weights + layer.non_trainable_weights
    return variables


def _set(layer: Any, saved: Named, source: ModelFile) -> None:
    variables = _variables(layer)
    owners = dict(_owners(layer))
    pairs = _by_name(layer, saved) if isinstance(layer, keras.Model) else None
    if pairs is None:
        if len(saved) != len(variables):
            raise UnfitError(
                f"layer {layer.name}: the file has {len(saved)} arrays for it, and the network "
                f"{len(variables)}"
            )
        pairs = [(variable, values) for variable, (_, values) in zip(variables, saved, strict=True)]
    for variable, values in pairs:
        owner = owners.get(id(variable), layer)
        fitting = _converted(values, owner, source)
        if tuple(variable.shape) != fitting.shape:
            raise UnfitError(
                f"layer {owner.name}: {variable.name} has the shape {fitting.shape} in the file, "
                f"and {tuple(variable.shape)} in the network"
            )
        variable.assign(fitting)
    for one in layer._flatten_layers():
        # A Normalization computes from its numbers what it works with.
        if hasattr(one, "finalize_state") and _variables(one):
            one.finalize_state()


def _owners(layer: Any) -> Iterator[tuple[int, Any]]:
    for one in layer._flatten_layers():
        for variable in one._trainable_variables + one._non_trainable_variables:
            yield id(variable), one


def _by_name(layer: Any, saved: Named) -> list[tuple[Any, Values]] | None:
    """Pair the arrays of a model within the model; None where their names do not tell."""
    wanted: dict[tuple[str, str], Any] = {}
    for one in layer._flatten_layers():
        for variable in one._trainable_variables + one._non_trainable_variables:
            if (key := (one.name, variable.name)) in wanted:
                return None
            wanted[key] = variable
    pairs: list[tuple[Any, Values]] = []
    for name, values in saved:
        *scopes, leaf = name.partition(":")[0].split("/")
        key = _key(scopes, leaf, wanted)
        if key is None:
            return None
        pairs.append((wanted.pop(key), values))
    return None if wanted else pairs


def _key(scopes: Sequence[str], leaf: str, wanted: dict[tuple[str, str], Any]) -> Any:
    leaves = (leaf, _LATER_NAMES.get(leaf, leaf))
    # A name with slashes is several scopes.
    owners = ["_".join(scopes[start:]) for start in range(len(scopes))][::-1]
    for owner in (*owners, *reversed(scopes)):
        for one in leaves:
            if (owner, one) in wanted:
                return owner, one
    return None


def _converted(values: Values, layer: Any, source: ModelFile) -> Values:
    """Return a kernel as it is laid out now; others are as they were."""
    is_kernel = values.ndim == 4 and "Conv" in type(layer).__name__
    if not is_kernel:
        return values
    first = source.keras_version[:1] == (1,)
    if first and getattr(layer, "data_format", "") == "channels_first":
        values = values.transpose(2, 3, 1, 0)
    # Theano convolves, all others correlate.
    return values[::-1, ::-1] if source.backend == "theano" else values

"""Carrying arrays between weight files and a network's variables."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import h5py
import keras
import numpy as np

from mrcnn.network import MaskRCNNNetwork
from mrcnn.weights import RPN_LAYERS, WeightFile, WeightFileError, folded, mismatches, norm_of

logger = logging.getLogger(__name__)


def weighted_layers(network: MaskRCNNNetwork) -> dict[str, keras.layers.Layer]:
    """The network's innermost layers that carry weights, by name, in the order of the network."""
    layers = network._flatten_layers(include_self=False, recursive=True)
    return {
        layer.name: layer
        for layer in layers
        if layer._trainable_variables or layer._non_trainable_variables
    }


def load_weights(
    network: MaskRCNNNetwork,
    file: WeightFile,
    *,
    allow_partial: bool = False,
    exclude: Collection[str] = (),
) -> list[str]:
    """Set the network's variables from `file`, by layer name.

    Args:
        network: where the arrays go; normalizations are folded in if it was built so.
        file: where they come from.
        allow_partial: load what fits and log the rest, instead of refusing.
        exclude: layers to leave as they are; "rpn_model" stands for its three.

    Returns:
        The names of the layers loaded.

    Raises:
        WeightFileError: layers do not fit; the message lists every one, and the network is as it
            was. Or one holds no numbers to work with, which is found while it is read: the layers
            before it are loaded then.
    """
    excluded = {*exclude, *(RPN_LAYERS if "rpn_model" in exclude else ())}
    layers = weighted_layers(network)
    wanted = _wanted_shapes(layers)
    bad = mismatches(
        {n: [a.shape for a in arrays] for n, arrays in file.layers.items() if n not in excluded},
        {name: shapes for name, shapes in wanted.items() if name not in excluded},
    )
    if bad:
        lines = "\n".join(f"  {mismatch}" for mismatch in bad)
        text = f"{file.path.name}: {len(bad)} layers do not fit:\n{lines}"
        if not allow_partial:
            raise WeightFileError(text)
        logger.warning("%s", text)
    left_out = {mismatch.layer for mismatch in bad} | excluded
    loaded = []
    with file.reading() as read:
        for name, layer in layers.items():
            norm = norm_of(name) if network.folded else None
            if name in left_out or norm in left_out:
                continue
            layer.set_weights(folded(read, name, norm=norm, file=file) if norm else read(name))
            loaded.append(name)
    return loaded


def _wanted_shapes(layers: Mapping[str, keras.layers.Layer]) -> dict[str, list[tuple[int, ...]]]:
    """Shapes of the arrays that a file must have; its normalizations are there, folded or not."""
    wanted = {}
    for name, layer in layers.items():
        wanted[name] = [tuple(variable.shape) for variable in layer.weights]
        norm = norm_of(name)
        if norm and norm not in layers:
            wanted[norm] = [(wanted[name][0][-1],)] * 4
    return wanted


def save_weights(
    network: MaskRCNNNetwork,
    path: str | Path,
    value_of: Callable[[keras.Variable], np.ndarray] = lambda variable: variable.numpy(),
    *,
    order: Sequence[str] = (),
) -> None:
    """Write the network's variables in Matterport's layout, which the original reads too.

    Args:
        network: built with its normalizations, not folded.
        path: the `.h5` to write; it appears whole or not at all.
        value_of: what to write for a variable; training passes its running averages.
        order: layers that come first, in this order; one without weights gets an empty group.
    """
    path = Path(path)
    layers = weighted_layers(network)
    partial = path.with_suffix(".partial")
    with h5py.File(partial, "w") as file:
        groups: dict[str, list[str]] = {name: [] for name in order}
        for name in layers:
            groups.setdefault("rpn_model" if name in RPN_LAYERS else name, []).append(name)
        groups["rpn_model"].sort(key=RPN_LAYERS.index)  # read by position, not by name
        file.attrs["layer_names"] = np.array([g.encode() for g in groups])
        file.attrs["backend"] = b"tensorflow"
        file.attrs["keras_version"] = keras.__version__.encode()
        for group_name, members in groups.items():
            group = file.create_group(group_name)
            names = []
            for member in members:
                for variable in layers[member].weights:
                    names.append(f"{member}/{variable.name}:0")
                    group.create_dataset(names[-1], data=value_of(variable))
            group.attrs["weight_names"] = np.array([n.encode() for n in names], "S")
    partial.replace(path)

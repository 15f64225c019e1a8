"""Writes files as Keras writes them, of any version, without Keras."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from app.kinds.kind import ModelSource

Arrays = Mapping[str, Sequence[tuple[str, NDArray[Any]]]]


def numbers(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    """Return numbers as a small trained layer might hold them."""
    return np.random.default_rng([seed, *shape]).normal(0, 0.3, shape).astype(np.float32)


def layer(kind: str, name: str, **config: Any) -> dict[str, Any]:
    """Return a layer as Keras 2 writes it into a Sequential."""
    return {"class_name": kind, "config": {"name": name, "trainable": True, **config}}


def sequential(*layers: dict[str, Any], name: str = "sequential_1") -> dict[str, Any]:
    """Return a chain as Keras 2.2 and later write it."""
    return {"class_name": "Sequential", "config": {"name": name, "layers": list(layers)}}


def classifier(**changed: Any) -> dict[str, Any]:
    """Return a network of Keras 2.4's for RGB pictures of 8 x 6, with three classes."""
    dense: dict[str, Any] = {"units": 3, "activation": "softmax", "use_bias": True, **changed}
    return sequential(
        layer("Flatten", "flatten", batch_input_shape=[None, 8, 6, 3], dtype="float32"),
        layer("Dense", "dense", dtype="float32", **dense),
    )


CLASSIFIER_ARRAYS: Arrays = {
    "dense": [("dense/kernel:0", numbers(144, 3)), ("dense/bias:0", numbers(3))]
}


def write_h5(
    path: Path,
    config: Mapping[str, Any],
    arrays: Arrays = CLASSIFIER_ARRAYS,
    *,
    version: str | None = "2.4.0",
    backend: str = "tensorflow",
) -> Path:
    """Write a whole model as Keras 1 and 2 do."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config).encode()
        root = file.create_group("model_weights")
        if version is not None:
            for place in (file, root):
                place.attrs["keras_version"] = version.encode()
                place.attrs["backend"] = backend.encode()
        root.attrs["layer_names"] = [name.encode() for name in arrays]
        for name, listed in arrays.items():
            group = root.create_group(name)
            group.attrs["weight_names"] = [one.encode() for one, _ in listed]
            for one, values in listed:
                group.create_dataset(one, data=values)
    return path


def write_keras(
    path: Path,
    config: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
    more: Mapping[str, bytes] | None = None,
    *,
    version: str = "3.3.3",
) -> Path:
    """Write a `.keras` archive; `arrays` by their paths in `model.weights.h5`."""
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for name, values in arrays.items():
            file.create_dataset(name, data=values)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": version}))
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", content.getvalue())
        for name, text in (more or {}).items():
            archive.writestr(name, text)
    return path


def classifier_of_keras_3(**changed: Any) -> dict[str, Any]:
    """Return `classifier` as Keras 3 writes it into a `.keras`."""
    dense = {"name": "dense", "units": 3, "activation": "softmax", **changed}
    layers = [
        ("InputLayer", {"batch_shape": [None, 8, 6, 3], "dtype": "float32", "name": "input"}),
        ("Flatten", {"name": "flatten", "data_format": "channels_last"}),
        ("Dense", dense),
    ]
    listed = [
        {"module": "keras.layers", "class_name": kind, "config": own, "registered_name": None}
        for kind, own in layers
    ]
    config = {"name": "sequential", "layers": listed}
    return {
        "module": "keras",
        "class_name": "Sequential",
        "config": config,
        "registered_name": None,
    }


KERAS_3_ARRAYS = {"layers/dense/vars/0": numbers(144, 3), "layers/dense/vars/1": numbers(3)}


def source(path: Path, labels: tuple[str, ...] | None = None, **options: Any) -> ModelSource:
    """Return a model as the repository finds it."""
    return ModelSource("model", 1, path, path.parent, options, labels)

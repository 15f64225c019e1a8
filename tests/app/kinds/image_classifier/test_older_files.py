"""Files of Keras 1 and 2 give what they gave there.

Today's layers with the same numbers compute what is expected.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from app.kinds.image_classifier import ImageClassifier
from app.kinds.kind import ModelError
from tests.app.kinds.image_classifier.written import (
    KERAS_3_ARRAYS,
    Arrays,
    classifier,
    layer,
    numbers,
    sequential,
    source,
    write_h5,
    write_keras,
)

pytestmark = pytest.mark.slow

PIXELS = np.random.default_rng(1).integers(0, 256, (8, 6, 3), np.uint8)
X = (PIXELS / 255).astype(np.float32)[np.newaxis]

INITIALIZER = {
    "class_name": "VarianceScaling",
    "config": {"scale": 1.0, "mode": "fan_avg", "seed": None, "dtype": "float32"},
}


def outputs_of(path: Path, **options: Any) -> NDArray[np.float32]:
    """Return what a file gives for the picture."""
    model = ImageClassifier().load(source(path, **({"preprocessing": "unit"} | options)))
    model.warm_up()
    return np.asarray(model.predict([{"image": PIXELS}], [{}])[0]["outputs"])


def of_today(*layers: Any, arrays: Arrays, x: NDArray[Any] = X) -> NDArray[np.float32]:
    """Return what today's layers give with the same arrays."""
    import keras

    network = keras.Sequential([keras.Input(x.shape[1:]), *layers])
    network.set_weights([values for listed in arrays.values() for _, values in listed])
    return np.asarray(network(x))[0]


KERNEL, BIAS = numbers(3, 3, 3, 4), numbers(4)
NORM = [numbers(4), numbers(4, seed=1), numbers(4, seed=2), abs(numbers(4, seed=3)) + 1]
DENSE, DENSE_BIAS = numbers(4, 5), numbers(5)
NORM_NAMES = ("gamma", "beta", "moving_mean", "moving_variance")
ARRAYS: Arrays = {
    "conv": [("conv/kernel:0", KERNEL), ("conv/bias:0", BIAS)],
    "norm": [(f"norm/{name}:0", one) for name, one in zip(NORM_NAMES, NORM, strict=True)],
    "dense": [("dense/kernel:0", DENSE), ("dense/bias:0", DENSE_BIAS)],
}
CONV: dict[str, Any] = {"filters": 4, "kernel_size": [3, 3], "activation": "relu"}
POOL = layer("GlobalAveragePooling2D", "pool", data_format="channels_last")


def today() -> NDArray[np.float32]:
    from keras import layers

    return of_today(
        layers.Conv2D(4, 3, activation="relu"),
        layers.BatchNormalization(),
        layers.GlobalAveragePooling2D(),
        layers.Dense(5, activation="softmax"),
        arrays=ARRAYS,
    )


def chain(**conv: Any) -> list[dict[str, Any]]:
    """Return the layers as Keras 2.4 writes them, with what only training needs."""
    return [
        layer(
            "Conv2D",
            "conv",
            **CONV,
            kernel_initializer=INITIALIZER,
            kernel_regularizer={"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.01, "x": 1}},
            kernel_constraint={"class_name": "MyOwn", "config": {}},
            **conv,
        ),
        layer("RandomZoom", "zoom", height_factor=0.1, rng_type="stateful"),
        layer("BatchNormalization", "norm", axis=[3], epsilon=0.001, fused=True, renorm=False),
        POOL,
        layer("Dropout", "dropout", rate=0.5, noise_shape=None, seed=None),
        layer("Dense", "dense", units=5, activation="softmax_v2"),
    ]


def test_a_sequential_that_is_a_list_opens(tmp_path: Path):
    listed = chain(batch_input_shape=[None, 8, 6, 3])
    path = write_h5(
        tmp_path / "m.h5", {"class_name": "Sequential", "config": listed}, ARRAYS, version="2.1.6"
    )
    assert outputs_of(path) == pytest.approx(today(), abs=1e-6)


def test_a_batch_of_32_takes_one_picture(tmp_path: Path):
    shaped = {"batch_input_shape": [32, 8, 6, 3]}
    path = write_h5(tmp_path / "m.h5", sequential(*chain(**shaped)), ARRAYS)
    assert outputs_of(path) == pytest.approx(today(), abs=1e-6)


def wired(entry: dict[str, Any], *sources: list[Any]) -> dict[str, Any]:
    """Return a layer of a Functional, called once on the sources."""
    nodes = [[[*one, {}] for one in sources]] if sources else []
    return {**entry, "name": entry["config"]["name"], "inbound_nodes": nodes}


def test_models_within_a_model_are_wired_as_they_were(tmp_path: Path):
    shaped = {"batch_input_shape": [None, 8, 6, 3]}
    body = sequential(*chain(**shaped)[:3], name="body")
    inside = {
        "name": "inside",
        "layers": [
            wired(layer("InputLayer", "in", batch_input_shape=[None, 6, 4, 4])),
            wired(POOL, ["in", 0, 0]),
        ],
        "input_layers": [["in", 0, 0]],
        "output_layers": [["pool", 0, 0]],
    }
    graph = {
        "name": "model_1",
        "layers": [
            wired(layer("InputLayer", "input/1", **shaped)),
            wired(body, ["input/1", 0, 0]),
            wired({"class_name": "Model", "config": inside}, ["body", 1, 0]),
            wired(layer("Dense", "dense", units=5, activation="softmax"), ["inside", 1, 0]),
        ],
        "input_layers": [["input/1", 0, 0]],
        "output_layers": [["dense", 0, 0]],
    }
    arrays = {
        # Those that train come first, and the moving ones after all others.
        "body": [*ARRAYS["conv"], *ARRAYS["norm"]],
        "dense": ARRAYS["dense"],
    }
    config = {"class_name": "Model", "config": graph}
    path = write_h5(tmp_path / "m.h5", config, arrays, version="2.2.4-tf")
    assert outputs_of(path) == pytest.approx(today(), abs=1e-6)


def test_preprocessing_that_was_called_between_layers_runs(tmp_path: Path):
    shaped = {"batch_input_shape": [None, 8, 6, 3]}
    calls = [("math.truediv", {"y": 127.5, "name": None}), ("math.subtract", {"y": 1.0})]
    layers = [wired(layer("InputLayer", "input", **shaped))]
    for function, given in calls:
        entry = layer("TFOpLambda", f"tf.{function}", function=function)
        before = layers[-1]["name"]
        nodes = [[before, 0, 0, given]]
        layers.append({**entry, "name": entry["config"]["name"], "inbound_nodes": nodes})
    for entry in chain():
        layers.append(wired(entry, [layers[-1]["name"], 0, 0]))
    graph = {
        "name": "model",
        "layers": layers,
        "input_layers": [["input", 0, 0]],
        "output_layers": [["dense", 0, 0]],
    }
    config = {"class_name": "Functional", "config": graph}
    path = write_h5(tmp_path / "m.h5", config, ARRAYS, version="2.9.0")
    model = ImageClassifier().load(source(path))
    assert model.facts["warnings"] == []
    expected = _of_scaled(PIXELS / 127.5 - 1)
    assert model.predict([{"image": PIXELS}], [{}])[0]["outputs"] == pytest.approx(
        expected, abs=1e-6
    )


def _of_scaled(x: NDArray[Any]) -> NDArray[np.float32]:
    from keras import layers

    return of_today(
        layers.Conv2D(4, 3, activation="relu"),
        layers.BatchNormalization(),
        layers.GlobalAveragePooling2D(),
        layers.Dense(5, activation="softmax"),
        arrays=ARRAYS,
        x=x.astype(np.float32)[np.newaxis],
    )


def test_an_archive_of_keras_2_opens(tmp_path: Path):
    config = classifier() | {"module": "tf_keras.src.engine.sequential", "registered_name": None}
    for entry in config["config"]["layers"]:
        entry |= {"module": "tf_keras.layers", "registered_name": None, "build_config": {}}
    kernel, bias = KERAS_3_ARRAYS.values()
    path = write_keras(tmp_path / "m.keras", config, KERAS_3_ARRAYS, version="2.15.0")
    powers = np.exp(X.reshape(-1) @ kernel + bias)
    assert outputs_of(path) == pytest.approx(powers / powers.sum(), abs=1e-6)


def keras_1(axis: int, **conv: Any) -> list[dict[str, Any]]:
    first = {"nb_filter": 4, "nb_row": 3, "nb_col": 3, "border_mode": "valid", "subsample": [1, 1]}
    more = {"init": "glorot_uniform", "activation": "relu", "bias": True, "W_regularizer": None}
    return [
        layer("Convolution2D", "conv", **first, **more, **conv),
        layer("BatchNormalization", "norm", mode=0, axis=axis, gamma_init="one"),
        layer("Dropout", "dropout", p=0.5),
        layer("GlobalAveragePooling2D", "pool", dim_ordering=conv["dim_ordering"]),
        layer("Dense", "dense", output_dim=5, bias=True, activation="softmax", input_dim=None),
    ]


def test_a_file_of_keras_1_opens(tmp_path: Path):
    listed = keras_1(dim_ordering="tf", axis=3, batch_input_shape=[None, 8, 6, 3])
    config = {"class_name": "Sequential", "config": listed}
    path = write_h5(tmp_path / "m.h5", config, ARRAYS, version=None)
    assert outputs_of(path) == pytest.approx(today(), abs=1e-6)


def test_a_file_of_keras_1_with_channels_first_opens(tmp_path: Path):
    listed = keras_1(dim_ordering="th", axis=1, batch_input_shape=[None, 3, 8, 6])
    kernel = KERNEL.transpose(3, 2, 0, 1)
    arrays = {**ARRAYS, "conv": [("conv_W", kernel), ("conv_b", BIAS)]}
    config = {"class_name": "Sequential", "config": listed}
    path = write_h5(tmp_path / "m.h5", config, arrays, version="1.2.2")
    assert outputs_of(path) == pytest.approx(today(), abs=1e-6)


def test_kernels_that_theano_trained_are_turned(tmp_path: Path):
    shaped = {"batch_input_shape": [None, 8, 6, 3]}
    arrays = {**ARRAYS, "conv": [("conv/kernel:0", KERNEL[::-1, ::-1]), ("conv/bias:0", BIAS)]}
    config = sequential(*chain(**shaped))
    path = write_h5(tmp_path / "m.h5", config, arrays, version="2.0.8", backend="theano")
    assert outputs_of(path) == pytest.approx(today(), abs=1e-6)


def test_a_bias_is_added_to_channels_where_there_are_as_many_columns(tmp_path: Path):
    first: dict[str, Any] = {"data_format": "channels_first", "batch_input_shape": [None, 3, 8, 6]}
    config = sequential(
        layer("Conv2D", "conv", **CONV, **first),
        layer("BatchNormalization", "norm", axis=[1]),
        layer("GlobalAveragePooling2D", "pool", data_format="channels_first"),
        layer("Dense", "dense", units=5, activation="softmax"),
    )
    path = write_h5(tmp_path / "m.h5", config, ARRAYS)
    assert outputs_of(path) == pytest.approx(today(), abs=1e-6)


def test_hard_sigmoid_is_as_steep_as_it_was(tmp_path: Path):
    config = sequential(
        layer("Flatten", "flatten", batch_input_shape=[None, 8, 6, 3]),
        layer("Dense", "dense", units=3, activation="hard_sigmoid"),
    )
    kernel, bias = numbers(144, 3) * 0.1, numbers(3)
    arrays = {"dense": [("dense/kernel:0", kernel), ("dense/bias:0", bias)]}
    expected = np.clip(0.2 * (X.reshape(-1) @ kernel + bias) + 0.5, 0, 1)
    path = write_h5(tmp_path / "m.h5", config, arrays)
    assert outputs_of(path) == pytest.approx(expected, abs=1e-6)


UNREADABLE = [
    pytest.param({"activation": "mine"}, "its activation 'mine' is none of Keras' own", id="own"),
    pytest.param({"activation": "<lambda>"}, "its activation is a lambda", id="lambda"),
    pytest.param({"time_major": True}, "time_major, which no later Keras does", id="time-major"),
    pytest.param({"units": 4}, "kernel has the shape (144, 3) in the file", id="other-units"),
    pytest.param({"use_bias": False}, "the file has 2 arrays for it, and the network 1", id="bias"),
]


@pytest.mark.parametrize(("changed", "line"), UNREADABLE)
def test_what_cannot_be_read_is_told_by_its_layer(tmp_path: Path, changed: Any, line: str):
    path = write_h5(tmp_path / "m.h5", classifier(**changed))
    with pytest.raises(ModelError) as refused:
        ImageClassifier().load(source(path))
    told = str(refused.value)
    assert told.startswith("m.h5: ")
    assert "layer dense" in told
    assert line in told
    assert "\n" not in told


def test_a_class_of_its_authors_own_is_told(tmp_path: Path):
    config = classifier()
    config["config"]["layers"].insert(1, layer("Swoosh", "swoosh_1"))
    path = write_h5(tmp_path / "m.h5", config)
    with pytest.raises(ModelError, match="layer swoosh_1 is of the class Swoosh"):
        ImageClassifier().examine(source(path))

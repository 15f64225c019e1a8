"""A network's configuration as the Keras of today reads it, whichever Keras wrote it.

What only training needs is left out: how arrays began, penalties, constraints, the optimizer. So
none of it can keep a file from opening.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from app.kinds.image_classifier import keras1
from app.kinds.image_classifier.arrays import UnfitError
from app.kinds.image_classifier.nodes import rewired
from app.kinds.image_classifier.vocabulary import TRAINING_ONLY, check_activation
from app.kinds.image_classifier.words import words

#: What `older_layers` has: functions and layers that later versions changed or dropped.
OLD_HARD_SIGMOID = "hard_sigmoid_of_keras_2"
OPERATION = "TensorFlowOperation"
#: Layers that `older_layers` has.
OWN = frozenset({OPERATION, "CustomScaleLayer", "LayerScale", "ThresholdedReLU"})

#: Functions of TensorFlow's that networks call on their way; those that only compute.
FUNCTIONS = words(
    """
    __operators__.add __operators__.getitem cast clip_by_value compat.v1.nn.bias_add concat
    expand_dims identity image.resize math.add math.divide math.multiply math.reduce_max
    math.reduce_mean math.reduce_sum math.sigmoid math.subtract math.tanh math.truediv
    nn.bias_add nn.elu nn.leaky_relu nn.relu nn.relu6 nn.sigmoid nn.silu nn.softmax nn.swish
    nn.tanh raw.Add raw.AddV2 raw.BiasAdd raw.Mul raw.RealDiv raw.Relu raw.Relu6 raw.Sigmoid
    raw.Softmax raw.Sub raw.Tanh reshape squeeze transpose
    """
)

_OPERATION_NAME = re.compile(r"[\"']?\bop[\"']?: ?[\"'](\w+)")
_CLASSES = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "Convolution2DTranspose": "Conv2DTranspose",
    "LayerNormalizationV1": "LayerNormalization",
    "LayerNormalizationV2": "LayerNormalization",
    "Custom>CustomScaleLayer": "CustomScaleLayer",
    "SyncBatchNormalization": "BatchNormalization",
}
_ACTIVATIONS = {"softmax_v2": "softmax", "relu_v2": "relu"}
_TRAINING_ENDS = ("_initializer", "_regularizer", "_constraint")
# Keys of Keras 2's that Keras 3 does not know; where a value is given, no other can be read.
_DROPPED: dict[str, tuple[Any, ...]] = {
    "time_major": (False, None),
    "renorm": (False, None),
}
_DROPPED_ANYHOW = words(
    """
    adjustment autocast batch_input_shape experimental_autocast fused implementation input_dim
    input_dtype input_length key_shape query_shape ragged renorm_clipping renorm_momentum
    rng_type shared_object_id softmax_robust_masking sparse stateful use_legacy_config
    value_shape virtual_batch_size
    """
)
_ALWAYS_ONE_GROUP = ("DepthwiseConv", "SeparableConv")
ARITHMETIC = frozenset({"Add", "Divide", "Multiply", "Subtract", "TrueDivide"})
#: Convolutions that `channels_first` has; their names there begin with `First`.
_CONVOLUTIONS = ("Conv2D", "Conv2DTranspose", "DepthwiseConv2D", "SeparableConv2D")
_INNER = ("layer", "backward_layer", "cell", "forward_layer")


def rewritten(config: Mapping[str, Any], keras_version: tuple[int, ...]) -> dict[str, Any]:
    """Return the configuration for Keras 3, with any number of pictures at once.

    Raises UnfitError for what has no counterpart there.
    """
    major = keras_version[0] if keras_version else (3 if _is_of_keras_3(config) else 2)
    try:
        if major >= 3:
            return _slim(dict(config))
        return _model(dict(config), is_first=major == 1)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise UnfitError(
            f"its configuration lacks what a Keras model has ({type(error).__name__}: {error})"
        ) from error


def plain_name(name: str) -> str:
    """Return a layer's name as Keras 3 takes it, which wants no slash."""
    return name.replace("/", "_")


def _is_of_keras_3(value: Any) -> bool:
    """Say whether an input is written as Keras 3 does it."""
    if isinstance(value, list):
        return any(_is_of_keras_3(one) for one in value)
    if not isinstance(value, dict):
        return False
    return "batch_shape" in value or any(_is_of_keras_3(one) for one in value.values())


def _slim(value: Any) -> Any:
    """Return a configuration of Keras 3's without what training needs, and without a batch size."""
    if isinstance(value, list):
        return [_slim(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = {
        key: _slim(inner)
        for key, inner in value.items()
        if key not in ("compile_config", "build_config") and not _is_of_training(key, inner)
    }
    shape = found.get("batch_shape")
    if isinstance(shape, list) and shape:
        found["batch_shape"] = [None, *shape[1:]]
    if _is_mixed(found.get("dtype")):
        found["dtype"] = "float32"
    if "module" not in found and _is_operation(found):
        found |= {"module": "keras.src.ops.numpy", "registered_name": found["class_name"]}
    if _has_bias_on_channels(found):
        ours = f"First{found['class_name']}"
        return {**found, "class_name": ours, "module": None, "registered_name": ours}
    return found


def _is_mixed(dtype: Any) -> bool:
    """Say whether numbers are halved on the way, which saves time on the training's GPU alone."""
    config = dtype.get("config") if isinstance(dtype, dict) else None
    name = config.get("name") if isinstance(config, dict) else dtype
    return isinstance(name, str) and name.startswith("mixed_")


def _is_operation(entry: Mapping[str, Any]) -> bool:
    """Say whether it is arithmetic between layers, which Keras 3 notes in a `.h5` without a place.

    Its layers of the same names take one list.
    """
    nodes = entry.get("inbound_nodes")
    if entry.get("class_name") not in ARITHMETIC or not isinstance(nodes, list) or not nodes:
        return False
    given = nodes[0].get("args") if isinstance(nodes[0], dict) else None
    return isinstance(given, list) and len(given) == 2


def _has_bias_on_channels(entry: Mapping[str, Any]) -> bool:
    config = entry.get("config")
    return (
        isinstance(config, dict)
        and entry.get("class_name") in _CONVOLUTIONS
        and config.get("data_format") == "channels_first"
        and config.get("use_bias", True)
    )


def _is_of_training(key: str, value: Any) -> bool:
    return key.endswith(_TRAINING_ENDS) and (value is None or isinstance(value, str | dict))


def _model(entry: dict[str, Any], *, is_first: bool) -> dict[str, Any]:
    config = entry["config"]
    if isinstance(config, dict) and "input_layers" in config:
        return _functional(entry, is_first=is_first)
    if entry["class_name"] == "Sequential":
        return _sequential(entry, is_first=is_first)
    return _layer(entry, is_first=is_first)


def _sequential(entry: dict[str, Any], *, is_first: bool) -> dict[str, Any]:
    """Return a chain of layers that begins with its input, where that is known."""
    config = entry["config"]
    given: list[dict[str, Any]] = config if isinstance(config, list) else config["layers"]
    if not given:
        raise UnfitError("it has a Sequential without a layer")
    name = "sequential" if isinstance(config, list) else config.get("name", "sequential")
    layers = [_model(one, is_first=is_first) for one in given]
    shape = _first_shape(given)
    if shape is None and isinstance(config, dict):
        shape = config.get("build_input_shape")
    if layers[0]["class_name"] != "InputLayer" and shape:
        layers.insert(0, _input(f"{name}_input_of_it", shape))
    return _entry(entry, "Sequential", {"name": plain_name(name), "layers": layers})


def _first_shape(layers: list[dict[str, Any]]) -> list[Any] | None:
    """Return the shape that a chain's first layer takes, looked for within models too."""
    config = layers[0]["config"]
    if isinstance(config, list):
        return _first_shape(config)
    if "layers" in config and "input_layers" not in config:
        return _first_shape(config["layers"])
    if "layers" in config:
        names = [str(leaf) for leaf in _flat(config["input_layers"]) if isinstance(leaf, str)]
        of_input = [one for one in config["layers"] if one["config"].get("name") in names]
        return _first_shape(of_input) if len(of_input) == 1 else None
    shape = config.get("batch_input_shape") or config.get("batch_shape")
    if shape is None and "layer" in config:
        return _first_shape([config["layer"]]) if "TimeDis" not in layers[0]["class_name"] else None
    return shape


def _functional(entry: dict[str, Any], *, is_first: bool) -> dict[str, Any]:
    config = entry["config"]
    given: list[dict[str, Any]] = config["layers"]
    old_names = [str(one.get("name") or one["config"]["name"]) for one in given]
    names = {name: plain_name(name) for name in old_names}
    layers = [_model(one, is_first=is_first) for one in given]
    wired = [
        {**layer, "name": name, "inbound_nodes": one.get("inbound_nodes")}
        for layer, name, one in zip(layers, old_names, given, strict=True)
    ]
    nodes, outputs = rewired(wired, config["output_layers"], names)
    for layer, name, calls in zip(layers, old_names, nodes, strict=True):
        passes = layer["class_name"] == "Identity"
        layer["name"] = layer["config"]["name"] = names[name]
        layer["inbound_nodes"] = [{**one, "kwargs": {}} if passes else one for one in calls]
    inputs = [[names[one], 0, 0] for one in _flat(config["input_layers"]) if isinstance(one, str)]
    name = plain_name(config.get("name") or "model")
    graph = {
        "name": name,
        "layers": layers,
        # Where there is one, a list of it would take a list.
        "input_layers": inputs[0] if len(inputs) == 1 else inputs,
        "output_layers": outputs[0] if len(outputs) == 1 else outputs,
    }
    return _entry(entry, "Functional", graph)


def _flat(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [leaf for one in value for leaf in _flat(one)]
    return [value]


def _layer(entry: dict[str, Any], *, is_first: bool) -> dict[str, Any]:
    if is_first:
        entry = keras1.translated(entry)
    kind = _CLASSES.get(entry["class_name"], entry["class_name"])
    given, name = entry["config"], entry["config"].get("name", "")
    if kind == "InputLayer":
        return _entry(entry, kind, _input(name, _declared(given, name))["config"])
    if kind in TRAINING_ONLY:
        return _entry(entry, "Identity", {"name": plain_name(name)})
    if kind in ("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer"):
        return _entry(entry, OPERATION, _operation(kind, given, name))
    config = {key: value for key, value in given.items() if not _is_left_out(kind, key, value)}
    config["name"] = plain_name(name)
    for key, least in _DROPPED.items():
        if config.pop(key, None) not in least:
            raise UnfitError(f"layer {name} has {key}, which no later Keras does")
    _settle(kind, config, name)
    for key in _INNER:
        if isinstance(config.get(key), dict):
            config[key] = _within(_model(config[key], is_first=is_first))
    if isinstance(config.get("cells"), list):
        config["cells"] = [_within(_model(one, is_first=is_first)) for one in config["cells"]]
    if _has_bias_on_channels({"class_name": kind, "config": config}):
        kind = f"First{kind}"
    return _entry(entry, kind, config)


def _within(entry: dict[str, Any]) -> dict[str, Any]:
    """Return a layer within a layer, which Keras 3 looks up by its module."""
    kind = entry["class_name"]
    if kind in OWN or kind.startswith("First"):
        return entry | {"registered_name": kind}
    module = "keras" if kind in ("Functional", "Sequential") else "keras.layers"
    return entry | {"module": module, "registered_name": None}


def _declared(config: Mapping[str, Any], name: str) -> list[Any]:
    shape = config.get("batch_input_shape") or config.get("batch_shape")
    if shape is None and config.get("input_shape"):
        shape = [None, *config["input_shape"]]
    if not isinstance(shape, list):
        raise UnfitError(f"the input {name} says no shape")
    return shape


def _input(name: str, shape: list[Any]) -> dict[str, Any]:
    config = {"name": plain_name(name), "batch_shape": [None, *shape[1:]], "dtype": "float32"}
    return {"class_name": "InputLayer", "config": config}


def _is_left_out(kind: str, key: str, value: Any) -> bool:
    if key == "groups" and kind.startswith(_ALWAYS_ONE_GROUP):
        return True
    if key == "groups" and "Transpose" in kind:
        return True
    if key == "dtype":
        return value != "float64"
    return key in _DROPPED_ANYHOW or _is_of_training(key, value)


def _settle(kind: str, config: dict[str, Any], name: str) -> None:
    """Change the keys of a layer's own whose meaning has changed."""
    axis = config.get("axis")
    if isinstance(axis, list) and len(axis) == 1:
        config["axis"] = axis[0]
    if kind == "LeakyReLU" and "alpha" in config:
        config["negative_slope"] = config.pop("alpha")
    if kind == "ReLU":
        config["negative_slope"] = config.get("negative_slope") or 0.0
        config["threshold"] = config.get("threshold") or 0.0
    if kind == "GRU":
        config.setdefault("reset_after", False)
    for key in ("activation", "recurrent_activation"):
        if isinstance(config.get(key), str):
            config[key] = _activation(config[key], name)
        elif isinstance(config.get(key), dict):
            config[key] = _activation_written_out(config[key], name)


def _activation(given: str, name: str) -> Any:
    if given == "hard_sigmoid":
        function = {"class_name": "function", "module": "builtins", "config": OLD_HARD_SIGMOID}
        return function | {"registered_name": OLD_HARD_SIGMOID}
    found = _ACTIVATIONS.get(given, given)
    check_activation(found, name)
    return found


def _activation_written_out(given: dict[str, Any], name: str) -> Any:
    """Return an activation that is a function by its name, or a layer."""
    if given.get("class_name") == "function" or isinstance(given.get("config"), str):
        return _activation(str(given.get("config")), name)
    return _layer({**given, "config": {"name": name, **given["config"]}}, is_first=False)


def _operation(kind: str, config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the configuration of a function of TensorFlow's that was called in a network."""
    found: dict[str, Any] = {"name": plain_name(name), "function": config.get("function")}
    if kind == "SlicingOpLambda":
        found["function"] = "__operators__.getitem"
    if kind == "TensorFlowOpLayer":
        # Text of a protocol buffer in TensorFlow 2.0, later JSON in text.
        told = _OPERATION_NAME.search(str(config.get("node_def")))
        found["function"] = f"raw.{told[1]}" if told else None
        found["constants"] = config.get("constants") or {}
    if found["function"] not in FUNCTIONS:
        raise UnfitError(
            f"layer {name} calls TensorFlow's {found['function']}, which is not served in a "
            f"classifier; save the model as a SavedModel"
        )
    return found


def _entry(entry: Mapping[str, Any], kind: str, config: dict[str, Any]) -> dict[str, Any]:
    """Return a layer; the calls that it had are put back where they are rewired."""
    name = config.get("name")
    return {"class_name": kind, "config": config, **({"name": name} if "name" in entry else {})}

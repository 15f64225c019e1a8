"""What networks of older versions hold and Keras 3 has no more, or computes in another way."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf

from app.kinds.image_classifier.channels_first import CHANNELS_FIRST
from app.kinds.image_classifier.configuration import FUNCTIONS, OLD_HARD_SIGMOID, OPERATION


def hard_sigmoid_of_keras_2(x: tf.Tensor) -> tf.Tensor:
    """Return `0.2 x + 0.5` from 0 to 1, as Keras 1 and 2 do; Keras 3 has `x / 6 + 0.5`."""
    return tf.clip_by_value(0.2 * x + 0.5, 0.0, 1.0)


class ThresholdedReLU(keras.layers.Layer):
    """Passes what is above a threshold, 0 for the rest.

    Args:
        theta: the threshold.
    """

    def __init__(self, theta: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.theta = theta

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return the inputs with 0 where they are at most the threshold."""
        return inputs * tf.cast(inputs > self.theta, inputs.dtype)


class CustomScaleLayer(keras.layers.Layer):
    """Adds its second input, scaled, to its first: a part of Inception-ResNet v2.

    Args:
        scale: what the second input is multiplied by.
    """

    def __init__(self, scale: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        """Return the sum."""
        return inputs[0] + inputs[1] * self.scale


class LayerScale(keras.layers.Layer):
    """Multiplies each channel by a number of its own: a part of ConvNeXt.

    Args:
        projection_dim: how many channels there are.
        init_values: how the numbers began.
    """

    def __init__(self, projection_dim: int, init_values: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.projection_dim = projection_dim

    def build(self, input_shape: Any) -> None:
        """Make the numbers."""
        self.gamma = self.add_weight(shape=(self.projection_dim,), name="gamma")

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return the inputs, multiplied."""
        return inputs * self.gamma


class TensorFlowOperation(keras.layers.Layer):
    """Calls a function of TensorFlow's, as Keras 2 notes such calls between layers.

    Args:
        function: one of `configuration.FUNCTIONS`.
        constants: arguments by their places, where those called are not all of them.
    """

    def __init__(
        self, function: str, constants: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.run = _function(function)
        self.constants = {int(place): value for place, value in (constants or {}).items()}

    def call(self, *args: Any, **kwargs: Any) -> tf.Tensor:
        """Return what the function gives."""
        given = list(args)
        if self.constants and given and isinstance(given[0], list):
            given = given[0]
        for place, value in sorted(self.constants.items()):
            given.insert(place, tf.constant(value, self.compute_dtype))
        return self.run(*given, **kwargs)


def _function(name: str) -> Callable[..., Any]:
    """Return a function of TensorFlow's; raises ValueError for others than those known."""
    if name not in FUNCTIONS:
        raise ValueError(f"unknown function {name!r}")
    if name == "__operators__.getitem":
        return _getitem
    if name == "__operators__.add":
        return tf.math.add
    if name.startswith("raw."):
        return _raw(name.removeprefix("raw."))
    found: Any = tf
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _raw(name: str) -> Callable[..., Any]:
    functions: dict[str, Callable[..., Any]] = {
        "Add": tf.math.add,
        "AddV2": tf.math.add,
        "BiasAdd": tf.nn.bias_add,
        "Mul": tf.math.multiply,
        "RealDiv": tf.math.divide,
        "Relu": tf.nn.relu,
        "Relu6": tf.nn.relu6,
        "Sigmoid": tf.math.sigmoid,
        "Softmax": tf.nn.softmax,
        "Sub": tf.math.subtract,
        "Tanh": tf.math.tanh,
    }
    return functions[name]


def _getitem(value: tf.Tensor, slice_spec: Any, **_: Any) -> tf.Tensor:
    """Return a part of a value; `slice_spec` is as Keras 2 writes down what stands in brackets."""
    return value[_place(slice_spec)]


def _place(spec: Any) -> Any:
    if isinstance(spec, list | tuple):
        return tuple(_place(one) for one in spec)
    if isinstance(spec, Mapping) and "step" in spec:
        return slice(spec["start"], spec["stop"], spec["step"])
    if isinstance(spec, Mapping):
        return Ellipsis
    return spec


@functools.cache
def older_objects() -> dict[str, Any]:
    """Return them by the names that a rewritten configuration gives them."""
    return {
        OLD_HARD_SIGMOID: hard_sigmoid_of_keras_2,
        OPERATION: TensorFlowOperation,
        "CustomScaleLayer": CustomScaleLayer,
        "LayerScale": LayerScale,
        "ThresholdedReLU": ThresholdedReLU,
        **CHANNELS_FIRST,
    }

"""What Keras 2 had and old scripts call around a model: sessions, `K.function`, `keras.engine`.

Imported by `mrcnn.model` alone. A name that Keras has is left as it is; these are added where it
has none, so that a script's lines around its model go on to work.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mrcnn.eager import eagerly


def set_session(session: Any) -> None:
    """Do nothing: a model here needs no session."""


def get_session() -> Any:
    """Return a session of an empty graph, for `with sess.graph.as_default():` around a model."""
    return tf.compat.v1.Session(graph=tf.Graph())


def learning_phase() -> int:
    """Return 0: a model here is told by its mode."""
    return 0


def set_learning_phase(value: Any) -> None:
    """Do nothing: a model here is told by its mode."""


def manual_variable_initialization(value: Any) -> None:
    """Do nothing: a model here has its values from its file, and no session that sets others."""


def function(inputs: Sequence[Any], outputs: Sequence[Any], **_: Any) -> Callable[[Any], list[Any]]:
    """Return a function from arrays for symbolic `inputs` to arrays of symbolic `outputs`.

    A `learning_phase()` among the inputs takes the value 0. The function raises ValueError for
    another one, and for more or fewer values than inputs.
    """
    is_symbolic = [isinstance(entry, keras.KerasTensor) for entry in inputs]
    compute = keras.Function(list(itertools.compress(inputs, is_symbolic)), list(outputs))

    @eagerly()
    def run(values: Sequence[Any]) -> list[Any]:
        if len(values) != len(is_symbolic):
            raise ValueError(f"there are {len(values)} values for {len(is_symbolic)} inputs")
        given = []
        for value, is_array in zip(values, is_symbolic, strict=True):
            if is_array:
                given.append(value)
            elif value:
                raise ValueError(f"learning phase {value} is not there: only 0, which is detection")
        return [np.asarray(value) for value in compute(given)]

    return run


class TensorFlowFunction(keras.layers.Layer):
    """A TensorFlow function as a layer; its arguments that are symbolic are those of a call.

    Args:
        function: what to call.
        arguments: its arguments, and those named.

    Call arguments:
        tensors: values for the symbolic ones, in their order.
    """

    def __init__(
        self, function: Callable[..., Any], arguments: tuple[tuple[Any, ...], dict[str, Any]]
    ) -> None:
        super().__init__()
        self.fill = functools.partial(_filled, function, arguments)

    def call(self, tensors: list[tf.Tensor]) -> Any:
        return self.fill(iter(tensors))


def _filled(function: Callable[..., Any], arguments: Any, tensors: Iterator[tf.Tensor]) -> Any:
    def fill(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [fill(entry) for entry in value]
        return next(tensors) if isinstance(value, keras.KerasTensor) else value

    args, named = arguments
    return function(*map(fill, args), **{name: fill(value) for name, value in named.items()})


class _OnSymbolicTensors(tf.__internal__.dispatch.GlobalOpDispatcher):
    """Lets `tf.identity(layer.output)` and the like be written, as Keras 2 did."""

    def handle(self, op: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        symbolic: list[Any] = []
        for value in (*args, *kwargs.values()):
            entries = value if isinstance(value, list | tuple) else [value]
            symbolic += [entry for entry in entries if isinstance(entry, keras.KerasTensor)]
        return TensorFlowFunction(op, (args, kwargs))(symbolic) if symbolic else self.NOT_SUPPORTED


def add() -> None:
    """Add the missing modules and the missing names of backends; once is enough."""
    if "keras.engine" in sys.modules:
        return
    _OnSymbolicTensors().register()
    engine = types.ModuleType("keras.engine", "Keras 2's `keras.engine`, as far as scripts use it.")
    vars(engine).update(Layer=keras.Layer, InputSpec=keras.InputSpec, Model=keras.Model)
    keras.engine = engine
    keras.backend.tensorflow_backend = keras.backend
    v1 = tf.compat.v1.keras
    modules = {
        "keras.engine": engine,
        "keras.engine.topology": engine,
        "keras.backend.tensorflow_backend": keras.backend,
        "tensorflow.compat.v1.keras": v1,
        "tensorflow.compat.v1.keras.backend": v1.backend,
    }
    for name, module in modules.items():
        sys.modules.setdefault(name, module)
    additions = (
        set_session,
        get_session,
        learning_phase,
        set_learning_phase,
        manual_variable_initialization,
        function,
    )
    for backend in (keras.backend, v1.backend, importlib.import_module("tensorflow.keras.backend")):
        for addition in additions:
            if not hasattr(backend, addition.__name__):
                setattr(backend, addition.__name__, addition)

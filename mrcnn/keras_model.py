"""The network as the Keras model that Matterport's scripts know: layers by name, `.h5` files.

Layers are laid out when they are first asked for; detection needs none of it. Weights are those of
the file, their batch normalizations apart: what was loaded is what is saved, bit for bit.
"""

from __future__ import annotations

import difflib
import functools
import threading
from pathlib import Path
from typing import Any

import keras
from numpy.typing import NDArray

from mrcnn.architecture import Architecture
from mrcnn.config import Config
from mrcnn.eager import eagerly
from mrcnn.gone import gone
from mrcnn.layout import Layout, inference_layout
from mrcnn.loading import load_weights, save_weights
from mrcnn.network import MaskRCNNNetwork
from mrcnn.precision import single_precision
from mrcnn.weights import WeightFile

_TRAINS = "mrcnn.training.trainer.Trainer trains the model"


class KerasModel(MaskRCNNNetwork):
    """A Mask R-CNN whose layers, inputs and outputs are Matterport's.

    Args:
        architecture: the sizes that the weights fix.
        config: the settings that may be chosen for them.
        mode: "inference" or "training"; they differ in inputs, outputs and layers.

    Attributes:
        changes: how often a variable was set.
    """

    def __init__(self, architecture: Architecture, config: Config, *, mode: str) -> None:
        super().__init__(architecture, config)
        self.mode, self.changes = mode, 0
        self.jit_compile = False
        self._laying_out = threading.Lock()
        for variable in self.variables:
            variable.assign = functools.partial(self._assign, variable.assign)

    def _assign(self, assign: Any, value: Any) -> Any:
        self.changes += 1
        return assign(value)

    @functools.cached_property
    def _layout(self) -> Layout:
        with eagerly(), single_precision():
            layout = _training_layout(self) if self.mode == "training" else inference_layout(self)
            layout.model.jit_compile = False  # suppression has no fixed shapes
            return layout

    @property
    def layout(self) -> Layout:
        """The layers, laid out once; laid out twice, a layer would have two outputs."""
        with self._laying_out:
            return self._layout

    @property
    def layers(self) -> list[keras.layers.Layer]:
        return self.layout.model.layers

    @property
    def inputs(self) -> list[Any]:
        return self.layout.model.inputs

    @property
    def outputs(self) -> list[Any]:
        return self.layout.model.outputs

    input, output = inputs, outputs

    @property
    def input_shape(self) -> list[tuple[int | None, ...]]:
        return [tuple(tensor.shape) for tensor in self.inputs]

    @property
    def output_shape(self) -> list[tuple[int | None, ...]]:
        return [tuple(tensor.shape) for tensor in self.outputs]

    @property
    def input_names(self) -> list[str]:
        return [tensor.name for tensor in self.inputs]

    @property
    def output_names(self) -> list[str]:
        return self.layout.model.output_names

    def get_layer(self, name: str | None = None, index: int | None = None) -> keras.layers.Layer:
        """Return a layer by name or index; raises ValueError, naming those that are close."""
        if index is not None:
            return self.layers[index]
        layers = {layer.name: layer for layer in self.layers} | self.layout.others
        if name in layers:
            return layers[name]
        close = difflib.get_close_matches(str(name), layers, n=3, cutoff=0.5)
        hint = f"close are {', '.join(close)}" if close else "keras_model.layers has all"
        raise ValueError(f"there is no layer {name!r} in mode {self.mode!r}; {hint}")

    def summary(self, *args: Any, **kwargs: Any) -> None:
        """Print the layers, as `keras.Model.summary` does."""
        self.layout.model.summary(*args, **kwargs)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        return self.layout.model(inputs)

    @eagerly()
    def predict(self, x: Any, *args: Any, **kwargs: Any) -> list[NDArray[Any]]:
        """Return the outputs for molded images, metas and anchors, as `mold_inputs` has them."""
        return self.layout.model.predict(x, *args, **kwargs)

    def predict_on_batch(self, x: Any) -> list[NDArray[Any]]:
        """Do as `predict` for one batch."""
        return self.predict(x, batch_size=len(x[0]), verbose=0)

    @eagerly()
    def get_weights(self) -> list[NDArray[Any]]:
        return super().get_weights()

    @eagerly()
    def set_weights(self, weights: Any) -> None:
        super().set_weights(weights)

    @eagerly()
    def save_weights(self, filepath: str | Path, overwrite: bool = True, **options: Any) -> None:
        """Write the weights in Matterport's layout, whatever the name ends in.

        Raises FileExistsError where `overwrite` is false and the file is there.
        """
        if not overwrite and Path(filepath).exists():
            raise FileExistsError(f"{filepath} is there; overwrite=True replaces it")
        save_weights(self, filepath, order=[layer.name for layer in self.layers])

    @eagerly()
    def load_weights(
        self, filepath: str | Path, by_name: bool = False, skip_mismatch: bool = False, **_: Any
    ) -> None:
        """Read a Matterport weight file, always by name; every layer must fit.

        With `skip_mismatch` what does not fit is logged and left as it is. Raises WeightFileError.
        """
        load_weights(self, WeightFile.open(filepath), allow_partial=skip_mismatch)

    uses_learning_phase = False

    def _make_predict_function(self) -> None:
        """Do nothing: any number of threads may share a model."""

    _make_test_function = _make_train_function = _make_predict_function

    save = gone("keras_model.save", "save_weights(path) writes what load_weights reads")
    to_json = gone("keras_model.to_json", "a Config and a weight file say what the network is")
    fit = gone("keras_model.fit", _TRAINS)
    fit_generator = gone("keras_model.fit_generator", _TRAINS)
    train_on_batch = gone("keras_model.train_on_batch", _TRAINS)


def _training_layout(model: KerasModel) -> Layout:
    from mrcnn.training.training_layout import training_layout

    return training_layout(model)

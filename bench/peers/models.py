"""The two models as a peer's user loads them: once, and called in the way that is natural there.

Runs in each peer's environment, which has TensorFlow, Keras and Pillow, and nothing of ours.
"""

import base64
import functools
import io
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from bench.contender import ROOT

MEASURES = ("sepal_length", "sepal_width", "petal_length", "petal_width")
_LABELS = (ROOT / "models" / "fashion" / "1" / "labels.txt").read_text().splitlines()


class Iris:
    """The SavedModel, asked by its signature."""

    def __init__(self) -> None:
        self._model = tf.saved_model.load(str(ROOT / "models" / "iris" / "1"))
        self._signature = self._model.signatures["serving_default"]

    def columns(self, columns: Mapping[str, Any]) -> dict[str, Any]:
        """Return the outputs, lists by name, for one list of numbers a measure."""
        asked = {name: tf.constant(columns[name], tf.float64) for name in MEASURES}
        return {name: _plain(found) for name, found in self._signature(**asked).items()}

    def rows(self, instances: Sequence[Mapping[str, float]]) -> list[dict[str, Any]]:
        """Return the outputs of each flower."""
        found = self.columns({name: [row[name] for row in instances] for name in MEASURES})
        return [
            {name: values[number] for name, values in found.items()}
            for number in range(len(instances))
        ]


class Fashion:
    """The Keras classifier. Of its three ways to be called this is by far the quickest."""

    def __init__(self) -> None:
        self._model = keras.saving.load_model(
            str(ROOT / "models" / "fashion" / "1" / "fashion.keras")
        )

    def files(self, pictures: Sequence[bytes]) -> list[dict[str, Any]]:
        """Return the best label of each picture, with its score."""
        return self.pictures([Image.open(io.BytesIO(picture)) for picture in pictures])

    def pictures(self, pictures: Sequence[Image.Image]) -> list[dict[str, Any]]:
        """Return the best label of each decoded picture, with its score."""
        pixels = [np.asarray(picture.convert("L"), np.float32)[..., None] for picture in pictures]
        scores = self._model.predict_on_batch(np.stack(pixels))
        return [{"label": _LABELS[int(one.argmax())], "score": float(one.max())} for one in scores]

    def rows(self, instances: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
        """Return the same for `{"b64": …}` each."""
        return self.files([base64.b64decode(one["b64"]) for one in instances])


@functools.cache
def iris() -> Iris:
    """Return this process's, loaded at the first call."""
    return Iris()


@functools.cache
def fashion() -> Fashion:
    """Return this process's, loaded at the first call."""
    return Fashion()


def _plain(found: Any) -> Any:
    if found.dtype == tf.string:
        return np.char.decode(found.numpy().astype(bytes), "utf-8").tolist()
    return found.numpy().tolist()

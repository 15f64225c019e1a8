"""Runs a classifier's network: pixels in, a row of numbers a picture out. One graph, any batch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mrcnn.quiet import importing_quietly

with importing_quietly():
    import keras
    import tensorflow as tf

from app.kinds.image_classifier.building import build, refusals_told
from app.kinds.image_classifier.examination import Examined
from mrcnn.threads import use_threads

#: Pixels that go through at once: what lies between the layers is many times as large.
_PIXELS_AT_ONCE = 8 * 1024 * 1024


class Program:
    """A network with what becomes of pixels before it, as one graph of TensorFlow's.

    Args:
        network: takes float32 [batch, *frame.shape].
        examined: says how pixels are scaled and laid out.
        output: which of the network's outputs, by its place.
    """

    def __init__(self, network: keras.Model, examined: Examined, output: int) -> None:
        self._network = network
        self._frame = examined.frame
        self._scale = examined.scale
        self._output = output
        frame = examined.frame
        self.picture_shape = (frame.height, frame.width, frame.channels)
        pixels = tf.TensorSpec([None, *self.picture_shape], tf.uint8)
        graph = tf.function(self._call, input_signature=[pixels], autograph=False)
        self._graph = graph.get_concrete_function()
        self._at_once = max(1, _PIXELS_AT_ONCE // (frame.height * frame.width))

    def run(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return float32 [batch, classes] of uint8 [batch, height, width, channels]."""
        parts = [
            self._graph(tf.constant(pictures[start : start + self._at_once])).numpy()
            for start in range(0, len(pictures), self._at_once)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _call(self, pictures: tf.Tensor) -> tf.Tensor:
        frame, scale = self._frame, self._scale
        # In float64, so that 51 / 255 is what a client's own division in float32 gives.
        pixels = tf.cast(pictures, tf.float64)
        if scale.is_blue_first:
            pixels = pixels[..., ::-1]
        pixels = tf.cast(pixels * scale.factor + scale.offset, tf.float32)
        if frame.is_channels_first:
            pixels = tf.transpose(pixels, [0, 3, 1, 2])
        pixels = tf.reshape(pixels, [-1, *frame.shape])
        found: Any = self._network(pixels, training=False)
        return tf.cast(tf.nest.flatten(found)[self._output], tf.float32)


def program_of(
    examined: Examined, *, threads: int, output: str | None, allow_code: bool
) -> Program:
    """Build the network and its graph; raises ModelError.

    Args:
        examined: the file.
        threads: for all networks of the process; 0 is TensorFlow's own choice.
        output: the name of the output, where there are several.
        allow_code: whether a function that the file holds may run.
    """
    if threads:
        use_threads(threads)
    network = build(examined, allow_code=allow_code)
    place = examined.network.outputs.index(output) if output else 0
    with refusals_told(examined.file.path.name, "its network does not run"):
        program = Program(network, examined, place)
        # As often as a graph may be asked for: alone, and with others.
        program.run(np.zeros((1, *program.picture_shape), np.uint8))
        return program

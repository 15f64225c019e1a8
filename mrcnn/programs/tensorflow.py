"""A network as one TensorFlow graph for each shape of pictures."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mrcnn.quiet import importing_quietly

with importing_quietly():
    import tensorflow as tf

from mrcnn.config import Config
from mrcnn.loading import load_weights
from mrcnn.network import MaskRCNNNetwork
from mrcnn.programs.program import Found
from mrcnn.threads import use_threads
from mrcnn.weights import WeightFile

logger = logging.getLogger(__name__)

#: Shapes whose graphs are kept. In mode "pad64" photos come in endless shapes.
KEPT_GRAPHS = 16

#: (pixels [n, h, w, channels], windows [n, 4], least score) -> (detections, their probabilities,
#: image indices, masks).
_Graph = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, ...]]


class TensorFlowProgram:
    """A Keras network, traced once for each shape. On a GPU pictures share passes.

    On a CPU more than one at once save no time, take more memory, and change an answer in its last
    digits.
    """

    name = "tensorflow"
    precision = "f32"
    passes_at_once = 1

    def __init__(self, network: MaskRCNNNetwork) -> None:
        self.architecture = network.architecture
        self.parameters = sum(int(np.prod(v.shape)) for v in network.variables)
        self.most_at_once = 16 if tf.config.list_physical_devices("GPU") else 1
        self._network = network
        self._tracing = threading.Lock()
        self._graphs = functools.lru_cache(maxsize=KEPT_GRAPHS)(self._trace)

    @classmethod
    def load(
        cls,
        file: WeightFile,
        config: Config,
        *,
        allow_partial: bool = False,
        threads: int | None = None,
    ) -> TensorFlowProgram:
        """Build the network that the file needs, and fill it; raises WeightFileError."""
        if threads:
            use_threads(threads)
        network = MaskRCNNNetwork(file.architecture, config, folded=True)
        load_weights(network, file, allow_partial=allow_partial)
        return cls(network)

    def gives_numbers(self) -> bool:
        """Say whether all is finite that a small picture of noise gives."""
        return self._network.gives_numbers()

    def run(self, pixels: NDArray[Any], windows: NDArray[np.float32], least: float) -> Found:
        """See `Program`."""
        with self._tracing:  # two threads must not build the same graph
            graph = self._graphs(pixels.shape[1:3], pixels.dtype)
        tensors = graph(tf.constant(pixels), tf.constant(windows), tf.constant(least, tf.float32))
        return Found(*(tensor.numpy() for tensor in tensors))

    def _trace(self, shape: tuple[int, int], dtype: np.dtype[Any]) -> _Graph:
        def run(pixels: tf.Tensor, windows: tf.Tensor, least: tf.Tensor) -> tuple[tf.Tensor, ...]:
            stages = self._network.stages(pixels, windows, least)
            return stages.detections, stages.probabilities, stages.image_indices, stages.masks

        signature = (
            tf.TensorSpec([None, *shape, self.architecture.input_channels], dtype),
            tf.TensorSpec([None, 4], tf.float32),
            tf.TensorSpec([], tf.float32),
        )
        logger.debug("building the graph for %d x %d pixels", shape[1], shape[0])
        function = tf.function(run, input_signature=signature, autograph=False)
        return function.get_concrete_function()

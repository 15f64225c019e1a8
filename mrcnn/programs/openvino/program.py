"""A network as OpenVINO runs it: compiled once for all shapes of pictures."""

from __future__ import annotations

import functools
import threading
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from mrcnn.anchors import normalize_boxes, pyramid_anchors
from mrcnn.config import Config
from mrcnn.programs.openvino.graph import ANY_SHAPE, build
from mrcnn.programs.openvino.weights import FoldedWeights
from mrcnn.programs.program import Found
from mrcnn.weights import WeightFile

# Of operations as compiled for a shape. A network has some two hundred; as many as OpenVINO keeps
# by itself, 5,000, grow to half a gigabyte where each picture has a shape of its own.
_KEPT_PRIMITIVES = 300


class OpenVinoProgram:
    """A graph of free sizes, on a CPU, in float32; one picture a pass, one pass at a time."""

    name = "openvino"
    most_at_once = 1

    def __init__(self, weights: FoldedWeights, config: Config, *, threads: int | None) -> None:
        self.architecture = weights.architecture
        self.parameters = weights.parameters
        self._weights, self._config, self._threads = weights, config, threads
        self._running = threading.Lock()
        self._requests: dict[str, Any] = {}
        self._anchors_of = functools.lru_cache(maxsize=2)(self._anchors)

    @classmethod
    def load(
        cls, file: WeightFile, config: Config, *, threads: int | None = None
    ) -> OpenVinoProgram:
        """Build the network that the file needs, and fill it; raises WeightFileError."""
        return cls(FoldedWeights(file), config, threads=threads)

    def gives_numbers(self) -> bool:
        """Say whether all is finite that a small picture of noise gives."""
        shape = 1, 64, 64, self.architecture.input_channels
        noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        outputs = self._outputs(noise, np.array([0, 0, 64, 64], np.float32), 0.0)
        return bool(np.isfinite(outputs["sums"]).all())

    def run(self, pixels: NDArray[Any], windows: NDArray[np.float32], least: float) -> Found:
        """See `Program`."""
        (window,) = windows
        outputs = self._outputs(pixels, window, least)
        count = len(outputs["scores"])
        rows = np.zeros((1, count, 6), np.float32)
        rows[0, :, :4] = outputs["boxes"]
        rows[0, :, 4] = outputs["classes"]
        rows[0, :, 5] = outputs["scores"]
        return Found(
            rows, outputs["probabilities"][None], np.zeros(count, np.int32), outputs["masks"]
        )

    def _outputs(
        self, pixels: NDArray[Any], window: NDArray[np.float32], least: float
    ) -> dict[str, NDArray[Any]]:
        height, width = pixels.shape[1:3]
        kind = "u8" if pixels.dtype == np.uint8 else "f32"
        if kind == "f32":
            pixels = pixels.astype(np.float32, copy=False)
        size = np.array([height - 1, width - 1] * 2, np.float32)
        inputs = [
            np.ascontiguousarray(pixels),
            self._anchors_of((height, width)),
            (window - np.array([0, 0, 1, 1], np.float32)) / size,
            np.array(least, np.float32),
        ]
        with self._running:
            found = self._request(kind).infer(inputs, share_inputs=True, share_outputs=False)
            return {name: found[name] for name in _OUTPUTS}

    def _request(self, kind: str) -> Any:
        if kind not in self._requests:
            model = build(self._weights, self._config, shape=ANY_SHAPE, pixel_type=kind)
            told = {
                "PERFORMANCE_HINT": "LATENCY",
                "NUM_STREAMS": 1,
                "INFERENCE_PRECISION_HINT": "f32",
                "CPU_RUNTIME_CACHE_CAPACITY": _KEPT_PRIMITIVES,
            }
            if self._threads:
                told["INFERENCE_NUM_THREADS"] = self._threads
            compiled = ov.Core().compile_model(model, "CPU", told)
            self._requests[kind] = compiled.create_infer_request()
        return self._requests[kind]

    def _anchors(self, image_shape: tuple[int, int]) -> NDArray[np.float32]:
        config = self._config
        boxes = pyramid_anchors(
            image_shape,
            config.RPN_ANCHOR_SCALES,
            config.RPN_ANCHOR_RATIOS,
            config.BACKBONE_STRIDES,
            int(config.RPN_ANCHOR_STRIDE),
        )
        return normalize_boxes(boxes, image_shape)


_OUTPUTS = ("boxes", "classes", "scores", "probabilities", "masks", "sums")

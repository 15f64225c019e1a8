"""A network as OpenVINO runs it: compiled once for all shapes of pictures."""

from __future__ import annotations

import functools
import queue
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from mrcnn.anchors import anchors_for, normalize_boxes
from mrcnn.architecture import Architecture
from mrcnn.config import Config
from mrcnn.forms import Form, FormError
from mrcnn.layer_shapes import parameter_count
from mrcnn.programs.openvino.corners import with_corners
from mrcnn.programs.openvino.graph import ANY_SHAPE, build
from mrcnn.programs.openvino.overflows import overflows
from mrcnn.programs.openvino.weights import FoldedWeights
from mrcnn.programs.program import Found
from mrcnn.weights import WeightFile

# Of operations as compiled for a shape. A network has some two hundred; as many as OpenVINO keeps
# by itself, 5,000, grow to half a gigabyte where each picture has a shape of its own.
_KEPT_PRIMITIVES = 300


class OpenVinoProgram:
    """A graph of free sizes, on a CPU; one picture a pass.

    Args:
        model: what `build` gives, or what was made of it.
        precision: what its layers are in.
        threads: how many compute.
        streams: passes that run beside each other, each with its share of the threads.
    """

    name = "openvino"
    most_at_once = 1

    def __init__(
        self,
        model: Any,
        architecture: Architecture,
        config: Config,
        *,
        precision: str = "f32",
        threads: int | None = None,
        streams: int = 1,
    ) -> None:
        self.architecture, self.precision = architecture, precision
        self.passes_at_once = streams
        self.parameters = parameter_count(architecture)
        self._config, self._is_sound = config, True
        compiled = _compiled(model, precision, threads, streams)
        self._idle: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(streams):
            self._idle.put(compiled.create_infer_request())
        self._anchors_of = functools.lru_cache(maxsize=4)(self._anchors)

    @classmethod
    def load(
        cls,
        file: WeightFile,
        config: Config,
        *,
        form: Form | None = None,
        precision: str = "f32",
        threads: int | None = None,
        streams: int = 1,
    ) -> OpenVinoProgram:
        """Build the network that the file needs, and fill it; or read one that was kept.

        Args:
            form: a graph that was kept, in its own precision.
            precision: "f32", or "bf16" where the processor has it.

        Raises WeightFileError, FormError, or OSError.
        """
        if form is not None:
            return cls(
                read_graph(form),
                file.architecture,
                config,
                precision=precision,
                threads=threads,
                streams=streams,
            )
        weights = FoldedWeights(file)
        is_sound = not overflows(weights, config.MEAN_PIXEL)
        model = _graph(weights, config)
        # Here: the arrays are another copy of all that the graph has.
        del weights
        program = cls(
            model, file.architecture, config, precision=precision, threads=threads, streams=streams
        )
        program._is_sound = is_sound
        return program

    def gives_numbers(self) -> bool:
        """Say whether all is finite that a small picture of noise gives."""
        shape = 1, 64, 64, self.architecture.input_channels
        noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        outputs = self._outputs(noise, np.array([0, 0, 64, 64], np.float32), 0.0)
        return self._is_sound and bool(np.isfinite(outputs["sums"]).all())

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

    def inputs(
        self, pixels: NDArray[Any], window: NDArray[np.float32], least: float
    ) -> list[NDArray[Any]]:
        """Return what the graph takes, in its order, for one picture in the network's frame."""
        height, width = pixels.shape[1:3]
        size = np.array([height - 1, width - 1] * 2, np.float32)
        return [
            np.ascontiguousarray(pixels, np.float32),
            self._anchors_of((height, width)),
            (window - np.array([0, 0, 1, 1], np.float32)) / size,
            np.array(least, np.float32),
        ]

    def _outputs(
        self, pixels: NDArray[Any], window: NDArray[np.float32], least: float
    ) -> dict[str, NDArray[Any]]:
        inputs = self.inputs(pixels, window, least)
        request = self._idle.get()
        try:
            found = request.infer(inputs, share_inputs=True, share_outputs=False)
            return {output.get_any_name(): found[output] for output in found}
        finally:
            self._idle.put(request)

    def _anchors(self, image_shape: tuple[int, int]) -> NDArray[np.float32]:
        return normalize_boxes(anchors_for(image_shape, self._config), image_shape)


def graph_of(file: WeightFile, config: Config) -> Any:
    """Return the network that a file needs, filled, as `build` has it; raises WeightFileError."""
    return _graph(FoldedWeights(file), config)


def _graph(weights: FoldedWeights, config: Config) -> Any:
    # In float32 a picture is four times as large, and a graph is compiled for one type of pixels.
    return build(weights, config, shape=ANY_SHAPE, pixel_type="f32")


def read_graph(form: Form) -> Any:
    """Return the graph of a form, as `build` has it; raises FormError."""
    graph, numbers = form.graph()
    try:
        return ov.Core().read_model(graph, ov.Tensor(np.frombuffer(numbers, np.uint8)))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise FormError(f"{form.path.name} holds no graph that can be read: {reason}") from error


def _compiled(model: Any, precision: str, threads: int | None, streams: int) -> Any:
    if precision == "bf16":
        model = with_corners(model)
    told = {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": streams,
        # Unless told it would be bfloat16 where a CPU has it, for the boxes' arithmetic too.
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
        "CPU_RUNTIME_CACHE_CAPACITY": _KEPT_PRIMITIVES,
    }
    if threads:
        told["INFERENCE_NUM_THREADS"] = threads
    return ov.Core().compile_model(model, "CPU", told)

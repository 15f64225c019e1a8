"""Layers that work in eight bits: their scales from what pictures give within the network.

NNCF measures, chooses scales and corrects biases. What is no layer, the boxes' arithmetic above
all, stays in float32: in eight bits a box would have 256 places.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from numpy.typing import NDArray

from mrcnn.architecture import Architecture
from mrcnn.config import Config
from mrcnn.layer_shapes import layer_shapes
from mrcnn.programs.openvino.bands import cut_into_bands

#: What the layers are made of.
_LAYERS = frozenset({"Convolution", "ConvolutionBackpropData", "MatMul"})
#: How the graph names the sums of the backbone's blocks. In float32 they would be four times as
#: large on their way through memory, which takes a tenth of the network's time.
_SUM = "/sum"
#: What the graph calls a layer that the weight file has as two.
_JOINED = "rpn_outputs"

#: From so many bytes of its largest feature map on a network gains by bands; a smaller one whose
#: maps stay in the cache anyway only starts later for them, by 0.4 s of the demo's 1.3.
IN_BANDS = 4_000_000

Picture = TypeVar("Picture")


def quantized(
    model: Any,
    architecture: Architecture,
    config: Config,
    pictures: Sequence[Picture],
    inputs: Callable[[Picture], list[NDArray[Any]]],
    tell: Callable[[int], None] = lambda count: None,
) -> Any:
    """Return the network with its layers in eight bits.

    Args:
        model: what `build` gives, in float32.
        pictures: those that are measured; each is read when its turn comes, and may be again.
        inputs: returns what the model takes for one of them, in its order.
        tell: is called with how many have been measured.

    Raises ImportError where NNCF is not installed.

    Reference: Jacob et al., Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference, 2017.
    """
    names = [node.get_any_name() for node in model.inputs]
    counts = itertools.count(1)

    def taken(picture: Picture) -> dict[str, NDArray[Any]]:
        tell(min(next(counts), len(pictures)))
        return dict(zip(names, inputs(picture), strict=True))

    with _quiet() as nncf:
        small = nncf.quantize(
            model,
            nncf.Dataset(pictures, taken),
            subset_size=len(pictures),
            preset=nncf.QuantizationPreset.MIXED,
            ignored_scope=nncf.IgnoredScope(names=_others(model, architecture), validate=False),
        )
    if int(config.RPN_ANCHOR_STRIDE) == 1 and _largest_map_bytes(architecture, config) >= IN_BANDS:
        cut_into_bands(small, "rpn_conv_shared/p2", f"{_JOINED}/p2/bias")
    return small


def _largest_map_bytes(architecture: Architecture, config: Config) -> int:
    """Return how large P2 is in eight bits of a picture as large as the settings have them."""
    side = int(config.IMAGE_MAX_DIM) // 4
    return side * side * architecture.pyramid_channels


def _others(model: Any, architecture: Architecture) -> list[str]:
    """Return the names of what is no layer of the network."""
    layers = {*layer_shapes(architecture), _JOINED}
    passed = {"Constant", "Parameter", "Result"}
    return [
        name
        for node in model.get_ops()
        if node.get_type_name() not in passed
        and not (
            (name := node.get_friendly_name()).split("/")[0] in layers
            and (node.get_type_name() in _LAYERS or name.endswith(_SUM))
        )
    ]


@contextlib.contextmanager
def _quiet() -> Iterator[Any]:
    """Import NNCF, its bars and remarks kept from the terminal: what it left alone is no news."""
    with contextlib.redirect_stdout(io.StringIO()):
        import nncf

        logger = logging.getLogger("nncf")
        before = logger.level
        logger.setLevel(logging.ERROR)
        try:
            yield nncf
        finally:
            logger.setLevel(before)

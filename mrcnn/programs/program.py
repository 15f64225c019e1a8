"""What every form of a network takes and gives. No framework is imported here."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from mrcnn.architecture import Architecture


class Found(NamedTuple):
    """What a pass finds on pictures of one molded shape; lists of a picture are padded with zeros.

    Boxes are normalized to the molded picture.
    """

    detections: NDArray[np.float32]  # [n, instances, 6] y1 x1 y2 x2 class score, best first
    probabilities: NDArray[np.float32]  # [n, instances, classes] of each detection
    image_indices: NDArray[np.int32]  # [kept] the picture of each mask
    masks: NDArray[np.float32]  # [kept, side, side] of each detection's class, 0 to 1


class Program(Protocol):
    """A network with its weights in a form that runs. Any number of threads may share it.

    Attributes:
        name: what it runs on.
        precision: what its layers are in: "f32", "bf16" or "int8".
        architecture: the network's sizes.
        parameters: how many numbers it has, the normalizations folded in.
        most_at_once: pictures of one shape that share a pass.
        passes_at_once: passes that run beside each other; more wait for one of them.
    """

    name: str
    precision: str
    architecture: Architecture
    parameters: int
    most_at_once: int
    passes_at_once: int

    def run(self, pixels: NDArray[Any], windows: NDArray[np.float32], least: float) -> Found:
        """Find what is on pictures.

        Args:
            pixels: [n, height, width, channels] of any type, the mean not yet subtracted; sides
                are multiples of 64, and n is `most_at_once` at most.
            windows: [n, 4] y1 x1 y2 x2 in pixels: the part that is not padding.
            least: the least score of a detection.
        """

    def gives_numbers(self) -> bool:
        """Say whether a small picture gives finite numbers in every part of the network."""

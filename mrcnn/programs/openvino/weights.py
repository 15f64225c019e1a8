"""A weight file's arrays as the graph takes them: the normalizations are folded in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mrcnn.architecture import Architecture
from mrcnn.layer_shapes import layer_shapes, with_norms
from mrcnn.weights import WeightFile, WeightFileError, folded, mismatches, norm_of

#: Kernel and bias.
Arrays = tuple[NDArray[np.float32], NDArray[np.float32]]


class FoldedWeights:
    """Kernels and biases by layer.

    Attributes:
        architecture: what they are of.
    """

    def __init__(self, file: WeightFile) -> None:
        """Read all of a file.

        Raises WeightFileError, which lists every layer that does not fit, or names one that holds
        no numbers to work with.
        """
        self.architecture: Architecture = file.architecture
        shapes = layer_shapes(file.architecture)
        have = {name: [array.shape for array in arrays] for name, arrays in file.layers.items()}
        if bad := mismatches(have, with_norms(shapes)):
            lines = "\n".join(f"  {mismatch}" for mismatch in bad)
            raise WeightFileError(f"{file.path.name}: {len(bad)} layers do not fit:\n{lines}")
        self._arrays: dict[str, Arrays] = {}
        with file.reading() as read:
            for name in shapes:
                norm = norm_of(name)
                arrays = folded(read, name, norm=norm, file=file) if norm else read(name)
                self._arrays[name] = arrays[0], arrays[1]

    def __getitem__(self, layer: str) -> Arrays:
        return self._arrays[layer]

    def __contains__(self, layer: str) -> bool:
        return layer in self._arrays

"""A network's copy for detection: its normalizations are folded into its convolutions."""

from __future__ import annotations

from mrcnn.keras_model import KerasModel
from mrcnn.loading import weighted_layers
from mrcnn.network import MaskRCNNNetwork
from mrcnn.weights import EPSILON, fold, norm_of


class FoldedCopy:
    """A folded network that follows the weights of a `KerasModel`.

    Attributes:
        network: the copy; `follow` brings it up to date.
    """

    def __init__(self, source: KerasModel) -> None:
        self.source = source
        self.network = MaskRCNNNetwork(source.architecture, source.config, folded=True)
        self._changes_seen = -1

    def follow(self) -> None:
        """Fold the source's weights anew where any was set since the last time."""
        changes = self.source.changes
        if changes == self._changes_seen:
            return
        layers = weighted_layers(self.source)
        for name, layer in weighted_layers(self.network).items():
            arrays, norm = layers[name].get_weights(), norm_of(name)
            if norm:
                arrays = fold(arrays, layers[norm].get_weights(), EPSILON)
            layer.set_weights(arrays)
        self._changes_seen = changes

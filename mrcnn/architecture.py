"""What a Mask R-CNN is made of: the sizes that its weights fix. No framework is imported here.

`config.Config` holds what can be chosen for given weights (resizing, thresholds, anchors);
this module holds what cannot. The strict loader works an `Architecture` out of a weight file.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class BackboneSpec:
    """A bottleneck residual network: stages 2 to 5, each block ends in four times its width.

    Reference: He et al., Deep Residual Learning for Image Recognition, 2015, table 1.
    """

    blocks: tuple[int, int, int, int]
    widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    stem: int = 64

    @property
    def channels(self) -> tuple[int, int, int, int]:
        """Channels of C2, C3, C4 and C5."""
        a, b, c, d = (4 * width for width in self.widths)
        return a, b, c, d


#: The backbones that can be loaded and trained. A new one is one more entry here.
BACKBONES: dict[str, BackboneSpec] = {
    "resnet50": BackboneSpec(blocks=(3, 4, 6, 3)),
    "resnet101": BackboneSpec(blocks=(3, 4, 23, 3)),
    "resnet26_narrow": BackboneSpec(blocks=(2, 2, 2, 2), widths=(16, 32, 64, 96), stem=16),
}


@dataclass(frozen=True)
class Architecture:
    """The sizes of a network, background class included in `num_classes`.

    `input_channels` are those of a picture: 1 is grey, 3 RGB, 4 RGB and one more.
    """

    backbone: str
    num_classes: int
    pyramid_channels: int = 256
    rpn_channels: int = 512
    anchors_per_location: int = 3
    classifier_units: int = 1024
    classifier_pool: int = 7
    mask_channels: int = 256
    input_channels: int = 3

    @property
    def backbone_spec(self) -> BackboneSpec:
        """The entry of the backbone table."""
        return BACKBONES[self.backbone]

    def describe(self) -> dict[str, Any]:
        """The sizes as plain values, for `/models` and `slipway inspect`."""
        return asdict(self)

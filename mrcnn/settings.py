"""The settings of a network whose weights are there: what the file fixes is checked against them.

No framework is needed for it, so that a wrong setting is told before one is imported.
"""

from __future__ import annotations

from collections.abc import Mapping

from mrcnn.architecture import Architecture
from mrcnn.config import Config, ConfigError

STRIDES = (4, 8, 16, 32, 64)


def settings_for(
    architecture: Architecture, values: Mapping[str, object], file_name: str
) -> Config:
    """Return the settings with what the weights fix; raises ConfigError where `values` differ."""
    fixed = {
        "BACKBONE": architecture.backbone,
        "NUM_CLASSES": architecture.num_classes,
        "TOP_DOWN_PYRAMID_SIZE": architecture.pyramid_channels,
        "FPN_CLASSIF_FC_LAYERS_SIZE": architecture.classifier_units,
        "POOL_SIZE": architecture.classifier_pool,
    }
    for name, value in fixed.items():
        if values.get(name, value) != value:
            raise ConfigError(
                f"config: {name} is {values[name]!r}, but {file_name} has {value!r}; leave it out, "
                "the file says it"
            )
    config = Config.with_values({**values, **fixed})
    check_settings(config, architecture, file_name)
    return config


def check_settings(config: Config, architecture: Architecture, file_name: str) -> None:
    """Raise ConfigError, naming the setting, where a network with these weights cannot have it."""
    ratios = len(config.RPN_ANCHOR_RATIOS)
    if ratios != architecture.anchors_per_location:
        raise ConfigError(
            f"config: RPN_ANCHOR_RATIOS has {ratios} entries, but {file_name} has "
            f"{architecture.anchors_per_location} anchors a location"
        )
    if tuple(config.BACKBONE_STRIDES) != STRIDES:
        raise ConfigError(
            f"config: BACKBONE_STRIDES is {config.BACKBONE_STRIDES}; the backbones have {STRIDES}"
        )
    if config.IMAGE_RESIZE_MODE == "crop":
        raise ConfigError("config: IMAGE_RESIZE_MODE 'crop' cuts at random, for training only")

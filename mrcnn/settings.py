"""The settings of a network whose weights are there: what the file fixes is checked against them.

No framework is needed for it, so that a wrong setting is told before one is imported.
"""

from __future__ import annotations

from collections.abc import Mapping

from mrcnn.architecture import Architecture
from mrcnn.config import Config, ConfigError

STRIDES = (4, 8, 16, 32, 64)
_MEANS = {1: ["mean of the channel"], 4: ["mean of red", "of green", "of blue", "of the fourth"]}


def settings_for(
    architecture: Architecture, values: Mapping[str, object], file_name: str
) -> Config:
    """Return the settings with what the weights fix; raises ConfigError where `values` differ."""
    fixed = {
        "BACKBONE": architecture.backbone,
        "IMAGE_CHANNEL_COUNT": architecture.input_channels,
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
    _check_mean_is_set(architecture.input_channels, values, file_name)
    config = Config.with_values({**values, **fixed})
    side = 2 * int(config.MASK_POOL_SIZE)
    if "MASK_SHAPE" in values and tuple(config.MASK_SHAPE) != (side, side):
        raise ConfigError(
            f"config: MASK_SHAPE is {values['MASK_SHAPE']}, but the masks of MASK_POOL_SIZE "
            f"{config.MASK_POOL_SIZE} are {side} x {side}"
        )
    check_settings(config, architecture, file_name)
    return config


def _check_mean_is_set(channels: int, values: Mapping[str, object], file_name: str) -> None:
    """Raise ConfigError where nobody says the mean: the default is that of three channels.

    A wrong one gives wrong detections, and no error.
    """
    if channels == 3 or values.get("MEAN_PIXEL") is not None:
        return
    means = ", ".join(_MEANS.get(channels, ["mean of the first", "..."]))
    what = "1 channel" if channels == 1 else f"{channels} channels"
    number = "number" if channels == 1 else f"{channels} numbers"
    raise ConfigError(
        f"config: MEAN_PIXEL is not set, and {file_name} takes pictures of {what}; write the "
        f"{number} that its training had: MEAN_PIXEL: [{means}, 0 to 255]"
    )


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

"""The network that a script's `Config` asks for, held against its weight file."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from mrcnn.architecture import BACKBONES, Architecture
from mrcnn.config import Config, ConfigError, channels_of
from mrcnn.weights import WeightFile

#: Settings that fix sizes of layers. Where a script leaves one alone, the weight file says it.
_SIZES = {
    "TOP_DOWN_PYRAMID_SIZE": "pyramid_channels",
    "FPN_CLASSIF_FC_LAYERS_SIZE": "classifier_units",
    "POOL_SIZE": "classifier_pool",
}
_CLASS_LAYER = "mrcnn_class_logits"


def wanted_architecture(
    config: Config, file: WeightFile | None = None, exclude: Collection[str] = ()
) -> Architecture:
    """Return the network that a config asks for; a file adds the sizes that it leaves open.

    Raises ConfigError where both say something, and not the same.
    """
    if config.BACKBONE not in BACKBONES:
        raise ConfigError(
            f"config: BACKBONE is {config.BACKBONE!r}; there are {', '.join(BACKBONES)}"
        )
    sizes: dict[str, Any] = {field: int(getattr(config, name)) for name, field in _SIZES.items()}
    fixed: dict[str, Any] = {
        "backbone": config.BACKBONE,
        "num_classes": int(config.NUM_CLASSES),
        "anchors_per_location": len(config.RPN_ANCHOR_RATIOS),
        "input_channels": channels_of(config),
    }
    if file is None:
        return Architecture(**fixed, **sizes)
    has = file.architecture
    if has.backbone != config.BACKBONE:
        raise ConfigError(
            f"config: BACKBONE is {config.BACKBONE!r}, but {file.path.name} has {has.backbone!r}"
        )
    if has.num_classes != config.NUM_CLASSES and _CLASS_LAYER not in exclude:
        raise ConfigError(
            f"config: NUM_CLASSES is {config.NUM_CLASSES}, but {file.path.name} has "
            f"{has.num_classes}, with the background"
        )
    if has.input_channels != channels_of(config) and "conv1" not in exclude:
        raise ConfigError(
            f"config: IMAGE_CHANNEL_COUNT is {channels_of(config)}, but {file.path.name} has "
            f"{has.input_channels}"
        )
    chosen = {f: sizes[f] for name, f in _SIZES.items() if sizes[f] != getattr(Config, name)}
    return replace(has, **fixed, **chosen)

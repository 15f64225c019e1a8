"""The settings of a Mask R-CNN, under the names that Matterport's users know.

A script of theirs subclasses `Config` and overrides class attributes; a `model.yaml` gives the same
names as a mapping. This module checks values and derives nothing from a weight file.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

import numpy as np

RESIZE_MODES = ("square", "pad64", "none", "crop")
#: The pyramid halves an image six times.
SIZE_MULTIPLE = 64
#: Settings from 0 to 1.
SHARES = ("DETECTION_MIN_CONFIDENCE", "DETECTION_NMS_THRESHOLD", "RPN_NMS_THRESHOLD")
#: Less would be taken for something else, or end in the framework's words.
LEAST = {
    "IMAGE_CHANNEL_COUNT": 1,
    "IMAGE_MIN_DIM": 0,
    "IMAGE_MAX_DIM": 1,
    "IMAGE_MIN_SCALE": 0,
    "RPN_ANCHOR_STRIDE": 1,
    "PRE_NMS_LIMIT": 1,
    "POST_NMS_ROIS_INFERENCE": 1,
    "MASK_POOL_SIZE": 1,
    "DETECTION_MAX_INSTANCES": 1,
}
#: No picture needs more; of the last four, tensors are made for all that there may be.
MOST = {
    "IMAGE_MIN_DIM": 1_000_000,
    "IMAGE_MAX_DIM": 1_000_000,
    "IMAGE_MIN_SCALE": 1_000_000,
    "MASK_POOL_SIZE": 256,
    "PRE_NMS_LIMIT": 2**31 - 1,
    "POST_NMS_ROIS_INFERENCE": 20_000,
    "DETECTION_MAX_INSTANCES": 10_000,
}
#: A mean that is larger, either way, leaves nothing of a picture in float32.
LARGEST_MEAN = 1_000_000
#: What `display` shows beside the settings, and a constructor works out of them.
DERIVED = ("BATCH_SIZE", "IMAGE_META_SIZE", "IMAGE_SHAPE")
POSITIVE = ("RPN_ANCHOR_SCALES", "RPN_ANCHOR_RATIOS", "RPN_BBOX_STD_DEV", "BBOX_STD_DEV")


class ConfigError(ValueError):
    """A setting has a wrong name or value; the message names it, the value and what is allowed."""


class Config:
    """Settings of one network; subclass it or use `with_values` to change some.

    Sizes are in pixels of the molded (resized and padded) image. Class attributes keep Matterport's
    names, so that its scripts run unchanged. Source: the configuration of the original project.
    """

    NAME: str | None = ""
    GPU_COUNT = 1
    IMAGES_PER_GPU = 2
    STEPS_PER_EPOCH = 1000
    VALIDATION_STEPS = 50

    BACKBONE = "resnet101"
    COMPUTE_BACKBONE_SHAPE = None
    BACKBONE_STRIDES: Sequence[int] = (4, 8, 16, 32, 64)
    FPN_CLASSIF_FC_LAYERS_SIZE = 1024
    TOP_DOWN_PYRAMID_SIZE = 256
    NUM_CLASSES = 1

    RPN_ANCHOR_SCALES: Sequence[float] = (32, 64, 128, 256, 512)
    RPN_ANCHOR_RATIOS: Sequence[float] = (0.5, 1, 2)
    RPN_ANCHOR_STRIDE = 1
    RPN_NMS_THRESHOLD = 0.7
    RPN_TRAIN_ANCHORS_PER_IMAGE = 256
    PRE_NMS_LIMIT = 6000
    POST_NMS_ROIS_TRAINING = 2000
    POST_NMS_ROIS_INFERENCE = 1000

    USE_MINI_MASK = True
    MINI_MASK_SHAPE = (56, 56)

    IMAGE_RESIZE_MODE = "square"
    IMAGE_MIN_DIM = 800
    IMAGE_MAX_DIM = 1024
    IMAGE_MIN_SCALE: float = 0
    IMAGE_CHANNEL_COUNT = 3
    MEAN_PIXEL: Any = np.array([123.7, 116.8, 103.9])

    TRAIN_ROIS_PER_IMAGE = 200
    ROI_POSITIVE_RATIO = 0.33
    POOL_SIZE = 7
    MASK_POOL_SIZE = 14
    MASK_SHAPE = (28, 28)
    MAX_GT_INSTANCES = 100
    RPN_BBOX_STD_DEV: Any = np.array([0.1, 0.1, 0.2, 0.2])
    BBOX_STD_DEV: Any = np.array([0.1, 0.1, 0.2, 0.2])
    DETECTION_MAX_INSTANCES = 100
    DETECTION_MIN_CONFIDENCE = 0.7
    DETECTION_NMS_THRESHOLD = 0.3

    LEARNING_RATE = 0.001
    LEARNING_MOMENTUM = 0.9
    WEIGHT_DECAY = 0.0001
    LOSS_WEIGHTS: Mapping[str, float] = {
        "rpn_class_loss": 1.0,
        "rpn_bbox_loss": 1.0,
        "mrcnn_class_loss": 1.0,
        "mrcnn_bbox_loss": 1.0,
        "mrcnn_mask_loss": 1.0,
    }
    USE_RPN_ROIS = True
    TRAIN_BN: bool | None = False
    GRADIENT_CLIP_NORM = 5.0

    def __init__(self) -> None:
        self.BATCH_SIZE = self.IMAGES_PER_GPU * self.GPU_COUNT
        is_crop = self.IMAGE_RESIZE_MODE == "crop"
        side = self.IMAGE_MIN_DIM if is_crop else self.IMAGE_MAX_DIM
        self.IMAGE_SHAPE = np.array([side, side, self.IMAGE_CHANNEL_COUNT])
        self.IMAGE_META_SIZE = 1 + 3 + 3 + 4 + 1 + self.NUM_CLASSES

    @classmethod
    def with_values(cls, values: Mapping[str, object]) -> Config:
        """Return a configuration with `values` (setting name -> value) laid over this class.

        Raises ConfigError for an unknown name or a value outside of what the setting allows.
        """
        known = cls.setting_names()
        for name in values:
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                hint = f"; did you mean {close[0]}?" if close else ""
                if name in DERIVED:
                    hint = "; it follows from the others: leave it out"
                raise ConfigError(f"config: there is no setting {name!r}{hint}")
        changed = {name: _as_type_of(name, getattr(cls, name), v) for name, v in values.items()}
        config: Config = type("Config", (cls,), changed)()
        config.check()
        if "MEAN_PIXEL" in values:
            config._check_mean(values["MEAN_PIXEL"])
        return config

    @classmethod
    def setting_names(cls) -> tuple[str, ...]:
        """The names of all settings, in the order of their definition."""
        names = dict.fromkeys(n for k in reversed(cls.__mro__) for n in vars(k) if n.isupper())
        return tuple(names)

    def check(self) -> None:
        """Raise ConfigError, naming the setting, where the values cannot make a network."""
        mode = self.IMAGE_RESIZE_MODE
        if mode not in RESIZE_MODES:
            raise ConfigError(f"config: IMAGE_RESIZE_MODE is {mode!r}, not one of {RESIZE_MODES}")
        cut_by = {"square": "IMAGE_MAX_DIM", "pad64": "IMAGE_MIN_DIM", "crop": "IMAGE_MIN_DIM"}
        name = cut_by.get(mode, "")
        if name and getattr(self, name) % SIZE_MULTIPLE:
            raise ConfigError(
                f"config: {name} is {getattr(self, name)}; the mode {mode!r} needs a multiple of "
                f"{SIZE_MULTIPLE}"
            )
        if len(self.RPN_ANCHOR_SCALES) != len(self.BACKBONE_STRIDES):
            raise ConfigError(
                f"config: RPN_ANCHOR_SCALES has {len(self.RPN_ANCHOR_SCALES)} entries; "
                f"the pyramid has {len(self.BACKBONE_STRIDES)} levels"
            )
        for name in SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"config: {name} is {getattr(self, name)}; allowed is 0 to 1")
        self._check_bounds()
        for name in POSITIVE:
            given = np.asarray(getattr(self, name)).tolist()
            if np.min(given) <= 0:
                raise ConfigError(f"config: {name} is {given}; each number must be more than 0")
        given = np.asarray(self.MEAN_PIXEL).tolist()
        if np.size(self.MEAN_PIXEL) != 1:  # one number stands for all channels, as in numpy
            self._check_mean(given)
        if np.max(np.abs(given)) > LARGEST_MEAN:
            raise ConfigError(
                f"config: MEAN_PIXEL is {given}; each number must be from {-LARGEST_MEAN:,} to "
                f"{LARGEST_MEAN:,}"
            )

    def _check_bounds(self) -> None:
        for name in {**LEAST, **MOST}:
            value = getattr(self, name) or 0  # a script's None is the original's 0
            if name in LEAST and value < LEAST[name]:
                raise ConfigError(f"config: {name} is {value}; the least is {LEAST[name]}")
            if name in MOST and value > MOST[name]:
                raise ConfigError(f"config: {name} is {value}; the most is {MOST[name]:,}")

    def _check_mean(self, given: Any) -> None:
        if len(given) != channels_of(self):
            numbers = "1 number" if channels_of(self) == 1 else f"{channels_of(self)} numbers"
            raise ConfigError(
                f"config: MEAN_PIXEL is {given}; it must have {numbers}, one a channel"
            )

    def to_dict(self) -> dict[str, Any]:
        """All settings by name, upper-case attributes of scripts' subclasses included."""
        return {n: getattr(self, n) for n in sorted(dir(self)) if n.isupper()}

    def display(self) -> None:
        """Print every setting, one a line."""
        print("\nConfigurations:")
        for name, value in self.to_dict().items():
            print(f"{name:30} {value}")
        print("\n")


def channels_of(config: Config) -> int:
    """Return the channels of a picture, where the original reads them, whoever set them there."""
    return int(config.IMAGE_SHAPE[2])


def _as_type_of(name: str, default: object, value: object) -> object:
    """Return `value` in the type of the setting's default, or say why it cannot be."""
    if isinstance(default, bool):
        if not isinstance(value, bool) and not (name == "TRAIN_BN" and value is None):
            raise ConfigError(f"config: {name} is {value!r}; it must be true or false")
        return value
    if isinstance(default, int | float):
        if not _is_number(value):
            raise ConfigError(f"config: {name} is {value!r}; it must be a number")
        if isinstance(default, float) or name == "IMAGE_MIN_SCALE":
            return value
        if int(value) != value:
            raise ConfigError(f"config: {name} is {value!r}; it must be a whole number")
        return int(value)
    if isinstance(default, np.ndarray | tuple | list):
        return _as_numbers(name, default, value)
    if isinstance(default, Mapping) and not isinstance(value, Mapping):
        raise ConfigError(f"config: {name} is {value!r}; it must be a mapping")
    if isinstance(default, str) and not isinstance(value, str):
        raise ConfigError(f"config: {name} is {value!r}; it must be a text")
    return value


def _is_number(value: object) -> TypeGuard[int | float]:
    """Say whether it is one that a float holds: `isfinite` raises for a longer whole number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= sys.float_info.max


def _as_numbers(name: str, default: Sequence[float] | np.ndarray, value: object) -> object:
    entries = value.tolist() if isinstance(value, np.ndarray) else value
    if not isinstance(entries, list | tuple) or not all(map(_is_number, entries)):
        raise ConfigError(f"config: {name} is {value!r}; it must be a list of numbers")
    if isinstance(default, np.ndarray):
        if len(entries) != len(default) and name != "MEAN_PIXEL":
            raise ConfigError(f"config: {name} is {value!r}; it must have {len(default)} numbers")
        return np.array(entries, np.float64)
    return tuple(entries)

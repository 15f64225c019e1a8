"""What the demo model is and how it is trained: sizes, settings and stages, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from mrcnn.architecture import Architecture
from mrcnn.config import Config
from mrcnn.demo.scenes import CLASS_NAMES

#: Side of a scene in pixels.
SIDE = 320
#: Side that a scene is enlarged to when the model serves: worth two points of mask AP.
SERVING_SIDE = 384

ARCHITECTURE = Architecture(
    backbone="resnet26_narrow",
    num_classes=1 + len(CLASS_NAMES),
    pyramid_channels=64,
    rpn_channels=96,
    classifier_units=256,
    mask_channels=64,
)


@dataclass(frozen=True)
class Stage:
    """One part of the training: what learns, for how long, and how fast at its peak.

    `crops` trains the backbone alone, see `pretraining`; `instances` the whole network.
    """

    name: str
    learns: Literal["crops", "instances"]
    steps: int
    learning_rate: float


BATCH_SIZE = 8
WARM_UP_STEPS = 200
WEIGHT_DECAY = 1e-4
#: Object regions a picture that the mask head learns from; it needs fewer than the class head.
MASK_REGIONS = 12

STAGES = (
    Stage("backbone", "crops", steps=3000, learning_rate=2e-3),
    Stage("detector", "instances", steps=1400, learning_rate=1e-3),
    Stage("again", "instances", steps=1000, learning_rate=6e-4),
    Stage("longer", "instances", steps=6000, learning_rate=1e-3),
)


def serving_settings() -> dict[str, Any]:
    """Matterport's setting names -> values that differ from its defaults when the model serves."""
    return {
        "IMAGE_MIN_DIM": SERVING_SIDE,
        "IMAGE_MAX_DIM": SERVING_SIDE,
        "RPN_ANCHOR_SCALES": [16, 32, 64, 128, 256],
        "PRE_NMS_LIMIT": 2000,
        "POST_NMS_ROIS_INFERENCE": 300,
        "DETECTION_NMS_THRESHOLD": 0.5,
        "DETECTION_MAX_INSTANCES": 50,
    }


def training_config(side: int = SIDE) -> Config:
    """The configuration of the training."""
    return Config.with_values(
        {
            **serving_settings(),
            "IMAGE_MIN_DIM": side,
            "IMAGE_MAX_DIM": side,
            "NAME": "shapes",
            "NUM_CLASSES": ARCHITECTURE.num_classes,
            "POST_NMS_ROIS_TRAINING": 300,
            "TRAIN_ROIS_PER_IMAGE": 96,
            "MAX_GT_INSTANCES": 12,
            "TRAIN_BN": True,
        }
    )

"""What an old script has of its own: a config for `tests.mrcnn.tiny`'s network, and a photo."""

from __future__ import annotations

import numpy as np

from mrcnn.config import Config


class TinyConfig(Config):
    NAME = "Tiny"
    BACKBONE = "resnet26_narrow"
    GPU_COUNT = 1
    IMAGES_PER_GPU = 1
    NUM_CLASSES = 1 + 4
    IMAGE_MIN_DIM = 64
    IMAGE_MAX_DIM = 128
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    PRE_NMS_LIMIT = 500
    POST_NMS_ROIS_INFERENCE = 100
    DETECTION_MIN_CONFIDENCE = 0.25


def photo(height: int, width: int) -> np.ndarray:
    blotches = np.random.default_rng(4).integers(0, 256, (-(-height // 8), -(-width // 8), 3))
    return blotches.repeat(8, 0).repeat(8, 1)[:height, :width].astype(np.uint8)

"""Photo to network input against the goldens: pixels, meta, window, anchors; no network needed."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from mrcnn.anchors import normalize_boxes, pyramid_anchors
from mrcnn.molding import Molded, compose_image_meta, mold_image, subtract_mean
from tests.mrcnn.goldens.golden import Golden

pytestmark = pytest.mark.goldens


@pytest.fixture
def molded(golden: Golden) -> Molded:
    settings = golden.settings
    return mold_image(
        golden.photo,
        mode=settings["IMAGE_RESIZE_MODE"],
        min_dim=settings["IMAGE_MIN_DIM"],
        max_dim=settings["IMAGE_MAX_DIM"],
        min_scale=settings["IMAGE_MIN_SCALE"],
    )


def test_photo_decodes_to_the_pixels_that_the_reference_saw(golden: Golden):
    assert hashlib.sha256(golden.photo.tobytes()).hexdigest() == golden.info["pixels_sha256"]


def test_molded_photo_is_equal_bit_for_bit(golden: Golden, molded: Molded):
    pixels = subtract_mean(molded.pixels, golden.settings["MEAN_PIXEL"])[None]
    assert golden.error("molded", pixels) == 0


def test_meta_and_window_are_equal(golden: Golden, molded: Molded):
    meta = compose_image_meta(
        image_id=0,
        original_shape=molded.original_shape,
        molded_shape=molded.pixels.shape,
        window=molded.window,
        scale=molded.scale,
        active_class_ids=[0] * golden.info["settings"]["NUM_CLASSES"],
    )
    assert np.abs(meta - golden["image_meta"]).max() <= 1e-6
    assert list(molded.window) == golden["window"].tolist()


def test_anchors_are_equal_to_a_millionth(golden: Golden, molded: Molded):
    settings = golden.settings
    boxes = pyramid_anchors(
        molded.pixels.shape,
        settings["RPN_ANCHOR_SCALES"],
        settings["RPN_ANCHOR_RATIOS"],
        settings["BACKBONE_STRIDES"],
        settings["RPN_ANCHOR_STRIDE"],
    )
    anchors = normalize_boxes(boxes, molded.pixels.shape)
    assert golden.error("anchors", anchors) <= 1e-6
    assert np.abs(anchors.sum(axis=0, dtype=np.float64) - golden["anchors_sum"]).max() < 1e-2

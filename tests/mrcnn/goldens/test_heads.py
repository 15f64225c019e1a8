"""The heads alone: fed with the goldens' own proposals and boxes, where nothing can swap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from mrcnn.molding import mold_image
from tests.mrcnn.goldens.golden import Golden

pytestmark = pytest.mark.goldens


@dataclass(frozen=True)
class Heads:
    """What the heads made of a golden file's proposals and boxes."""

    golden: Golden
    probabilities: np.ndarray  # [regions, classes]
    deltas: np.ndarray  # [regions, classes, 4]
    masks: np.ndarray  # [detections, 28, 28]
    detections: np.ndarray  # [100, 6]


@pytest.fixture(scope="module")
def heads(golden: Golden, networks: Callable[..., Any]) -> Heads:
    import tensorflow as tf

    network = networks(golden, folded=True)
    settings = golden.settings
    molded = mold_image(
        golden.photo,
        mode=settings["IMAGE_RESIZE_MODE"],
        min_dim=settings["IMAGE_MIN_DIM"],
        max_dim=settings["IMAGE_MAX_DIM"],
    )
    height, width = molded.pixels.shape[:2]

    def compute(pixels: Any, regions: Any, detections: Any, window: Any) -> tuple[Any, ...]:
        levels = network.pyramid_of(network.mold(pixels))[1]
        shape = tf.constant([height, width])
        logits, deltas = network.classify(levels, regions, shape)
        probabilities = tf.nn.softmax(logits)
        masks = network.masks_of(levels, detections, shape)[1]
        size = tf.constant([height - 1, width - 1] * 2, tf.float32)
        normalized = (window - tf.constant([0.0, 0.0, 1.0, 1.0])) / size
        least = tf.constant(0.7)
        found, _ = network.detect_layer(regions, probabilities, deltas, normalized, least)
        return probabilities[0], deltas[0], masks, found[0]

    answers = tf.function(compute, autograph=False)(
        tf.constant(molded.pixels[None]),
        tf.constant(golden["rpn_rois"][None]),
        tf.constant(golden["detections"][None]),
        tf.constant([molded.window], tf.float32),
    )
    return Heads(golden, *(answer.numpy() for answer in answers))


def inside(golden: Golden) -> np.ndarray:
    """Return which proposals were not clipped at the border, where a crop is not continuous."""
    return (golden["rpn_rois"][:, 2:] != 1.0).all(axis=1)


def test_best_class_of_each_proposal_fits(heads: Heads):
    chosen = inside(heads.golden)
    ids, scores = heads.golden["roi_class_ids"][chosen], heads.golden["roi_scores"][chosen]
    ours = heads.probabilities[chosen]
    error = float(np.abs(ours[np.arange(len(ids)), ids] - scores).max())
    print(f"{heads.golden.name} best class: {error:.3g}")
    assert error <= 3e-4


@pytest.mark.parametrize("key", ["mrcnn_class", "mrcnn_bbox"])
def test_probabilities_and_deltas_of_the_proposals_fit(heads: Heads, key: str):
    values = heads.probabilities if key == "mrcnn_class" else heads.deltas
    assert list(values[None].shape) == list(heads.golden[f"{key}_shape"])
    places = np.arange(values.size)[:: int(heads.golden[f"{key}_step"])]
    chosen = inside(heads.golden)[places // (values.size // len(values))]
    ours, golden = values.reshape(-1)[places], heads.golden[f"{key}_sample"]
    error = float(np.abs(ours - golden)[chosen].max())
    print(f"{heads.golden.name} {key}: {error:.3g}")
    assert error <= 3e-4


def test_detections_of_the_proposals_fit_row_by_row(heads: Heads):
    ours, golden = heads.detections, heads.golden["detections"]
    assert np.array_equal(ours[:, 4], golden[:, 4])
    print(
        f"{heads.golden.name} boxes, scores: {np.abs(ours - golden).max(axis=0)[[0, 1, 2, 3, 5]]}"
    )
    assert np.abs(ours - golden).max() <= 3e-4


def test_masks_on_the_golden_boxes_fit(heads: Heads):
    error = float(np.abs(heads.masks - heads.golden["detection_masks"]).max())
    print(f"{heads.golden.name} masks: {error:.3g}")
    assert error <= 5e-4

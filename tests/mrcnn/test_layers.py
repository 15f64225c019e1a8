"""What single layers do where it is easy to be off by one: levels, borders, ties, padding."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from mrcnn.boxes import apply_deltas, box_deltas, clip_boxes, iou_matrix
from mrcnn.classifier_head import PooledDense
from mrcnn.config import Config
from mrcnn.detection_layer import DetectionLayer
from mrcnn.proposals import ProposalLayer
from mrcnn.roi_align import RoiAlign

WHOLE = tf.constant([[0.0, 0.0, 1.0, 1.0]])


def levels(side: int = 64, channels: int = 2) -> list[tf.Tensor]:
    """Return P2 to P5 of one image; each value of a level is its number."""
    return [tf.fill([1, side // 2**n, side // 2**n, channels], float(n + 2)) for n in range(4)]


@pytest.mark.parametrize(
    ("side", "level"),
    [
        pytest.param(224, 4, id="of ImageNet's size"),
        pytest.param(448, 5, id="twice as large"),
        pytest.param(112, 3, id="half as large"),
        pytest.param(56, 2, id="a quarter"),
        pytest.param(10, 2, id="no level below 2"),
        pytest.param(1000, 5, id="no level above 5"),
        pytest.param(0, 2, id="padding"),
    ],
)
def test_region_is_cut_from_the_level_of_its_size(side: int, level: int):
    regions = tf.constant([[0.0, 0.0, side / 1024, side / 1024]])
    assert RoiAlign.level_of(regions, tf.constant([1024, 1024])).numpy().tolist() == [level]


def test_regions_keep_their_order_over_the_levels():
    regions = tf.constant(
        [[0, 0, 0.9, 0.9], [0, 0, 0, 0], [0, 0, 0.1, 0.1], [0.1, 0.1, 0.5, 0.5]], tf.float32
    )
    shape = tf.constant([512, 512])
    crops = RoiAlign(3, name="align")(regions, tf.zeros([4], tf.int32), shape, levels())
    assert crops.shape == (4, 3, 3, 2)
    assert crops[:, 0, 0, 0].numpy().tolist() == [5.0, 2.0, 2.0, 4.0]


def test_region_that_ends_at_the_border_has_no_black_row():
    region = tf.constant([[0.37, 0.41, 1.0, 1.0]])
    crops = RoiAlign(7, name="align")(
        region, tf.zeros([1], tf.int32), tf.constant([256, 256]), levels()
    )
    assert float(tf.reduce_min(crops)) > 1.9


def test_region_that_is_not_a_number_reads_no_memory():
    regions = tf.constant([[np.nan, 0.0, np.nan, 1.0], [0.0, 0.0, 0.1, 0.1]])
    crops = RoiAlign(3, name="align")(
        regions, tf.zeros([2], tf.int32), tf.constant([256, 256]), levels()
    )
    assert crops.shape[0] == 2
    assert np.isfinite(crops).all()


def test_proposals_come_best_first_clipped_and_padded_with_zeros():
    config = Config.with_values({"PRE_NMS_LIMIT": 3})
    anchors = tf.constant(
        [[0.0, 0, 0.2, 0.2], [0.5, 0.5, 1.2, 0.9], [0.0, 0, 0.2, 0.21], [0.6, 0, 0.9, 0.2]]
    )
    scores = tf.constant([[0.8, 0.9, 0.7, 0.1]])
    regions = ProposalLayer(config, 4)(scores, tf.zeros([1, 4, 4]), anchors).numpy()[0]
    assert np.allclose(regions[0], [0.5, 0.5, 1.0, 0.9])
    assert np.allclose(regions[1], [0.0, 0.0, 0.2, 0.2])
    assert not regions[2:].any()  # one overlaps, one is past the limit


def detect(regions, probabilities, window=WHOLE, least=0.5, **settings):
    layer = DetectionLayer(Config.with_values({"DETECTION_MAX_INSTANCES": 4, **settings}))
    probabilities = tf.constant([probabilities], tf.float32)
    deltas = tf.zeros([1, len(regions), probabilities.shape[-1], 4])
    found, told = layer(
        tf.constant([regions], tf.float32), probabilities, deltas, window, tf.constant(least)
    )
    assert found.shape == (1, 4, 6)
    assert told.shape == (1, 4, probabilities.shape[-1])
    # Each one's own: its score is that of its class, and padding has none.
    classes = found[0, :, 4].numpy().astype(int)
    assert np.array_equal(found[0, :, 5], told.numpy()[0][np.arange(4), classes])
    assert np.array_equal(told.numpy()[0].argmax(axis=1), classes)
    return found.numpy()[0]


FOUR = [[0, 0, 0.2, 0.2], [0.5, 0, 0.7, 0.2], [0, 0.5, 0.2, 0.7], [0.5, 0.5, 0.7, 0.7]]


def test_equal_scores_go_to_the_earlier_region():
    found = detect(FOUR, [[0.2, 0.8]] * 4, DETECTION_MAX_INSTANCES=4)
    assert np.allclose(found[:, :4], FOUR)


def test_detections_come_best_first_without_background_and_weak_ones():
    found = detect(FOUR, [[0.4, 0.6], [0.9, 0.1], [0.1, 0.9], [0.51, 0.49]])
    assert np.allclose(found[:2, 4:], [[1, 0.9], [1, 0.6]])
    assert np.allclose(found[:2, :4], [FOUR[2], FOUR[0]])
    assert not found[2:].any()


def test_boxes_suppress_each_other_within_a_class_only():
    near = [[0, 0, 0.2, 0.2], [0, 0, 0.2, 0.21], [0, 0, 0.21, 0.2]]
    found = detect(near, [[0, 0.9, 0.1], [0, 0.8, 0.2], [0, 0.3, 0.7]])
    assert found[:, 4].tolist() == [1, 2, 0, 0]


def test_detections_are_clipped_to_the_window():
    window = tf.constant([[0.25, 0.0, 0.75, 1.0]])
    found = detect([[0.0, 0.1, 0.9, 0.4]], [[0.0, 1.0]], window=window)
    assert np.allclose(found[0, :4], [0.25, 0.1, 0.75, 0.4])


def test_score_of_exactly_the_least_is_enough():
    assert detect(FOUR[:1], [[0.5, 0.5]], least=0.5)[:, 4].tolist() == [0] * 4
    assert detect(FOUR[:1], [[0.25, 0.75]], least=0.75)[:, 4].tolist() == [1, 0, 0, 0]


def test_pooled_dense_is_the_valid_convolution():
    x = np.random.default_rng(0).normal(size=(5, 7, 7, 6)).astype(np.float32)
    dense, conv = PooledDense(8, name="dense"), keras.layers.Conv2D(8, 7)
    conv(x)
    dense(x)
    dense.set_weights([array + 0.1 for array in conv.get_weights()])
    conv.set_weights(dense.get_weights())
    assert np.abs(dense(x) - conv(x)[:, 0, 0]).max() < 1e-4


def test_deltas_take_a_box_to_its_target_and_back():
    boxes = tf.constant([[0.1, 0.2, 0.5, 0.4], [0.0, 0.0, 1.0, 0.5]])
    targets = tf.constant([[0.2, 0.1, 0.7, 0.8], [0.1, 0.1, 0.2, 0.2]])
    assert np.allclose(apply_deltas(boxes, box_deltas(boxes, targets)), targets, atol=1e-6)


def test_box_outside_of_the_window_keeps_no_area():
    box = clip_boxes(tf.constant([[0.8, 0.8, 0.9, 0.9]]), tf.constant([0.0, 0.0, 0.5, 1.0]))
    assert np.allclose(box, [[0.5, 0.8, 0.5, 0.9]])


def test_box_without_area_overlaps_nothing():
    boxes = tf.constant([[0.0, 0.0, 0.5, 0.5], [0.2, 0.2, 0.2, 0.2]])
    assert np.allclose(iou_matrix(boxes, boxes), [[1, 0], [0, 0]])

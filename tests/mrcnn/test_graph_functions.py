"""Matterport's functions on tensors: results worked out by hand."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import mrcnn.model as modellib
from mrcnn import utils
from tests.mrcnn.tiny_script import TinyConfig

BOXES = np.array([[0.1, 0.1, 0.3, 0.5], [0, 0, 0, 0], [0.5, 0.2, 0.9, 0.4]], np.float32)


def test_boxes_are_shifted_scaled_and_clipped():
    deltas = tf.constant([[0.5, 0.0, np.log(2.0), 0.0]], tf.float32)
    moved = modellib.apply_box_deltas_graph(tf.constant(BOXES[:1]), deltas)
    assert np.allclose(moved, [[0.1, 0.1, 0.5, 0.5]])
    clipped = modellib.clip_boxes_graph(moved, np.array([0.2, 0, 0.4, 1], np.float32))
    assert np.allclose(clipped, [[0.2, 0.1, 0.4, 0.5]])


def test_overlaps_are_shares_of_the_union():
    others = tf.constant([[0.1, 0.3, 0.3, 0.7], [0, 0, 0, 0]], tf.float32)
    overlaps = modellib.overlaps_graph(tf.constant(BOXES[:1]), others)
    assert np.allclose(overlaps, [[1 / 3, 0]])


def test_boxes_go_to_fractions_and_back():
    pixels = np.array([[0, 0, 100, 200], [10, 20, 30, 40]])
    fractions = modellib.norm_boxes_graph(tf.constant(pixels), [100, 200])
    assert np.allclose(fractions, utils.norm_boxes(pixels, (100, 200)))
    assert np.array_equal(modellib.denorm_boxes_graph(fractions, [100, 200]), pixels)


def test_padding_is_trimmed_and_rows_are_packed():
    trimmed, used = modellib.trim_zeros_graph(tf.constant(BOXES))
    assert np.array_equal(trimmed, BOXES[[0, 2]])
    assert np.array_equal(used, [True, False, True])
    rows = tf.reshape(tf.range(6), [2, 3])
    assert np.array_equal(modellib.batch_pack_graph(rows, tf.constant([1, 2]), 2), [0, 3, 4])


def test_meta_is_taken_apart_as_in_numpy():
    meta = modellib.compose_image_meta(7, (10, 20, 3), (64, 64, 3), (1, 2, 3, 4), 0.5, [0, 1])[None]
    parts = modellib.parse_image_meta_graph(tf.constant(meta, tf.float32))
    expected = modellib.parse_image_meta(meta)
    assert parts.keys() == expected.keys()
    assert all(np.array_equal(parts[name], expected[name]) for name in parts)


def test_logarithm_is_of_base_two():
    assert np.allclose(modellib.log2_graph(tf.constant([8.0, 0.25])), [3, -2])


def test_detections_keep_the_best_of_each_class():
    rois = tf.constant(
        [[0, 0, 0.5, 0.5], [0, 0, 0.5, 0.52], [0, 0, 0.5, 0.5], [0.6, 0.6, 0.9, 0.9]]
    )
    probabilities = tf.constant(
        [[0.1, 0.9, 0.0], [0.2, 0.8, 0.0], [0.3, 0.0, 0.7], [0.9, 0.1, 0.0]]
    )
    deltas, window = tf.zeros([4, 3, 4]), tf.constant([0.0, 0.0, 0.4, 1.0])
    found = modellib.refine_detections_graph(rois, probabilities, deltas, window, TinyConfig())
    assert found.shape == (100, 6)
    assert np.allclose(found[:2], [[0, 0, 0.4, 0.5, 1, 0.9], [0, 0, 0.4, 0.5, 2, 0.7]])
    assert not np.any(found[2:])


def test_anchor_losses_count_what_is_used():
    match = tf.constant([[[1], [0], [-1]]])
    logits = tf.constant([[[0.0, 0.0], [9.0, 0.0], [0.0, 0.0]]])
    assert np.allclose(modellib.rpn_class_loss_graph(match, logits), np.log(2))
    deltas = tf.constant([[[1.0, 0, 0, 0], [7, 7, 7, 7], [7, 7, 7, 7]]])
    target = tf.constant([[[1.5, 2.0, 0, 0], [9, 9, 9, 9]]])
    loss = modellib.rpn_bbox_loss_graph(TinyConfig(), target, match, deltas)
    assert np.allclose(loss, (0.5 * 0.5**2 + (2 - 0.5)) / 4)


def test_anchor_losses_of_nothing_are_zero():
    match = tf.zeros([1, 3, 1], tf.int32)
    assert float(modellib.rpn_class_loss_graph(match, tf.zeros([1, 3, 2]))) == 0
    target, deltas = tf.zeros([1, 2, 4]), tf.zeros([1, 3, 4])
    assert float(modellib.rpn_bbox_loss_graph(TinyConfig(), target, match, deltas)) == 0


def test_class_loss_leaves_out_regions_taken_for_inactive_classes():
    logits = tf.constant([[[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]])
    ids, active = tf.constant([[1, 1]]), tf.constant([[1, 1, 0]])
    loss = modellib.mrcnn_class_loss_graph(ids, logits, active)
    assert np.allclose(loss, -np.log(np.e / (np.e + 2)))


def test_head_losses_look_at_the_own_class_of_objects():
    ids = tf.constant([[2, 0]])
    predicted = np.zeros((1, 2, 3, 4), np.float32)
    predicted[0, 0, 2] = [1, 0, 0, 3]
    predicted[0, 1] = 5
    loss = modellib.mrcnn_bbox_loss_graph(tf.zeros([1, 2, 4]), ids, tf.constant(predicted))
    assert np.allclose(loss, (0.5 + 2.5) / 4)
    masks = np.full((1, 2, 1, 2, 3), 0.9, np.float32)
    masks[0, 0, 0, :, 2] = [0.5, 0.25]
    target = tf.constant([[[[1.0, 0.0]], [[1.0, 1.0]]]])
    loss = modellib.mrcnn_mask_loss_graph(target, ids, tf.constant(masks))
    assert np.allclose(loss, -(np.log(0.5) + np.log(0.75)) / 2)


class FewRegions(TinyConfig):
    TRAIN_ROIS_PER_IMAGE = 6
    ROI_POSITIVE_RATIO = 0.5
    MASK_SHAPE = (4, 4)


@pytest.mark.parametrize("mini", [False, True], ids=["full", "mini"])
def test_targets_are_those_of_the_object_a_region_lies_on(mini: bool):
    config = FewRegions()
    config.USE_MINI_MASK = mini
    boxes = np.array([[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1], [0, 0, 0, 0]], np.float32)
    masks = np.zeros((2, 2, 3) if mini else (64, 64, 3), bool)
    masks[: 1 if mini else 16, :, 0] = True  # the upper half of its box
    masks[..., 1] = True
    proposals = np.array([[0, 0, 0.5, 0.5], [0, 0.5, 0.4, 0.9], [0, 0, 0, 0]], np.float32)
    rois, class_ids, deltas, cut = modellib.detection_targets_graph(
        *map(tf.constant, (proposals, [3, 4, 0], boxes, masks)), config
    )
    assert np.array_equal(rois[:2], proposals[:2])
    assert not np.any(rois[2:])
    assert np.array_equal(class_ids, [3, 0, 0, 0, 0, 0])
    assert not np.any(deltas)
    assert cut.shape == (6, 4, 4)
    assert np.array_equal(cut[0, 0], [1, 1, 1, 1])
    assert np.array_equal(cut[0, 3], [0, 0, 0, 0])


def test_regions_in_a_crowd_are_not_background():
    config = FewRegions()
    config.USE_MINI_MASK = False
    boxes = tf.constant([[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]], tf.float32)
    proposals = tf.constant([[0, 0, 0.5, 0.5], [0.6, 0.6, 0.8, 0.8], [0, 0.6, 0.4, 0.9]])
    ids, masks = tf.constant([2, -1]), tf.ones([64, 64, 2], tf.bool)
    rois, class_ids, *_ = modellib.detection_targets_graph(proposals, ids, boxes, masks, config)
    assert np.array_equal(rois[:3], [proposals[0], proposals[2], [0, 0, 0, 0]])
    assert np.array_equal(class_ids[:2], [2, 0])


def test_proposal_layer_takes_lists_and_the_anchors_of_each_image():
    config = TinyConfig()
    anchors = tf.constant([[[0, 0, 0.5, 0.5], [0.5, 0.5, 1.2, 1.2]]] * 2, tf.float32)
    scores = tf.constant([[[0.1, 0.9], [0.8, 0.2]], [[0.9, 0.1], [0.2, 0.8]]])
    layer = modellib.ProposalLayer(proposal_count=3, nms_threshold=0.5, config=config, name="ROI")
    found = layer([scores, tf.zeros([2, 2, 4]), anchors])
    assert np.allclose(found[0], [[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1], [0, 0, 0, 0]])
    assert np.allclose(found[1, 0], [0.5, 0.5, 1, 1])


def test_align_layer_reads_the_size_from_the_meta():
    maps = [
        tf.fill([1, side, side, 2], float(level)) for level, side in enumerate((32, 16, 8, 4), 2)
    ]
    meta = modellib.compose_image_meta(0, (9, 9, 3), (128, 128, 3), (0, 0, 128, 128), 1, [0] * 5)
    boxes = tf.constant([[[0, 0, 0.1, 0.1], [0, 0, 0.99, 0.99]]])
    layer = modellib.PyramidROIAlign([3, 3], name="align")
    crops = layer([boxes, tf.constant(meta[None], tf.float32), *maps])
    assert crops.shape == (1, 2, 3, 3, 2)
    assert np.allclose(crops[0, :, 0, 0, 0], [2, 3])  # 128 px: a level below that of 224 px
    with pytest.raises(ValueError, match=r"pool_shape is \[3, 4\]"):
        modellib.PyramidROIAlign([3, 4])


def test_builders_make_the_layers_that_weight_files_name():
    image = keras.Input((64, 64, 3))
    maps = modellib.resnet_graph(image, "resnet26_narrow", stage5=True, train_bn=False)
    assert [x.shape[1:] for x in maps] == [
        (16, 16, 16),
        (16, 16, 64),
        (8, 8, 128),
        (4, 4, 256),
        (2, 2, 384),
    ]
    names = {layer.name for layer in keras.Model(image, maps).layers}
    assert {"conv1", "bn_conv1", "res3b_branch2c", "bn5a_branch1", "res5b_out"} <= names
    assert modellib.resnet_graph(image, "resnet26_narrow", stage5=False)[4] is None
    with pytest.raises(ValueError, match=r"architecture is 'vgg'; there are resnet50"):
        modellib.resnet_graph(image, "vgg")


def test_blocks_and_heads_are_built_for_networks_of_ones_own():
    x = keras.Input((16, 16, 64))
    block = modellib.conv_block(x, 3, [8, 8, 32], stage=9, block="a", strides=(2, 2))
    block = modellib.identity_block(block, 3, [8, 8, 32], stage=9, block="b", use_bias=False)
    assert block.shape == (None, 8, 8, 32)
    rpn = modellib.build_rpn_model(1, 3, 64)
    assert [output.shape for output in rpn(x)] == [(None, None, 2)] * 2 + [(None, None, 4)]
    rois, meta = keras.Input((10, 4)), keras.Input((17,))
    maps = [x] * 4
    outputs = modellib.fpn_classifier_graph(rois, maps, meta, 7, 5, False, fc_layers_size=12)
    assert [output.shape for output in outputs] == [(None, 10, 5), (None, 10, 5), (None, 10, 5, 4)]
    masks = modellib.build_fpn_mask_graph(rois, maps, meta, 14, 5)
    assert masks.shape == (None, 10, 28, 28, 5)

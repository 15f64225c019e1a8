"""The five losses, against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from mrcnn.training import losses


def test_smooth_l1_is_quadratic_near_and_linear_far() -> None:
    values = losses.smooth_l1(tf.zeros(4), tf.constant([0.5, -0.5, 2.0, -3.0]))
    np.testing.assert_allclose(values, [0.125, 0.125, 1.5, 2.5])


def test_anchors_not_used_cost_nothing() -> None:
    match = tf.constant([[1, -1, 0]])
    logits = tf.constant([[[0.0, 0.0], [0.0, 0.0], [100.0, -100.0]]])
    assert math.isclose(float(losses.rpn_class_loss(match, logits)), math.log(2), rel_tol=1e-6)


def test_background_anchors_have_no_box_loss() -> None:
    match = tf.constant([[1, -1]])
    target = tf.zeros([1, 2, 4])
    deltas = tf.constant([[[2.0, 0, 0, 0], [9.0, 9, 9, 9]]])
    assert math.isclose(float(losses.rpn_bbox_loss(match, target, deltas)), 1.5 / 4)


def test_box_and_mask_losses_look_at_the_own_class_only() -> None:
    class_ids = tf.constant([2, 0])
    deltas = np.full((2, 3, 4), 50.0, np.float32)
    deltas[0, 2] = 0.5
    assert math.isclose(float(losses.bbox_loss(class_ids, tf.zeros([2, 4]), deltas)), 0.125)
    logits = np.full((2, 2, 2, 3), 50.0, np.float32)
    logits[0, :, :, 2] = 0.0
    loss = losses.mask_loss(class_ids, tf.zeros([2, 2, 2]), tf.constant(logits))
    assert math.isclose(float(loss), math.log(2), rel_tol=1e-6)


def test_a_step_without_objects_costs_zero_not_nan() -> None:
    nothing = tf.constant([0, 0])
    assert float(losses.bbox_loss(nothing, tf.zeros([2, 4]), tf.zeros([2, 3, 4]))) == 0
    assert float(losses.mask_loss(nothing, tf.zeros([2, 2, 2]), tf.zeros([2, 2, 2, 3]))) == 0
    assert (
        float(losses.rpn_bbox_loss(tf.constant([[-1]]), tf.zeros([1, 1, 4]), tf.zeros([1, 1, 4])))
        == 0
    )

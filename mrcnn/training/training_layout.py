"""Lays a network out as the Keras model that Matterport trained: truth in, losses out.

For scripts that look at it; `mrcnn.training.trainer` trains without it.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from mrcnn.graph_builders import Parts
from mrcnn.graph_functions import norm_boxes_graph, parse_image_meta_graph
from mrcnn.layout import Layout, Trunk, classifier, image_inputs, masks, parts_of, regions, trunk
from mrcnn.network import MaskRCNNNetwork
from mrcnn.training import graph_losses
from mrcnn.training.graph_targets import DetectionTargetLayer

Tensor = Any  # symbolic, of Keras


@dataclass(frozen=True)
class Truth:
    """The inputs that a training step has beside images and metas."""

    match: Tensor  # [batch, anchors, 1]
    deltas: Tensor  # [batch, RPN_TRAIN_ANCHORS_PER_IMAGE, 4]
    class_ids: Tensor  # [batch, instances]
    boxes: Tensor  # [batch, instances, 4] pixels
    masks: Tensor  # [batch, height, width, instances]

    @property
    def inputs(self) -> list[Tensor]:
        return [self.match, self.deltas, self.class_ids, self.boxes, self.masks]


class Anchors(keras.layers.Layer):
    """The anchors of a training image, normalized, once for each image of a batch."""

    def __init__(self, network: MaskRCNNNetwork, **options: Any) -> None:
        super().__init__(**options)
        height, width = (int(side) for side in network.config.IMAGE_SHAPE[:2])
        self.boxes = network.anchors_of((height, width))

    def call(self, images: tf.Tensor) -> tf.Tensor:
        return tf.tile(tf.constant(self.boxes)[None], [tf.shape(images)[0], 1, 1])

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (input_shape[0], *self.boxes.shape)


def training_layout(network: MaskRCNNNetwork) -> Layout:
    """Lay a network out for training; inputs and outputs are in the original's order."""
    config = network.config
    image, metas = image_inputs(network)
    truth, parts = _truth_inputs(network), parts_of(network)
    boxes = _normalized(parts, truth.boxes, image)
    found = trunk(network, image, parts=parts, train_bn=config.TRAIN_BN)
    rois, nodes = regions(
        found, Anchors(network, name="anchors")(image), int(config.POST_NMS_ROIS_TRAINING)
    )
    extra, proposals = [], rois
    if not config.USE_RPN_ROIS:
        extra = [keras.Input((int(config.POST_NMS_ROIS_TRAINING), 4), name="input_roi")]
        proposals = _normalized(parts, extra[0], image)
    targets = DetectionTargetLayer(config, name="proposal_targets")(
        [proposals, truth.class_ids, boxes, truth.masks]
    )
    logits, probabilities, deltas = classifier(found, targets[0], metas)
    mask = masks(found, targets[0], metas)
    outputs = [
        *(found.logits, found.probabilities, found.deltas),
        *(logits, probabilities, deltas, mask, rois),
        keras.layers.Identity(name="output_rois")(targets[0]),
        *_losses(found, truth, targets, (metas, logits, deltas, mask)),
    ]
    model = keras.Model([image, metas, *truth.inputs, *extra], outputs, name="mask_rcnn")
    return Layout(model, nodes)


def _truth_inputs(network: MaskRCNNNetwork) -> Truth:
    config = network.config
    sides = config.MINI_MASK_SHAPE if config.USE_MINI_MASK else config.IMAGE_SHAPE
    return Truth(
        keras.Input((None, 1), name="input_rpn_match", dtype="int32"),
        keras.Input((None, 4), name="input_rpn_bbox"),
        keras.Input((None,), name="input_gt_class_ids", dtype="int32"),
        keras.Input((None, 4), name="input_gt_boxes"),
        keras.Input((int(sides[0]), int(sides[1]), None), name="input_gt_masks", dtype="bool"),
    )


def _normalized(parts: Parts, boxes: Tensor, image: Tensor) -> Tensor:
    layer = keras.layers.Lambda(
        lambda pair: norm_boxes_graph(pair[0], tf.shape(pair[1])[1:3]),
        output_shape=boxes.shape[1:],
        name=parts.unnamed("lambda"),
    )
    return layer([boxes, image])


def _losses(
    found: Trunk, truth: Truth, targets: list[Tensor], heads: tuple[Tensor, ...]
) -> list[Tensor]:
    """Add the five losses, each a layer of its name."""
    _, class_ids, target_deltas, target_masks = targets
    metas, logits, deltas, mask = heads
    active = keras.layers.Lambda(
        lambda meta: parse_image_meta_graph(meta)["active_class_ids"],
        output_shape=(found.network.architecture.num_classes,),
        name=found.parts.unnamed("lambda"),
    )(metas)

    wanted: dict[str, tuple[Any, list[Tensor]]] = {
        "rpn_class_loss": (graph_losses.rpn_class_loss_graph, [truth.match, found.logits]),
        "rpn_bbox_loss": (
            functools.partial(graph_losses.rpn_bbox_loss_graph, found.network.config),
            [truth.deltas, truth.match, found.deltas],
        ),
        "mrcnn_class_loss": (graph_losses.mrcnn_class_loss_graph, [class_ids, logits, active]),
        "mrcnn_bbox_loss": (
            graph_losses.mrcnn_bbox_loss_graph,
            [target_deltas, class_ids, deltas],
        ),
        "mrcnn_mask_loss": (graph_losses.mrcnn_mask_loss_graph, [target_masks, class_ids, mask]),
    }
    return [Loss(function, name=name)(inputs) for name, (function, inputs) in wanted.items()]


class Loss(keras.layers.Layer):
    """A loss of a list of tensors: a scalar."""

    def __init__(self, function: Any, **options: Any) -> None:
        super().__init__(**options)
        self.function = function

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        return self.function(*inputs)

    def compute_output_shape(self, input_shape: Any) -> tuple[int, ...]:
        return ()

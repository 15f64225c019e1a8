"""The whole network: from molded images to detections and masks.

One class holds the layers; training (`mrcnn.training`) and inference share them. Nothing here reads
files or resizes images.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from mrcnn.anchors import anchors_for, normalize_boxes
from mrcnn.architecture import Architecture
from mrcnn.backbone import Backbone
from mrcnn.classifier_head import ClassifierHead
from mrcnn.config import Config
from mrcnn.detection_layer import DetectionLayer
from mrcnn.feature_pyramid import FeaturePyramid
from mrcnn.mask_head import MaskHead
from mrcnn.precision import single_precision
from mrcnn.proposals import ProposalLayer
from mrcnn.roi_align import RoiAlign
from mrcnn.rpn import RegionProposalHead


class Stages(NamedTuple):
    """Everything that one pass computes, in the order of computing it."""

    molded: tf.Tensor  # [batch, height, width, channels] mean subtracted
    maps: list[tf.Tensor]  # C2 .. C5
    levels: list[tf.Tensor]  # P2 .. P6
    rpn_class: tf.Tensor  # [batch, anchors, 2] probabilities
    rpn_bbox: tf.Tensor  # [batch, anchors, 4]
    regions: tf.Tensor  # [batch, regions, 4] normalized
    mrcnn_class: tf.Tensor  # [batch, regions, classes] probabilities
    mrcnn_bbox: tf.Tensor  # [batch, regions, classes, 4]
    detections: tf.Tensor  # [batch, instances, 6] y1 x1 y2 x2 class score, zero-padded
    probabilities: tf.Tensor  # [batch, instances, classes] of each detection, zero-padded
    image_indices: tf.Tensor  # [kept] int32
    masks: tf.Tensor  # [kept, side, side] of each kept detection's class


class MaskRCNNNetwork(keras.Model):
    """Mask R-CNN with a residual backbone and a feature pyramid.

    Args:
        architecture: the sizes that the weights fix.
        config: the settings that may be chosen for them.
        folded: build without batch normalizations, for weights that have them folded in.

    Reference: He et al., Mask R-CNN, 2017.
    """

    @single_precision()
    def __init__(self, architecture: Architecture, config: Config, *, folded: bool = False) -> None:
        super().__init__(name="mask_rcnn")
        self.architecture, self.config, self.folded = architecture, config, folded
        a = architecture
        self.backbone = Backbone(a.backbone_spec, folded=folded)
        self.pyramid = FeaturePyramid(a.pyramid_channels)
        self.rpn = RegionProposalHead(
            a.rpn_channels, a.anchors_per_location, int(config.RPN_ANCHOR_STRIDE)
        )
        self.propose = ProposalLayer(config, int(config.POST_NMS_ROIS_INFERENCE))
        self.align_classifier = RoiAlign(a.classifier_pool, name="roi_align_classifier")
        self.classifier = ClassifierHead(a.classifier_units, a.num_classes, folded=folded)
        self.detect_layer = DetectionLayer(config)
        self.align_mask = RoiAlign(int(config.MASK_POOL_SIZE), name="roi_align_mask")
        self.mask_head = MaskHead(a.mask_channels, a.num_classes, folded=folded)
        self.anchors_of = functools.lru_cache(maxsize=2)(self._anchors_of)  # 4 MB for 1024 x 1024
        self._create_weights()

    def _create_weights(self) -> None:
        """Run each part once on a tiny input, so that every variable exists."""
        architecture = self.architecture
        levels = self.pyramid(self.backbone(tf.zeros([1, 64, 64, architecture.input_channels])))
        self.rpn(levels)
        side, channels = architecture.classifier_pool, architecture.pyramid_channels
        self.classifier(tf.zeros([1, side, side, channels]))
        self.mask_head(tf.zeros([1, 2, 2, channels]))
        self.built = True

    def gives_numbers(self) -> bool:
        """Run every part on a small picture of noise; say whether all that comes out is finite."""
        shape = 64, 64
        size = (1, *shape, self.architecture.input_channels)
        noise = np.random.default_rng(0).integers(0, 256, size, np.uint8)
        _, levels = self.pyramid_of(self.mold(tf.constant(noise)))
        whole = tf.constant([[[0.0, 0.0, 1.0, 1.0]]])
        outputs = [
            *self.rpn(levels),
            *self.classify(levels, whole, tf.constant(shape)),
            self.mask_logits(levels, whole[0], tf.zeros([1], tf.int32), tf.constant(shape)),
        ]
        return all(bool(tf.reduce_all(tf.math.is_finite(output))) for output in outputs)

    def _anchors_of(self, image_shape: tuple[int, int]) -> np.ndarray:
        return normalize_boxes(anchors_for(image_shape, self.config), image_shape)

    def mold(self, pixels: tf.Tensor) -> tf.Tensor:
        """Subtract the mean colour: [batch, height, width, channels] uint8 -> float32.

        Computed in float64 as the original does; a float32 mean is one unit in the last place off.
        """
        mean = tf.constant(np.asarray(self.config.MEAN_PIXEL, np.float64))
        return tf.cast(tf.cast(pixels, tf.float64) - mean, tf.float32)

    def pyramid_of(
        self, molded: tf.Tensor, training: bool = False
    ) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        """Backbone and pyramid: (C2 .. C5, P2 .. P6)."""
        maps = self.backbone(molded, training=training)
        return maps, self.pyramid(maps)

    def classify(
        self,
        levels: list[tf.Tensor],
        regions: tf.Tensor,
        image_shape: tf.Tensor,
        training: bool = False,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Class logits [batch, regions, classes] and deltas [batch, regions, classes, 4]."""
        shape = tf.shape(regions)
        indices = tf.repeat(tf.range(shape[0]), shape[1])
        pooled = self.align_classifier(
            tf.reshape(regions, [-1, 4]), indices, image_shape, levels[:4]
        )
        logits, deltas = self.classifier(pooled, training=training)
        classes = self.architecture.num_classes
        return (
            tf.reshape(logits, [shape[0], shape[1], classes]),
            tf.reshape(deltas, [shape[0], shape[1], classes, 4]),
        )

    def mask_logits(
        self,
        levels: list[tf.Tensor],
        boxes: tf.Tensor,
        image_indices: tf.Tensor,
        image_shape: tf.Tensor,
        training: bool = False,
    ) -> tf.Tensor:
        """Mask logits [boxes, side, side, classes] of `boxes` [boxes, 4] normalized."""
        pooled = self.align_mask(boxes, image_indices, image_shape, levels[:4])
        return self.mask_head(pooled, training=training)

    def masks_of(
        self, levels: list[tf.Tensor], detections: tf.Tensor, image_shape: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Masks of the detections that are not padding: (image indices, [kept, side, side]).

        Where there is none, padding goes through the mask head and is dropped: what TensorFlow's
        fused convolution makes of no region has its input's channels, which the next one refuses.
        """
        place = tf.cast(tf.where(detections[..., 4] > 0), tf.int32)  # [kept, 2] image, rank
        count = tf.shape(place)[0]
        place = tf.pad(place, [[0, tf.cast(count == 0, tf.int32)], [0, 0]])
        kept = tf.gather_nd(detections, place)
        image_indices = place[:, 0]
        logits = self.mask_logits(levels, kept[:, :4], image_indices, image_shape)
        logits = tf.transpose(logits, [0, 3, 1, 2])
        chosen = tf.gather(logits, tf.cast(kept[:, 4], tf.int32), batch_dims=1)
        return image_indices[:count], tf.sigmoid(chosen)[:count]

    def stages(
        self,
        pixels: tf.Tensor,
        windows: tf.Tensor,
        min_confidence: tf.Tensor,
        anchors: tf.Tensor | None = None,
    ) -> Stages:
        """Run inference and return every intermediate result.

        Args:
            pixels: [batch, height, width, channels] uint8 molded images; static height and width.
            windows: [batch, 4] float32 y1 x1 y2 x2 in pixels, the part that is not padding.
            min_confidence: float32 scalar.
            anchors: [anchors, 4] normalized, where height and width are not static.
        """
        if anchors is None:
            height, width = int(pixels.shape[1]), int(pixels.shape[2])
            shape = tf.constant([height, width])
            anchors = tf.constant(self.anchors_of((height, width)))
        else:
            shape = tf.shape(pixels)[1:3]
        molded = self.mold(pixels)
        maps, levels = self.pyramid_of(molded)
        rpn_logits, rpn_bbox = self.rpn(levels)
        rpn_class = tf.nn.softmax(rpn_logits)
        regions = self.propose(rpn_class[..., 1], rpn_bbox, anchors)
        logits, deltas = self.classify(levels, regions, shape)
        probabilities = tf.nn.softmax(logits)
        size = tf.cast(tf.tile(shape - 1, [2]), tf.float32)
        normalized = (windows - tf.constant([0.0, 0.0, 1.0, 1.0])) / size
        detections, kept = self.detect_layer(
            regions, probabilities, deltas, normalized, min_confidence
        )
        image_indices, masks = self.masks_of(levels, detections, shape)
        return Stages(
            molded,
            maps,
            levels,
            rpn_class,
            rpn_bbox,
            regions,
            probabilities,
            deltas,
            detections,
            kept,
            image_indices,
            masks,
        )

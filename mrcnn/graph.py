"""Every function and layer of Matterport's `mrcnn.model` that builds, trains or feeds a network.

Gathered for `mrcnn.model`, which gives them out under its name.
"""

from __future__ import annotations

from mrcnn.graph_builders import (
    build_fpn_mask_graph,
    build_rpn_model,
    conv_block,
    fpn_classifier_graph,
    identity_block,
    resnet_graph,
    rpn_graph,
)
from mrcnn.graph_functions import (
    apply_box_deltas_graph,
    batch_pack_graph,
    clip_boxes_graph,
    denorm_boxes_graph,
    log2_graph,
    norm_boxes_graph,
    overlaps_graph,
    parse_image_meta_graph,
    refine_detections_graph,
    trim_zeros_graph,
)
from mrcnn.graph_layers import BatchNorm, DetectionLayer, ProposalLayer, PyramidROIAlign
from mrcnn.training.generators import DataGenerator, data_generator
from mrcnn.training.graph_losses import (
    mrcnn_bbox_loss_graph,
    mrcnn_class_loss_graph,
    mrcnn_mask_loss_graph,
    rpn_bbox_loss_graph,
    rpn_class_loss_graph,
    smooth_l1_loss,
)
from mrcnn.training.graph_targets import DetectionTargetLayer, detection_targets_graph
from mrcnn.training.ground_truth import (
    build_detection_targets,
    build_rpn_targets,
    generate_random_rois,
)

__all__ = [
    "BatchNorm",
    "DataGenerator",
    "DetectionLayer",
    "DetectionTargetLayer",
    "ProposalLayer",
    "PyramidROIAlign",
    "apply_box_deltas_graph",
    "batch_pack_graph",
    "build_detection_targets",
    "build_fpn_mask_graph",
    "build_rpn_model",
    "build_rpn_targets",
    "clip_boxes_graph",
    "conv_block",
    "data_generator",
    "denorm_boxes_graph",
    "detection_targets_graph",
    "fpn_classifier_graph",
    "generate_random_rois",
    "identity_block",
    "log2_graph",
    "mrcnn_bbox_loss_graph",
    "mrcnn_class_loss_graph",
    "mrcnn_mask_loss_graph",
    "norm_boxes_graph",
    "overlaps_graph",
    "parse_image_meta_graph",
    "refine_detections_graph",
    "resnet_graph",
    "rpn_bbox_loss_graph",
    "rpn_class_loss_graph",
    "rpn_graph",
    "smooth_l1_loss",
    "trim_zeros_graph",
]

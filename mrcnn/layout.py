"""Lays a network out as the Keras model that Matterport built: its layers, inputs and outputs.

The layers with weights are the network's own; the others are made here. `graph_builders` has the
parts. Nothing of it is needed for detection.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import keras

from mrcnn import graph_builders as build
from mrcnn.graph_layers import DetectionLayer, ProposalLayer, ProposalSteps
from mrcnn.loading import weighted_layers
from mrcnn.network import MaskRCNNNetwork

Tensor = Any  # symbolic, of Keras

#: What `ProposalSteps` returns, by the names that notebooks look it up by.
_STEPS = (
    "top_anchors:0",
    "top_anchors:1",
    "pre_nms_anchors:0",
    "refined_anchors:0",
    "refined_anchors_clipped:0",
    "rpn_non_max_suppression:0",
)


@dataclass(frozen=True)
class Layout:
    """A network as a Keras model, and what of it lies beside the way to its outputs.

    `nodes` are tensors inside of the layer ROI by their names in TensorFlow 1, `others` layers.
    """

    model: keras.Model
    nodes: dict[str, Tensor]
    others: dict[str, keras.layers.Layer] = field(default_factory=dict)


@dataclass(frozen=True)
class Trunk:
    """What both modes share: P2 to P6, and what the region proposal network says of them."""

    network: MaskRCNNNetwork
    parts: build.Parts
    train_bn: bool | None
    levels: list[Tensor]
    logits: Tensor
    probabilities: Tensor
    deltas: Tensor


class Sides(keras.layers.Layer):
    """The boxes [..., 4] of detections [..., 6]."""

    def call(self, detections: Any) -> Any:
        return detections[..., :4]

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (*input_shape[:-1], 4)


def image_inputs(network: MaskRCNNNetwork) -> tuple[Tensor, Tensor]:
    """Return the inputs for molded images and their metas."""
    channels = weighted_layers(network)["conv1"].kernel.shape[2]
    metas = keras.Input((12 + network.architecture.num_classes,), name="input_image_meta")
    return keras.Input((None, None, channels), name="input_image"), metas


def parts_of(network: MaskRCNNNetwork) -> build.Parts:
    """Return the network's own layers by name."""
    return build.Parts(weighted_layers(network))


def trunk(
    network: MaskRCNNNetwork, image: Tensor, *, parts: build.Parts, train_bn: bool | None
) -> Trunk:
    """Add backbone, pyramid and region proposal network."""
    architecture = network.architecture
    _, *maps = build.resnet_graph(image, architecture.backbone, True, train_bn, parts=parts)
    channels = architecture.pyramid_channels
    top = parts.conv("fpn_c5p5", channels, 1)(maps[3])
    merged = [top]
    for level in (4, 3, 2):
        up = keras.layers.UpSampling2D(2, name=f"fpn_p{level + 1}upsampled")(merged[0])
        lateral = parts.conv(f"fpn_c{level}p{level}", channels, 1)(maps[level - 2])
        merged.insert(0, keras.layers.Add(name=f"fpn_p{level}add")([up, lateral]))
    levels = [
        parts.conv(f"fpn_p{level}", channels, 3, padding="same")(x)
        for level, x in enumerate(merged, 2)
    ]
    levels.append(keras.layers.MaxPooling2D(1, strides=2, name="fpn_p6")(levels[3]))
    rpn = build.build_rpn_model(
        int(network.config.RPN_ANCHOR_STRIDE),
        architecture.anchors_per_location,
        channels,
        parts=parts,
    )
    outputs = zip(*(rpn(level) for level in levels), strict=True)
    names = ("rpn_class_logits", "rpn_class", "rpn_bbox")
    joined = [
        keras.layers.Concatenate(axis=1, name=name)(list(parts_of_levels))
        for name, parts_of_levels in zip(names, outputs, strict=True)
    ]
    return Trunk(network, parts, train_bn, levels, *joined)


def regions(found: Trunk, anchors: Tensor, count: int) -> tuple[Tensor, dict[str, Tensor]]:
    """Add the proposals; return them and, by name, what is computed on the way."""
    config = found.network.config
    layer = ProposalLayer(count, float(config.RPN_NMS_THRESHOLD), config, name="ROI")
    inputs = [found.probabilities, found.deltas, anchors]
    rois = layer(inputs)
    steps = ProposalSteps(layer)(inputs)
    return rois, dict(zip(_STEPS, steps, strict=True))


def classifier(found: Trunk, rois: Tensor, metas: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Add the head that names regions; return logits, probabilities and deltas."""
    architecture = found.network.architecture
    return build.fpn_classifier_graph(
        rois,
        found.levels[:4],
        metas,
        architecture.classifier_pool,
        architecture.num_classes,
        train_bn=found.train_bn,
        fc_layers_size=architecture.classifier_units,
        parts=found.parts,
    )


def masks(found: Trunk, boxes: Tensor, metas: Tensor) -> Tensor:
    """Add the head that draws masks; return probabilities of every class."""
    return build.build_fpn_mask_graph(
        boxes,
        found.levels[:4],
        metas,
        int(found.network.config.MASK_POOL_SIZE),
        found.network.architecture.num_classes,
        train_bn=found.train_bn,
        parts=found.parts,
    )


def inference_layout(network: MaskRCNNNetwork) -> Layout:
    """Lay a network out for detection: three inputs, seven outputs."""
    config = network.config
    image, metas = image_inputs(network)
    anchors = keras.Input((None, 4), name="input_anchors")
    found = trunk(network, image, parts=parts_of(network), train_bn=False)
    rois, nodes = regions(found, anchors, int(config.POST_NMS_ROIS_INFERENCE))
    _, probabilities, deltas = classifier(found, rois, metas)
    layer = DetectionLayer(config, name="mrcnn_detection")
    detections = layer([rois, probabilities, deltas, metas])
    boxes = Sides(name=found.parts.unnamed("lambda"))(detections)
    outputs = [
        detections,
        probabilities,
        deltas,
        masks(found, boxes, metas),
        rois,
        found.probabilities,
        found.deltas,
    ]
    model = keras.Model([image, metas, anchors], outputs, name="mask_rcnn")
    return Layout(model, nodes, {"rpn_class_logits": found.logits._keras_history.operation})

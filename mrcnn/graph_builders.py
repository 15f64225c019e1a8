"""Matterport's functions that build a part of the network from symbolic tensors.

Layers bear its names, so that its weight files fit. Called by a script they make new layers; the
model that `mrcnn.keras_model` lays out takes those of a network that is there (`parts`).
"""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from mrcnn.architecture import BACKBONES
from mrcnn.graph_layers import BatchNorm, PyramidROIAlign, TimeDistributed
from mrcnn.weights import EPSILON

Tensor = Any  # symbolic, of Keras


class Parts:
    """Gives the layers of a network by name: new ones, or those in `layers` where it is given.

    With `layers`, those that the original left without a name get the name that Keras 2 gave them
    in the first model of a process: activation_1, activation_2 ...
    """

    def __init__(self, layers: Mapping[str, keras.layers.Layer] | None = None) -> None:
        self.layers = layers
        self._numbers: Counter[str] = Counter()

    def conv(self, name: str, filters: int, kernel_size: Any, **options: Any) -> keras.layers.Layer:
        """A convolution; `options` are those of `keras.layers.Conv2D`."""
        if self.layers is not None:
            return self.layers[name]
        return keras.layers.Conv2D(filters, kernel_size, name=name, **options)

    def dense(self, name: str, units: int) -> keras.layers.Layer:
        """A dense layer without activation."""
        return keras.layers.Dense(units, name=name) if self.layers is None else self.layers[name]

    def deconv(self, name: str, filters: int) -> keras.layers.Layer:
        """A transposed convolution that doubles, with its ReLU."""
        if self.layers is not None:
            return self.layers[name]
        return keras.layers.Conv2DTranspose(filters, 2, strides=2, activation="relu", name=name)

    def norm(self, name: str) -> keras.layers.Layer:
        """A batch normalization."""
        return BatchNorm(epsilon=EPSILON, name=name) if self.layers is None else self.layers[name]

    def unnamed(self, kind: str) -> str | None:
        """Return the name of the next layer of a kind that has none of its own."""
        self._numbers[kind] += 1
        return None if self.layers is None else f"{kind}_{self._numbers[kind]}"

    def relu(self, x: Tensor) -> Tensor:
        """A ReLU without a name of its own."""
        return keras.layers.Activation("relu", name=self.unnamed("activation"))(x)


class Reshape(keras.layers.Layer):
    """Turns [batch, height, width, n * columns] into [batch, height * width * n, columns]."""

    def __init__(self, columns: int, name: str | None) -> None:
        super().__init__(name=name)
        self.columns = columns

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return tf.reshape(x, [tf.shape(x)[0], -1, self.columns])

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (input_shape[0], None, self.columns)


class Squeeze(keras.layers.Layer):
    """Drops the two single sides of [batch, regions, 1, 1, units]."""

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return tf.squeeze(x, axis=[2, 3])

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (*input_shape[:2], input_shape[4])


def identity_block(
    input_tensor: Tensor,
    kernel_size: int,
    filters: Sequence[int],
    stage: int,
    block: str,
    use_bias: bool = True,
    train_bn: bool | None = True,
    *,
    parts: Parts | None = None,
) -> Tensor:
    """Add a residual block without a convolution on its shortcut."""
    place = _Block(f"{stage}{block}", use_bias, train_bn, parts or Parts())
    return place.merge(place.body(input_tensor, kernel_size, filters), input_tensor)


def conv_block(
    input_tensor: Tensor,
    kernel_size: int,
    filters: Sequence[int],
    stage: int,
    block: str,
    strides: Any = (2, 2),
    use_bias: bool = True,
    train_bn: bool | None = True,
    *,
    parts: Parts | None = None,
) -> Tensor:
    """Add a residual block with a convolution on its shortcut."""
    place = _Block(f"{stage}{block}", use_bias, train_bn, parts or Parts())
    x = place.body(input_tensor, kernel_size, filters, strides)
    shortcut = place.conv_norm(input_tensor, "1", filters[2], kernel_size=1, strides=strides)
    return place.merge(x, shortcut)


@dataclass(frozen=True)
class _Block:
    """A residual block; `place` is its stage and letter."""

    place: str
    use_bias: bool
    train_bn: bool | None
    parts: Parts

    def conv_norm(self, x: Tensor, branch: str, filters: int, **options: Any) -> Tensor:
        name = f"{self.place}_branch{branch}"
        conv = self.parts.conv(f"res{name}", filters, use_bias=self.use_bias, **options)
        return self.parts.norm(f"bn{name}")(conv(x), training=self.train_bn)

    def body(self, x: Tensor, kernel_size: int, filters: Sequence[int], strides: Any = 1) -> Tensor:
        """The three convolutions; the stride sits on the first."""
        first, second, third = filters
        x = self.conv_norm(x, "2a", first, kernel_size=1, strides=strides)
        x = self.parts.relu(x)
        x = self.conv_norm(x, "2b", second, kernel_size=kernel_size, padding="same")
        return self.conv_norm(self.parts.relu(x), "2c", third, kernel_size=1)

    def merge(self, x: Tensor, shortcut: Tensor) -> Tensor:
        x = keras.layers.Add(name=self.parts.unnamed("add"))([x, shortcut])
        return keras.layers.Activation("relu", name=f"res{self.place}_out")(x)


def resnet_graph(
    input_image: Tensor,
    architecture: str,
    stage5: bool = False,
    train_bn: bool | None = True,
    *,
    parts: Parts | None = None,
) -> list[Tensor | None]:
    """Add a backbone, one of `mrcnn.architecture.BACKBONES`; return C1 to C5.

    Without `stage5` C5 is None. Raises ValueError for an unknown backbone.
    """
    if architecture not in BACKBONES:
        raise ValueError(f"architecture is {architecture!r}; there are {', '.join(BACKBONES)}")
    spec, parts = BACKBONES[architecture], parts or Parts()
    x = keras.layers.ZeroPadding2D(3, name=parts.unnamed("zero_padding2d"))(input_image)
    x = parts.conv("conv1", spec.stem, 7, strides=2)(x)
    x = parts.relu(parts.norm("bn_conv1")(x, training=train_bn))
    name = parts.unnamed("max_pooling2d")
    maps = [x := keras.layers.MaxPooling2D(3, strides=2, padding="same", name=name)(x)]
    stages = list(enumerate(zip(spec.blocks, spec.widths, strict=True), 2))
    for stage, (count, width) in stages if stage5 else stages[:-1]:
        filters = [width, width, 4 * width]
        for letter in string.ascii_lowercase[:count]:
            common: dict[str, Any] = {"train_bn": train_bn, "parts": parts}
            if letter == "a":
                common["strides"] = 1 if stage == 2 else 2
            block = conv_block if letter == "a" else identity_block
            x = block(x, 3, filters, stage, letter, **common)
        maps.append(x)
    return maps if stage5 else [*maps, None]


def rpn_graph(
    feature_map: Tensor,
    anchors_per_location: int,
    anchor_stride: int,
    *,
    parts: Parts | None = None,
) -> list[Tensor]:
    """Add the region proposal network; return logits, probabilities and deltas of all anchors."""
    parts = parts or Parts()
    options = {"padding": "same", "activation": "relu", "strides": anchor_stride}
    shared = parts.conv("rpn_conv_shared", 512, 3, **options)(feature_map)
    raw = parts.conv("rpn_class_raw", 2 * anchors_per_location, 1)(shared)
    logits = Reshape(2, parts.unnamed("lambda"))(raw)
    probabilities = keras.layers.Activation("softmax", name="rpn_class_xxx")(logits)
    deltas = parts.conv("rpn_bbox_pred", 4 * anchors_per_location, 1)(shared)
    return [logits, probabilities, Reshape(4, parts.unnamed("lambda"))(deltas)]


def build_rpn_model(
    anchor_stride: int, anchors_per_location: int, depth: int, *, parts: Parts | None = None
) -> keras.Model:
    """Return the region proposal network as a model of one level [batch, h, w, depth]."""
    level = keras.Input((None, None, depth), name="input_rpn_feature_map")
    outputs = rpn_graph(level, anchors_per_location, anchor_stride, parts=parts)
    return keras.Model([level], outputs, name="rpn_model")


def fpn_classifier_graph(
    rois: Tensor,
    feature_maps: Sequence[Tensor],
    image_meta: Tensor,
    pool_size: int,
    num_classes: int,
    train_bn: bool | None = True,
    fc_layers_size: int = 1024,
    *,
    parts: Parts | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Add the classifier head; return logits, probabilities and deltas [batch, n, classes, 4]."""
    parts = parts or Parts()
    align = PyramidROIAlign([pool_size, pool_size], name="roi_align_classifier")
    x = align([rois, image_meta, *feature_maps])
    for index, side in ((1, pool_size), (2, 1)):
        name = f"mrcnn_class_conv{index}"
        x = TimeDistributed(parts.conv(name, fc_layers_size, side), name=name)(x)
        x = _region_norm(f"mrcnn_class_bn{index}", x, train_bn, parts)
    x = Squeeze(name="pool_squeeze")(x)
    name = "mrcnn_class_logits"
    logits = TimeDistributed(parts.dense(name, num_classes), name=name)(x)
    softmax = keras.layers.Activation("softmax", name=parts.unnamed("activation"))
    probabilities = TimeDistributed(softmax, name="mrcnn_class")(logits)
    dense = parts.dense("mrcnn_bbox_fc", 4 * num_classes)
    x = TimeDistributed(dense, name="mrcnn_bbox_fc")(x)
    deltas = keras.layers.Reshape((x.shape[1] or -1, num_classes, 4), name="mrcnn_bbox")(x)
    return logits, probabilities, deltas


def build_fpn_mask_graph(
    rois: Tensor,
    feature_maps: Sequence[Tensor],
    image_meta: Tensor,
    pool_size: int,
    num_classes: int,
    train_bn: bool | None = True,
    *,
    parts: Parts | None = None,
) -> Tensor:
    """Add the mask head; return probabilities [batch, n, 2 * pool, 2 * pool, classes]."""
    parts = parts or Parts()
    align = PyramidROIAlign([pool_size, pool_size], name="roi_align_mask")
    x = align([rois, image_meta, *feature_maps])
    for index in (1, 2, 3, 4):
        name = f"mrcnn_mask_conv{index}"
        x = TimeDistributed(parts.conv(name, 256, 3, padding="same"), name=name)(x)
        x = _region_norm(f"mrcnn_mask_bn{index}", x, train_bn, parts)
    x = TimeDistributed(parts.deconv("mrcnn_mask_deconv", 256), name="mrcnn_mask_deconv")(x)
    last = parts.conv("mrcnn_mask", num_classes, 1)
    return TimeDistributed(last, activation="sigmoid", name="mrcnn_mask")(x)


def _region_norm(name: str, x: Tensor, train_bn: bool | None, parts: Parts) -> Tensor:
    return parts.relu(TimeDistributed(parts.norm(name), name=name)(x, training=train_bn))

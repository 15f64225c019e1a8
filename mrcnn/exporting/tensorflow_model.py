"""Writes the whole network as a SavedModel: a picture in, its instances out.

In float64, as `mrcnn.molding` and `mrcnn.unmolding` compute outside of a graph, bit for bit.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from mrcnn.exporting.answers import Masks
from mrcnn.quiet import importing_quietly

with importing_quietly():
    import tensorflow as tf

from mrcnn.config import SIZE_MULTIPLE, Config
from mrcnn.loading import load_weights
from mrcnn.network import MaskRCNNNetwork
from mrcnn.threads import use_threads
from mrcnn.weights import WeightFile


def write(
    file: WeightFile,
    config: Config,
    folder: Path,
    labels: Path,
    *,
    least: float,
    masks: Masks,
    threads: int | None = None,
) -> None:
    """Write `saved_model.pb`, `variables/` and `assets/`; raises WeightFileError, or OSError.

    It answers by `serving_default`.

    Args:
        labels: a file with the classes' names, for `assets/`.
    """
    if threads:
        use_threads(threads)  # of the first network of a process, for all of them
    network = MaskRCNNNetwork(file.architecture, config, folded=True)
    load_weights(network, file)
    saved = tf.Module(name="mask_rcnn")
    # Not the network itself: it would be saved beside its own numbers.
    saved.numbers = [variable.value for variable in network.variables]
    saved.labels = tf.saved_model.Asset(str(labels))
    saved.serve = Whole(network, least=least, masks=masks).function()
    try:
        tf.saved_model.save(saved, str(folder), {"serving_default": saved.serve})
    except tf.errors.OpError as error:
        raise OSError(error.error_code, str(error.message).splitlines()[0], str(folder)) from error


class Whole:
    """A network with all around it that its users would else have to do.

    Args:
        least: the least score of a detection.
        masks: over the picture, or over their boxes.
    """

    def __init__(self, network: MaskRCNNNetwork, *, least: float, masks: Masks) -> None:
        self._network, self._least, self._masks = network, least, masks

    def function(self) -> tf.types.experimental.GenericFunction:
        """Return it as a function of pictures of any size."""
        shape = [1, None, None, self._network.architecture.input_channels]
        return tf.function(
            self._answers,
            input_signature=[tf.TensorSpec(shape, tf.uint8, name="picture")],
            autograph=False,
        )

    def _answers(self, picture: tf.Tensor) -> dict[str, tf.Tensor]:
        config = self._network.config
        frame = frame_of(picture[0], config)
        stages = self._network.stages(
            frame.pixels[tf.newaxis],
            tf.cast(frame.window, tf.float32)[tf.newaxis],
            tf.constant(self._least, tf.float32),
            anchors=anchors_of(frame.pixels, config),
        )
        count = tf.shape(stages.masks)[0]  # the others are padding
        rows, small = stages.detections[0, :count], stages.masks
        size = tf.shape(picture)[1:3]
        boxes = _in_picture(rows[:, :4], frame, size)
        kept = tf.where(tf.reduce_all(boxes[:, 2:] > boxes[:, :2], axis=1))[:, 0]
        boxes, rows, small = (tf.gather(each, kept) for each in (boxes, rows, small))
        given = {
            "boxes": boxes,
            "classes": tf.cast(rows[:, 4], tf.int32),
            "scores": rows[:, 5],
            "masks": _pasted(small, boxes, size) if self._masks == "picture" else small,
        }
        return {name: each[tf.newaxis] for name, each in given.items()}


class Frame(NamedTuple):
    """A picture in the network's frame."""

    pixels: tf.Tensor  # [height, width, channels] uint8
    window: tf.Tensor  # [4] int32 y1 x1 y2 x2 in pixels, the part that is not padding


def frame_of(picture: tf.Tensor, config: Config) -> Frame:
    """Return a picture, uint8 [height, width, channels], in the network's frame.

    In resize mode "none" sides that are no multiples of 64 are padded below and on the right.
    """
    mode = config.IMAGE_RESIZE_MODE
    inner = tf.shape(picture)[:2]
    if mode != "none":
        inner = _scaled(inner, config)
        picture = _resized(picture, inner)
    if mode == "square":
        target = tf.constant([int(config.IMAGE_MAX_DIM)] * 2)
    else:
        target = -(-inner // SIZE_MULTIPLE) * SIZE_MULTIPLE
    room = target - inner
    before = tf.zeros_like(room) if mode == "none" else room // 2
    padded = tf.pad(picture, tf.stack([_three(before), _three(room - before)], axis=1))
    side = int(config.IMAGE_MAX_DIM) if mode == "square" else None
    return Frame(
        tf.ensure_shape(padded, [side, side, picture.shape[2]]),
        tf.concat([before, before + inner], 0),
    )


def _three(sides: tf.Tensor) -> tf.Tensor:
    return tf.concat([sides, [0]], 0)


def _scaled(size: tf.Tensor, config: Config) -> tf.Tensor:
    """Return the height and width that a picture is resized to: see `mrcnn.molding`."""
    size = tf.cast(size, tf.float64)
    smallest, largest = tf.reduce_min(size), tf.reduce_max(size)
    scale = tf.constant(1.0, tf.float64)
    if config.IMAGE_MIN_DIM:
        scale = tf.maximum(scale, float(config.IMAGE_MIN_DIM) / smallest)
    if config.IMAGE_MIN_SCALE:
        scale = tf.maximum(scale, tf.constant(config.IMAGE_MIN_SCALE, tf.float64))
    if config.IMAGE_RESIZE_MODE == "square":
        most = float(config.IMAGE_MAX_DIM)
        scale = tf.where(tf.round(largest * scale) > most, most / largest, scale)
    return tf.maximum(tf.cast(tf.round(size * scale), tf.int32), 1)


def _resized(picture: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Return uint8 pixels of another size: see `mrcnn.bilinear`, whose order of terms this is."""
    bordered = tf.pad(picture, [[1, 1], [1, 1], [0, 0]])
    rows, lower = _samples(tf.shape(picture)[0], size[0])
    columns, right = _samples(tf.shape(picture)[1], size[1])
    lower, right = lower[:, tf.newaxis, tf.newaxis], right[:, tf.newaxis]
    one = tf.constant(1.0, tf.float64)
    above = tf.cast(tf.gather(bordered, rows), tf.float64) * (one - lower)
    below = tf.cast(tf.gather(bordered, rows + 1), tf.float64) * lower
    total = tf.gather(above, columns, axis=1) * (one - right)
    total += tf.gather(above, columns + 1, axis=1) * right
    total += tf.gather(below, columns, axis=1) * (one - right)
    total += tf.gather(below, columns + 1, axis=1) * right
    low, high = (
        tf.cast(each, tf.float64) for each in (tf.reduce_min(picture), tf.reduce_max(picture))
    )
    return tf.cast(tf.clip_by_value(total, low, high), tf.uint8)


def _samples(source: tf.Tensor, target: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the cell before each sample, in a row with a border, and how far behind it that is."""
    step = tf.cast(source, tf.float64) / tf.cast(target, tf.float64)
    places = (tf.cast(tf.range(target), tf.float64) + 0.5) * step - 0.5
    first = tf.floor(places)
    return tf.cast(first, tf.int32) + 1, places - first


def anchors_of(pixels: tf.Tensor, config: Config) -> tf.Tensor | None:
    """Return the anchors of a frame, [n, 4], normalized; None where its size is known before."""
    if pixels.shape[:2].is_fully_defined():
        return None
    size = tf.cast(tf.shape(pixels)[:2], tf.float64)
    every = int(config.RPN_ANCHOR_STRIDE)
    ratios = np.sqrt(np.asarray(config.RPN_ANCHOR_RATIOS, np.float64))
    levels = []
    for scale, stride in zip(config.RPN_ANCHOR_SCALES, config.BACKBONE_STRIDES, strict=True):
        cells = tf.math.ceil(size / float(stride))
        y, x = (tf.range(0.0, cells[axis], every, tf.float64) * float(stride) for axis in (0, 1))
        y, x, half_height, half_width = (
            tf.broadcast_to(each, [tf.size(y), tf.size(x), len(ratios)])
            for each in (
                y[:, tf.newaxis, tf.newaxis],
                x[tf.newaxis, :, tf.newaxis],
                0.5 * (float(scale) / ratios),
                0.5 * (float(scale) * ratios),
            )
        )
        corners = [y - half_height, x - half_width, y + half_height, x + half_width]
        levels.append(tf.reshape(tf.stack(corners, axis=-1), [-1, 4]))
    return _normalized(tf.concat(levels, 0), size)


def _normalized(boxes: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Return float64 boxes in pixels as the network has them: see `mrcnn.anchors`."""
    shift = tf.constant([0.0, 0.0, 1.0, 1.0], tf.float64)
    return tf.cast((boxes - shift) / tf.tile(size - 1.0, [2]), tf.float32)


def _in_picture(boxes: tf.Tensor, frame: Frame, size: tf.Tensor) -> tf.Tensor:
    """Return normalized boxes in whole pixels of the picture, int32: see `mrcnn.unmolding`."""
    frame_size = tf.cast(tf.shape(frame.pixels)[:2], tf.float64)
    window = _normalized(tf.cast(frame.window, tf.float64), frame_size)
    # A window one pixel high or wide has no extent: every box of it starts at its first pixel.
    relative = tf.math.divide_no_nan(
        boxes - tf.tile(window[:2], [2]), tf.tile(window[2:] - window[:2], [2])
    )
    last = tf.cast(tf.tile(size - 1, [2]), tf.float64)
    pixels = tf.cast(relative, tf.float64) * last + tf.constant([0.0, 0.0, 1.0, 1.0], tf.float64)
    return tf.clip_by_value(tf.cast(tf.round(pixels), tf.int32), 0, tf.tile(size, [2]))


def _pasted(masks: tf.Tensor, boxes: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Return masks over the whole picture: see `mrcnn.exporting.answers`."""
    side = int(masks.shape[1])
    rows, is_row = _shares(boxes, 0, size, side)
    columns, is_column = _shares(boxes, 1, size, side)
    drawn = tf.matmul(tf.matmul(rows, masks), columns, transpose_b=True)
    is_set = tf.maximum(drawn, tf.reduce_min(masks, axis=[1, 2], keepdims=True)) >= 0.5
    inside = is_row[:, :, tf.newaxis] & is_column[:, tf.newaxis, :]
    return tf.cast(is_set & inside, tf.uint8)


def _shares(boxes: tf.Tensor, axis: int, size: tf.Tensor, side: int) -> tuple[tf.Tensor, tf.Tensor]:
    boxes = tf.cast(boxes, tf.float32)
    low, high = boxes[:, axis, tf.newaxis], boxes[:, axis + 2, tf.newaxis]
    place = tf.cast(tf.range(size[axis]), tf.float32)[tf.newaxis]
    at = (place - low + 0.5) * (float(side) / (high - low)) - 0.5
    distance = tf.abs(at[:, :, tf.newaxis] - tf.range(float(side)))
    return tf.nn.relu(1.0 - distance), (place >= low) & (place < high)

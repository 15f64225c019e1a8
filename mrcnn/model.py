"""Matterport's `mrcnn.model`: what scripts written for it call, under the names they know.

New code calls `mrcnn.detector`. A script's `Config` decides the network here, and a weight file is
held against it. Training is in `mrcnn.training`.
"""

from __future__ import annotations

import errno
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mrcnn.anchors import normalize_boxes, pyramid_anchors
from mrcnn.architecture import BACKBONES, Architecture
from mrcnn.config import Config, ConfigError
from mrcnn.detector import Detector, check_settings
from mrcnn.inputs import (
    compose_image_meta,
    compute_backbone_shapes,
    load_image_gt,
    log,
    mold_image,
    parse_image_meta,
    unmold_image,
)
from mrcnn.instances import Instances
from mrcnn.loading import load_weights, weighted_layers
from mrcnn.masks import paste
from mrcnn.molding import Molded, check_channels, fit_image
from mrcnn.network import MaskRCNNNetwork
from mrcnn.unmolding import unmold_detections
from mrcnn.weights import WeightFile

__all__ = [
    "MaskRCNN",
    "compose_image_meta",
    "compute_backbone_shapes",
    "load_image_gt",
    "log",
    "mold_image",
    "parse_image_meta",
    "unmold_image",
]

Array = NDArray[Any]

#: Settings that fix sizes of layers. Where a script leaves one alone, the weight file says it.
_SIZES = {
    "TOP_DOWN_PYRAMID_SIZE": "pyramid_channels",
    "FPN_CLASSIF_FC_LAYERS_SIZE": "classifier_units",
    "POOL_SIZE": "classifier_pool",
}
_CLASS_LAYER = "mrcnn_class_logits"


class MaskRCNN:
    """A Mask R-CNN as Matterport's scripts build and use it.

    Args:
        mode: "inference" or "training".
        config: a `Config`; its BACKBONE, NUM_CLASSES and sizes decide the network.
        model_dir: where `find_last` looks for checkpoints.

    Attributes:
        keras_model: the network; for inference its normalizations are folded into convolutions.
    """

    def __init__(self, mode: str, config: Config, model_dir: str | Path) -> None:
        if mode not in ("training", "inference"):
            raise ValueError(f"mode is {mode!r}; it must be 'training' or 'inference'")
        config.check()
        self.mode, self.config, self.model_dir = mode, config, str(model_dir)
        self.epoch = 0
        self.anchors: Array | None = None
        self._network: MaskRCNNNetwork | None = None
        self._detector: Detector | None = None
        _architecture_of(config)  # tells now what would not work later

    @property
    def keras_model(self) -> MaskRCNNNetwork:
        return self._network or self._build(_architecture_of(self.config))

    def _build(self, architecture: Architecture) -> MaskRCNNNetwork:
        folded = self.mode == "inference"
        self._network = MaskRCNNNetwork(architecture, self.config, folded=folded)
        self._detector = None
        return self._network

    def load_weights(
        self, filepath: str | Path, by_name: bool = False, exclude: Collection[str] | None = None
    ) -> None:
        """Fill the network from a Matterport weight file.

        Layers go by their names always, whatever `by_name` says, and every one must fit; those in
        `exclude` stay as they are. Raises WeightFileError or ConfigError, naming what does not fit.
        """
        file = WeightFile.open(filepath)
        architecture = _architecture_of(self.config, file, exclude or ())
        if self.mode == "inference":
            check_settings(self.config, architecture, file.path.name)
        network = self._network
        if network is None or network.architecture != architecture:
            network = self._build(architecture)
        load_weights(network, file, exclude=exclude or ())

    def detect(self, images: Sequence[Array], verbose: int = 0) -> list[dict[str, Array]]:
        """Find the instances on photos [h, w, IMAGE_CHANNEL_COUNT], any number of any sizes.

        Returns for each photo `rois` int32 [n, 4] y1 x1 y2 x2 in its pixels, `class_ids` int32
        [n], `scores` float32 [n] and `masks` bool [h, w, n].
        """
        detector = self._detector_for_inference()
        molded = [self._mold(image) for image in images]
        if verbose:
            log(f"Processing {len(images)} images")
            for image, photo in zip(images, molded, strict=True):
                log("image", np.asarray(image))
                log("molded image", photo.pixels)
        return [_result(found) for found in detector.detect_molded(molded)]

    def detect_molded(
        self, molded_images: Array, image_metas: Array, verbose: int = 0
    ) -> list[dict[str, Array]]:
        """Do as `detect` does for what `mold_inputs` returns; the answers are in its frame."""
        detector = self._detector_for_inference()
        if verbose:
            log(f"Processing {len(molded_images)} images")
            log("molded_images", molded_images)
            log("image_metas", image_metas)
        results = []
        pixels = np.asarray(molded_images, np.float64) + np.asarray(self.config.MEAN_PIXEL)
        for image, window in zip(pixels, parse_image_meta(image_metas)["window"], strict=True):
            top, left, bottom, right = (int(side) for side in window)
            inside = (bottom - top, right - left, image.shape[2])
            photo = Molded(image, (top, left, bottom, right), 1.0, _NO_PADDING, inside)
            found = detector.detect_molded([photo])[0]
            results.append(_result(found, (image.shape[0], image.shape[1]), (top, left)))
        return results

    def mold_inputs(self, images: Sequence[Array]) -> tuple[Array, Array, Array]:
        """Return molded images [n, h, w, c] float32, metas and windows; all must mold alike."""
        molded = [self._mold(image) for image in images]
        pixels = np.stack([mold_image(photo.pixels, self.config) for photo in molded])
        inactive = np.zeros(self.config.NUM_CLASSES, np.int32)
        metas = [
            compose_image_meta(
                0, photo.original_shape, photo.pixels.shape, photo.window, photo.scale, inactive
            )
            for photo in molded
        ]
        return pixels, np.stack(metas), np.stack([photo.window for photo in molded])

    def unmold_detections(
        self,
        detections: Array,
        mrcnn_mask: Array,
        original_image_shape: Sequence[int],
        image_shape: Sequence[int],
        window: Sequence[int],
    ) -> tuple[Array, Array, Array, Array]:
        """Return boxes, class ids, scores and masks [h, w, n] in the frame of the photo.

        `detections` are [n, 6], normalized and zero-padded; `mrcnn_mask` is [n, h, w, classes].
        """
        class_ids = detections[:, 4].astype(np.int32)
        found = unmold_detections(
            detections.astype(np.float32),
            mrcnn_mask[np.arange(len(detections)), :, :, class_ids],
            molded_shape=image_shape,
            window=window,
            photo_shape=original_image_shape,
        )
        result = _result(found)
        return result["rois"], result["class_ids"], result["scores"], result["masks"]

    def get_anchors(self, image_shape: Sequence[int]) -> NDArray[np.float32]:
        """Return the normalized anchors of a molded image; `anchors` keeps them in pixels."""
        config = self.config
        self.anchors = pyramid_anchors(
            image_shape,
            config.RPN_ANCHOR_SCALES,
            config.RPN_ANCHOR_RATIOS,
            config.BACKBONE_STRIDES,
            config.RPN_ANCHOR_STRIDE,
        )
        return normalize_boxes(self.anchors, image_shape)

    def find_last(self) -> str:
        """Return the last checkpoint of the last run of this config's NAME in `model_dir`."""
        key = (self.config.NAME or "").lower()
        folder = Path(self.model_dir)
        runs = sorted(p for p in folder.glob("*") if p.name.startswith(key) and p.is_dir())
        if not runs:
            raise FileNotFoundError(errno.ENOENT, f"no folder of a run of {key!r}", str(folder))
        checkpoints = sorted(runs[-1].glob("mask_rcnn*.h5"))
        if not checkpoints:
            raise FileNotFoundError(errno.ENOENT, "no checkpoint", str(runs[-1]))
        return str(checkpoints[-1])

    def get_trainable_layers(self) -> list[Any]:
        """Return the layers that have weights."""
        return list(weighted_layers(self.keras_model).values())

    def get_imagenet_weights(self) -> str:
        """Say where to begin instead; nothing is downloaded here."""
        raise RuntimeError(
            "weights trained on ImageNet are not downloaded by this package; load a Mask R-CNN's "
            "file, as mask_rcnn_coco.h5, with exclude= for the layers that are to start anew"
        )

    def train(self, *args: Any, **kwargs: Any) -> None:
        """Say where training is."""
        raise NotImplementedError(
            "MaskRCNN.train is not there yet; mrcnn.training.trainer.Trainer trains keras_model"
        )

    def _detector_for_inference(self) -> Detector:
        if self.mode != "inference":
            raise ValueError("a model in mode 'training' does not detect; build it for 'inference'")
        if self._detector is None:
            self._detector = Detector(self.keras_model, self.config)
        return self._detector

    def _mold(self, image: Array) -> Molded:
        """Mold a photo of any type; floats are kept as they are, as the original kept them."""
        image = np.asarray(image)
        check_channels(image, self.config.channels)
        if image.dtype not in (np.uint8, np.float32):
            image = image.astype(np.float64)
        config = self.config
        return fit_image(
            image,
            mode=config.IMAGE_RESIZE_MODE,
            min_dim=config.IMAGE_MIN_DIM,
            max_dim=config.IMAGE_MAX_DIM,
            min_scale=config.IMAGE_MIN_SCALE,
        )


_NO_PADDING = ((0, 0), (0, 0), (0, 0))


def _architecture_of(
    config: Config, file: WeightFile | None = None, exclude: Collection[str] = ()
) -> Architecture:
    """Return the network that a config asks for; a file adds the sizes that it leaves open.

    Raises ConfigError where both say something, and not the same.
    """
    if config.BACKBONE not in BACKBONES:
        raise ConfigError(
            f"config: BACKBONE is {config.BACKBONE!r}; there are {', '.join(BACKBONES)}"
        )
    sizes = {field: getattr(config, name) for name, field in _SIZES.items()}
    fixed: dict[str, Any] = {
        "backbone": config.BACKBONE,
        "num_classes": config.NUM_CLASSES,
        "anchors_per_location": len(config.RPN_ANCHOR_RATIOS),
        "input_channels": config.channels,
    }
    if file is None:
        return Architecture(**fixed, **sizes)
    has = file.architecture
    if has.backbone != config.BACKBONE:
        raise ConfigError(
            f"config: BACKBONE is {config.BACKBONE!r}, but {file.path.name} has {has.backbone!r}"
        )
    if has.num_classes != config.NUM_CLASSES and _CLASS_LAYER not in exclude:
        raise ConfigError(
            f"config: NUM_CLASSES is {config.NUM_CLASSES}, but {file.path.name} has "
            f"{has.num_classes}, with the background"
        )
    if has.input_channels != config.channels and "conv1" not in exclude:
        raise ConfigError(
            f"config: IMAGE_CHANNEL_COUNT is {config.channels}, but {file.path.name} has "
            f"{has.input_channels}"
        )
    chosen = {f: sizes[f] for name, f in _SIZES.items() if sizes[f] != getattr(Config, name)}
    return replace(has, **fixed, **chosen)


def _result(
    found: Instances,
    frame: tuple[int, int] | None = None,
    corner: tuple[int, int] = (0, 0),
) -> dict[str, Array]:
    """Return instances as Matterport has them, in `frame`, where their photo lies at `corner`."""
    boxes = found.boxes_yxyx + np.array([*corner, *corner], np.int32)
    masks = np.zeros((*(frame or found.image_size), len(found)), bool)
    for index, (top, left, bottom, right) in enumerate(boxes):
        masks[top:bottom, left:right, index] = paste(found.masks[index], (top, left, bottom, right))
    return {
        "rois": boxes,
        "class_ids": found.class_ids,
        "scores": found.scores,
        "masks": masks,
    }

"""Matterport's `mrcnn.model`: what scripts written for it call, under the names they know.

New code calls `mrcnn.detector`. A script's `Config` decides the network here, and a weight file is
held against it. Training is in `mrcnn.training`.
"""

from __future__ import annotations

import functools
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mrcnn.quiet import importing_quietly

with importing_quietly():
    import tensorflow  # noqa: F401

from mrcnn import activations, graph, keras2, old_imports, utils
from mrcnn.anchors import anchors_for, normalize_boxes
from mrcnn.architecture import Architecture
from mrcnn.config import Config, channels_of
from mrcnn.detector import Detector, check_settings
from mrcnn.eager import eagerly
from mrcnn.folding import FoldedCopy
from mrcnn.gone import gone
from mrcnn.graph import *  # noqa: F403
from mrcnn.inputs import (
    compose_image_meta,
    compute_backbone_shapes,
    load_image_gt,
    log,
    mold_image,
    parse_image_meta,
    unmold_image,
)
from mrcnn.keras_model import KerasModel
from mrcnn.loading import load_weights, weighted_layers
from mrcnn.molding import Molded, check_channels, fit_image
from mrcnn.programs.tensorflow import TensorFlowProgram
from mrcnn.results import result_of
from mrcnn.runs import last_checkpoint, run_of
from mrcnn.unmolding import unmold_detections
from mrcnn.wanted import wanted_architecture
from mrcnn.weights import WeightFile

__all__ = [
    *graph.__all__,
    *old_imports.MODEL,
    "MaskRCNN",
    "compose_image_meta",
    "compute_backbone_shapes",
    "load_image_gt",
    "log",
    "mold_image",
    "parse_image_meta",
    "unmold_image",
    "utils",
]

Array = NDArray[Any]

keras2.add()
if not TYPE_CHECKING:
    __getattr__ = old_imports.importer(__name__, old_imports.MODEL)


class MaskRCNN:
    """A Mask R-CNN as Matterport's scripts build and use it.

    Args:
        mode: "inference" or "training".
        config: a `Config`; its BACKBONE, NUM_CLASSES and sizes decide the network.
        model_dir: where `find_last` looks for checkpoints.

    Attributes:
        keras_model: the network as Keras model. Detection runs a copy of it that follows its
            weights, with the normalizations folded into the convolutions.
        epoch, log_dir, checkpoint_path: see `set_log_dir`.
        anchors: in pixels, those of the molded image seen last.
    """

    # Of the class, since subclasses of scripts set the rest without `super()`.
    _network: KerasModel | None = None
    _detector: Detector | None = None
    _replacement: Any = None
    _molded_shape: tuple[int, ...] | None = None
    _lock = threading.RLock()

    def __init__(self, mode: str, config: Config, model_dir: str | Path) -> None:
        if mode not in ("training", "inference"):
            raise ValueError(f"mode is {mode!r}; it must be 'training' or 'inference'")
        if type(self).build is not MaskRCNN.build:
            raise NotImplementedError(
                f"{type(self).__name__}.build would not be called: the network is built from "
                "weights; config.BACKBONE and the other settings say what it is"
            )
        if isinstance(config, type):
            raise TypeError(f"config is the class {config.__name__}; write {config.__name__}()")
        config.check()
        self.mode, self.config, self.model_dir = mode, config, str(model_dir)
        self._lock = threading.RLock()
        self.set_log_dir()
        wanted_architecture(config)  # tells now what would not work later

    @property
    def keras_model(self) -> Any:
        return self._built() if self._replacement is None else self._replacement

    @keras_model.setter
    def keras_model(self, model: Any) -> None:
        if isinstance(model, KerasModel) and model is not self._network:
            self._network, self._detector = model, None
        self._replacement = None if model is self._network else model

    @eagerly()
    def build(self, mode: str, config: Config) -> KerasModel:
        """Return a network of random weights for a config; `keras_model` may be set to it."""
        config.check()
        return KerasModel(wanted_architecture(config), config, mode=mode)

    @eagerly()
    def _built(self, architecture: Architecture | None = None) -> KerasModel:
        """Return the network, built anew where an architecture is wanted that it has not."""
        with self._lock:
            network = self._network
            if architecture is None:
                architecture = (
                    wanted_architecture(self.config) if network is None else network.architecture
                )
            if network is None or network.architecture != architecture:
                network = KerasModel(architecture, self.config, mode=self.mode)
                self._network, self._detector = network, None
            return network

    @eagerly()
    def load_weights(
        self, filepath: str | Path, by_name: bool = False, exclude: Collection[str] | None = None
    ) -> None:
        """Fill the network from a Matterport weight file, and take up its run.

        Layers go by their names always, whatever `by_name` says, and every one must fit; those in
        `exclude` stay as they are. Raises WeightFileError or ConfigError, naming what does not fit.
        """
        file = WeightFile.open(filepath)
        architecture = wanted_architecture(self.config, file, exclude or ())
        if self.mode == "inference":
            check_settings(self.config, architecture, file.path.name)
        load_weights(self._built(architecture), file, exclude=exclude or ())
        self.set_log_dir(str(filepath))

    @eagerly()
    def detect(self, images: Sequence[Array], verbose: int = 0) -> list[dict[str, Array]]:
        """Find the instances on photos [h, w, IMAGE_CHANNEL_COUNT], any number of any sizes.

        Returns for each photo `rois` int32 [n, 4] y1 x1 y2 x2 in its pixels, `class_ids` int32
        [n], `scores` float32 [n] and `masks` bool [h, w, n].
        """
        detector = self._detector_for_inference()
        molded = [self._mold(image) for image in images]
        self._molded_shape = molded[-1].pixels.shape if molded else self._molded_shape
        if verbose:
            log(f"Processing {len(images)} images")
            for image, photo in zip(images, molded, strict=True):
                log("image", np.asarray(image))
                log("molded image", photo.pixels)
        return [result_of(found) for found in detector.detect_molded(molded)]

    @eagerly()
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
        self._molded_shape = tuple(np.shape(molded_images)[1:])
        pixels = np.asarray(molded_images, np.float64) + np.asarray(self.config.MEAN_PIXEL)
        for image, window in zip(pixels, parse_image_meta(image_metas)["window"], strict=True):
            top, left, bottom, right = (int(side) for side in window)
            inside = (bottom - top, right - left, image.shape[2])
            photo = Molded(image, (top, left, bottom, right), 1.0, _NO_PADDING, inside)
            found = detector.detect_molded([photo])[0]
            results.append(result_of(found, (image.shape[0], image.shape[1]), (top, left)))
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
        result = result_of(found)
        return result["rois"], result["class_ids"], result["scores"], result["masks"]

    def get_anchors(self, image_shape: Sequence[int]) -> NDArray[np.float32]:
        """Return the normalized anchors of a molded image; `anchors` has them in pixels."""
        self._molded_shape = tuple(image_shape)
        return normalize_boxes(self._anchors_of(self._molded_shape), image_shape)

    @property
    def anchors(self) -> Array | None:
        shape = self._molded_shape
        if shape is None and self.mode == "training":
            shape = tuple(int(side) for side in self.config.IMAGE_SHAPE)
        return None if shape is None else self._anchors_of(shape)

    @functools.cached_property
    def _anchors_of(self) -> Callable[[tuple[int, ...]], Array]:
        return functools.lru_cache(maxsize=1)(self._pyramid)

    def _pyramid(self, image_shape: tuple[int, ...]) -> Array:
        return anchors_for(image_shape, self.config)

    def set_log_dir(self, model_path: str | None = None) -> None:
        """Set `log_dir`, `checkpoint_path` and `epoch`: those of a checkpoint's run, or new ones.

        Nothing is made on disk.
        """
        run = run_of(self.model_dir, self.config.NAME or "", model_path)
        self.log_dir, self.checkpoint_path, self.epoch = run.log_dir, run.checkpoint_path, run.epoch
        if run.epoch:
            print(f"Re-starting from epoch {run.epoch}")

    def find_last(self) -> str:
        """Return the last checkpoint of the last run of this config's NAME in `model_dir`."""
        return last_checkpoint(self.model_dir, self.config.NAME or "")

    def find_trainable_layer(self, layer: Any) -> Any:
        """Return the layer that holds the weights, out of those that wrap it."""
        return self.find_trainable_layer(layer.layer) if hasattr(layer, "layer") else layer

    @eagerly()
    def get_trainable_layers(self) -> list[Any]:
        """Return the layers that have weights, unwrapped; `rpn_model` is one, a model itself."""
        layers = map(self.find_trainable_layer, self._built().layers)
        return [layer for layer in layers if layer.weights]

    @eagerly()
    def set_trainable(
        self, layer_regex: str, keras_model: Any = None, indent: int = 0, verbose: int = 1
    ) -> None:
        """Let those layers be trained whose whole name matches, and no others."""
        if verbose and keras_model is None:
            log("Selecting layers to train")
        for name, layer in weighted_layers(keras_model or self._built()).items():
            layer.trainable = bool(re.fullmatch(layer_regex, name))
            if verbose and layer.trainable:
                log(f"{' ' * indent}{name:20}   ({type(layer).__name__})")

    @eagerly()
    def ancestor(self, tensor: Any, name: str, checked: Any = None) -> Any:
        """Return the tensor that TensorFlow 1 called `name`, or None; `tensor` plays no part."""
        return activations.ancestor(self._built(), name)

    @eagerly()
    def run_graph(
        self,
        images: Sequence[Array],
        outputs: Iterable[tuple[str, Any]],
        image_metas: Array | None = None,
    ) -> OrderedDict[str, Array]:
        """Return the values of `outputs`, (name, `get_layer(...).output`) each, for some pictures.

        With `image_metas` the images are molded already. All must mold alike. Raises ValueError,
        naming it, for an output that is no tensor of `keras_model`.
        """
        if self.mode != "inference":
            raise ValueError("run_graph needs a model in mode 'inference'")
        if image_metas is None:
            molded, metas, _ = self.mold_inputs(images)
        else:
            molded, metas = np.asarray(images), image_metas
        anchors = self.get_anchors(molded.shape[1:])
        anchors = np.broadcast_to(anchors, (len(molded), *anchors.shape))
        found = activations.run(self._built(), outputs, [molded, metas, anchors])
        for name, value in found.items():
            log(name, value)
        return found

    get_imagenet_weights = gone(
        "MaskRCNN.get_imagenet_weights",
        "load a Mask R-CNN's file, as mask_rcnn_coco.h5, with exclude= for the layers that are to "
        "start anew; weights trained on ImageNet are not downloaded by this package",
    )
    compile = gone("MaskRCNN.compile", "mrcnn.training.trainer.Trainer takes an optimizer")
    train = gone("MaskRCNN.train", "mrcnn.training.trainer.Trainer trains keras_model")

    def _detector_for_inference(self) -> Detector:
        if self.mode != "inference":
            raise ValueError("a model in mode 'training' does not detect; build it for 'inference'")
        if self._replacement is not None:
            raise ValueError("keras_model was replaced; detection runs the network it had at first")
        with self._lock:
            network = self._built()
            if self._detector is None:
                self._copy = FoldedCopy(network)
                self._detector = Detector(TensorFlowProgram(self._copy.network), self.config)
            self._copy.follow()
            return self._detector

    def _mold(self, image: Array) -> Molded:
        """Mold a photo of any type; floats are kept as they are, as the original kept them."""
        image = np.asarray(image)
        check_channels(image, channels_of(self.config))
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

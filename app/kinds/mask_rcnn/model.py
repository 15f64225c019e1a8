"""A Matterport Mask R-CNN `.h5`: examined, and loaded. A framework is imported by `load` alone."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.kinds.kind import InputError, ModelError, ModelSource
from app.kinds.mask_rcnn.coco import COCO_LABELS
from app.kinds.mask_rcnn.tensors import PICTURE, SIGNATURE, tensors_of
from app.kinds.requisites import TENSORFLOW, check_installed
from app.kinds.tensors import Facts, Tensors
from mrcnn.config import Config, ConfigError
from mrcnn.forms import FormError
from mrcnn.instances import Instances
from mrcnn.molding import PhotoError
from mrcnn.programs.choice import Wishes
from mrcnn.settings import settings_for
from mrcnn.weights import WeightFile, WeightFileError

if TYPE_CHECKING:
    from mrcnn.detector import Detector

_BACKGROUND = frozenset({"bg", "background", "__background__", "_background_"})
#: What models of this kind take of a picture that is sent, by their channels.
CHANNELS = {1: "grey", 3: "RGB", 4: "RGBA"}
# What decides an answer; the rest of Matterport's settings is about training.
_INFERENCE_SETTINGS = (
    "IMAGE_RESIZE_MODE",
    "IMAGE_MIN_DIM",
    "IMAGE_MAX_DIM",
    "IMAGE_MIN_SCALE",
    "IMAGE_CHANNEL_COUNT",
    "MEAN_PIXEL",
    "BACKBONE_STRIDES",
    "RPN_ANCHOR_SCALES",
    "RPN_ANCHOR_RATIOS",
    "RPN_ANCHOR_STRIDE",
    "RPN_NMS_THRESHOLD",
    "RPN_BBOX_STD_DEV",
    "PRE_NMS_LIMIT",
    "POST_NMS_ROIS_INFERENCE",
    "BBOX_STD_DEV",
    "DETECTION_MAX_INSTANCES",
    "DETECTION_MIN_CONFIDENCE",
    "DETECTION_NMS_THRESHOLD",
)


def refusal(path: Path) -> str:
    """Say in one line what the file lacks."""
    try:
        WeightFile.open(path)
    except (WeightFileError, OSError) as error:
        return str(error)
    return f"{path.name}: its layer names are not a Mask R-CNN's"


def examine(source: ModelSource) -> dict[str, Any]:
    """Return backbone and class count with background; raises ModelError.

    Every number is read, since a training that had diverged leaves NaN. With `allow_partial`
    which layers count is known only when the network is there.
    """
    file = examined(source)
    try:
        with file.reading() as read:
            for layer in () if source.options.get("allow_partial") else file.layers:
                read(layer)
    except (WeightFileError, OSError) as error:
        raise ModelError(str(error)) from error
    network = file.architecture
    return {"backbone": network.backbone, "num_classes": network.num_classes}


def load(source: ModelSource) -> LoadedMaskRcnn:
    """Build the network that the file asks for; raises ModelError."""
    file = examined(source)
    from mrcnn.detector import Detector

    try:
        detector = Detector.load(
            source.path,
            source.options.get("config", {}),
            allow_partial=source.options.get("allow_partial", False),
            threads=source.threads or None,
            program=source.options.get("program", "auto"),
            precision=source.options.get("precision", "auto"),
            frames=source.options.get("resize", "auto"),
            streams=_streams(source),
        )
    except (WeightFileError, ConfigError, FormError, OSError) as error:
        raise ModelError(str(error)) from error
    labels = labels_for(file.architecture.num_classes, source.labels)
    return LoadedMaskRcnn(detector, labels, source, nested_in=file.nested_in)


def _streams(source: ModelSource) -> int:
    """Return how many passes run beside each other: a thread each at least."""
    asked: int = source.options.get("streams", 1)
    return max(1, min(asked, source.threads or asked))


def load_original(source: ModelSource, facts: Facts, reason: str) -> LoadedMaskRcnn | None:
    """Load it as its file has it, save what its options ask for by name; see `Quantizable`."""
    original = {"precision": "f32", "resize": "trained"}
    changed = {
        key: value for key, value in original.items() if source.options.get(key, "auto") == "auto"
    }
    if facts["is_original"] or not changed:
        return None
    loaded = load(replace(source, options={**source.options, **changed}))
    loaded.chosen_because(f"with what was made for speed it does not give its goldens: {reason}")
    return loaded


class LoadedMaskRcnn:
    """A Mask R-CNN in memory."""

    signature = SIGNATURE

    def __init__(
        self,
        detector: Detector,
        labels: tuple[str, ...],
        source: ModelSource,
        *,
        nested_in: tuple[str, ...] = (),
    ) -> None:
        self._detector = detector
        self._channels = detector.architecture.input_channels
        self._nested_in = nested_in
        self._min_score: float | None = source.options.get("min_score")
        least = detector.config.DETECTION_MIN_CONFIDENCE
        self.facts = {
            "labels": list(labels),
            "precision": detector.precision,
            "is_original": detector.precision == "f32" and not detector.is_tight,
            "least_score": float(least if self._min_score is None else self._min_score),
        }
        self._max_molded_pixels = source.max_molded_pixels

    def chosen_because(self, reason: str) -> None:
        """Say why it runs as it does."""
        self._detector.reason = self._detector.frames_reason = reason

    def describe(self) -> dict[str, Any]:
        """Return backbone, class count with background, the network's sizes and its settings.

        `nested_in` names the model within which the file holds the network, where it does.
        """
        architecture = self._detector.architecture
        config = self._detector.config
        return {
            "backbone": architecture.backbone,
            "num_classes": architecture.num_classes,
            "architecture": self._detector.describe(),
            "program": self._detector.program,
            "precision_reason": self._detector.reason,
            "streams": self._detector.passes_at_once,
            "resize": "tight" if self._detector.is_tight else "trained",
            "resize_reason": self._detector.frames_reason,
            **({"nested_in": ", ".join(self._nested_in)} if self._nested_in else {}),
            "min_score": self._min_score,
            "limits": {"molded_pixels": self._max_molded_pixels},
            "config": {name: _plain(getattr(config, name)) for name in _INFERENCE_SETTINGS},
        }

    @property
    def most_together(self) -> int:
        """As many as the network takes beside each other, or in one pass on a GPU."""
        return max(self._detector.passes_at_once, self._detector.images_at_once)

    def warm_up(self) -> None:
        """Build the graph before the first request does."""
        self._detector.warm_up()

    def check(self, inputs: Tensors) -> None:
        """Raise InputError where the network cannot take the picture, or memory would not do."""
        height, width, channels = inputs[PICTURE].shape
        if channels < self._channels:
            raise InputError(
                f"the picture has no fourth channel; this model takes pictures of "
                f"{self._channels}, such as a PNG with RGBA"
            )
        try:
            rows, columns = self._detector.molded_size(height, width)
        except PhotoError as error:
            raise InputError(str(error)) from error
        pixels, limit = rows * columns, self._max_molded_pixels
        if pixels > limit:
            raise InputError(
                f"the picture of {width:,} x {height:,} pixels becomes {columns:,} x {rows:,} "
                f"pixels for the network (resize mode {self._detector.config.IMAGE_RESIZE_MODE!r})"
                f"; at most {limit:,} pixels are accepted there",
                unit="molded pixels",
                value=pixels,
                limit=limit,
            )

    def together(self, inputs: Tensors, asked: Mapping[str, Any]) -> Hashable | None:
        """Return what pictures have in common that the network can take at once."""
        if self._detector.passes_at_once > 1:
            # Whatever their sizes: each has a pass of its own, beside the others'.
            return tuple(sorted(asked.items()))
        if self._detector.images_at_once == 1:
            return None
        height, width, _ = inputs[PICTURE].shape
        return (*self._detector.molded_size(height, width), *sorted(asked.items()))

    def predict(
        self, inputs: Sequence[Tensors], asked: Sequence[Mapping[str, Any]]
    ) -> list[Tensors]:
        """Detect on all pictures at once, then choose by what each request asked."""
        pictures = [one[PICTURE] for one in inputs]
        if asked and all(one == asked[0] for one in asked):
            found = self._detect(pictures, asked[0])
        else:
            found = []
            for picture, wanted in zip(pictures, asked, strict=True):
                found += self._detect([picture], wanted)
        return [tensors_of(instances) for instances in found]

    def _detect(
        self, pictures: Sequence[NDArray[np.uint8]], asked: Mapping[str, Any]
    ) -> list[Instances]:
        min_score = asked.get("min_score")
        found: list[Instances] = self._detector.detect(
            [in_channels(picture, self._channels) for picture in pictures],
            min_score=self._min_score if min_score is None else min_score,
            max_instances=asked.get("max_instances"),
        )
        return found


def labels_for(num_classes: int, given: Sequence[str] | None) -> tuple[str, ...]:
    """Return one name a foreground class; `num_classes` counts the background.

    Without names a file of COCO's size gets COCO's. A list that names the background first is
    taken without it. Raises ModelError where the count does not fit.
    """
    foreground = num_classes - 1
    if given is None:
        if foreground == len(COCO_LABELS):
            return COCO_LABELS
        return tuple(f"class_{class_id}" for class_id in range(1, num_classes))
    if len(given) == num_classes and given[0].lower() in _BACKGROUND:
        return tuple(given[1:])
    if len(given) != foreground:
        raise ModelError(
            f"{len(given)} labels for {foreground} classes; the file has {num_classes} with the "
            f"background, which may be named first"
        )
    return tuple(given)


def wishes_of(source: ModelSource) -> Wishes:
    """Return what the source's options ask for."""
    options = source.options
    return Wishes(
        options.get("program", "auto"),
        options.get("precision", "auto"),
        options.get("resize", "auto"),
        allow_partial=options.get("allow_partial", False),
    )


def _check_channels(file: WeightFile) -> None:
    channels = file.architecture.input_channels
    if channels not in CHANNELS:
        what = ", ".join(f"{count} ({name})" for count, name in CHANNELS.items())
        raise ModelError(
            f"{file.path.name} takes pictures of {channels} channels; a picture that is sent has "
            f"{what}"
        )


def in_channels(image: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """Return the channels that a network takes; its one is luminance, as Pillow's mode "L" is."""
    if channels == 1:
        colours = Image.fromarray(image[:, :, :3])
        return np.asarray(colours.convert("L"))[:, :, np.newaxis]
    return image[:, :, :channels]


def examined(source: ModelSource) -> WeightFile:
    """Return the source's file, with which its options agree; raises ModelError."""
    try:
        file = WeightFile.open(source.path)
        _check_channels(file)
        config = settings_for(file.architecture, source.options.get("config", {}), file.path.name)
        wishes_of(source).check(config)
    except (WeightFileError, ConfigError, FormError, OSError) as error:
        raise ModelError(str(error)) from error
    _check_program(source.options)
    labels_for(file.architecture.num_classes, source.labels)
    _check_frame(config, source.max_molded_pixels)
    return file


def _check_program(options: Mapping[str, Any]) -> None:
    """Raise ModelError where TensorFlow is told to run the network, and is not installed."""
    if options.get("program") == "tensorflow":
        check_installed(TENSORFLOW, "program: tensorflow")
    if options.get("allow_partial"):
        check_installed(TENSORFLOW, "allow_partial: true")


def _check_frame(config: Config, limit: int) -> None:
    """Raise ModelError where the settings make the least frame larger than the limit."""
    least = {"square": "IMAGE_MAX_DIM", "pad64": "IMAGE_MIN_DIM"}.get(config.IMAGE_RESIZE_MODE)
    side = getattr(config, least) if least else 0
    if side * side > limit:
        more = " or more" if least == "IMAGE_MIN_DIM" else ""
        raise ModelError(
            f"config: {least} is {side}: the network's frame has {side * side:,} pixels{more}; "
            f"MAX_MOLDED_PIXELS allows {limit:,}"
        )


def _plain(value: Any) -> Any:
    """Return a setting as a plain JSON value."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return list(value) if isinstance(value, tuple) else value

"""Detection on photos: a weight file and settings in, the instances of each photo out.

This is what the server and `mrcnn.model` call. It decides which network a file needs, how many
photos go through it at once, and how often a graph is built; what is computed is in `network`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mrcnn.architecture import Architecture
from mrcnn.config import SIZE_MULTIPLE, Config
from mrcnn.forms import FormError
from mrcnn.instances import Instances
from mrcnn.molding import Molded, PhotoError, check_channels, mold_image, molded_size
from mrcnn.programs.choice import Choice, Frames, Precision, ProgramName, Wishes, choose
from mrcnn.programs.program import Program
from mrcnn.settings import check_settings as check_settings
from mrcnn.settings import settings_for
from mrcnn.unmolding import unmold_detections
from mrcnn.weights import WeightFile, WeightFileError

#: Pixels that may go through a GPU at once: an image of 1024 x 1024 takes 1 GB of feature maps.
PIXELS_AT_ONCE = 8 * 1024 * 1024

Images = Sequence[NDArray[np.uint8]]


class Detector:
    """A network with its weights, ready to look at photos. Any number of threads may share it.

    Attributes:
        architecture: the network that the weight file holds.
        config: the settings in use; what the file fixes is in them too.
        program: what the network runs on.
        precision: what its layers are in.
        reason: why those two, where they were chosen.
        is_tight: whether a photo is padded to multiples of 64 alone, where it would be to a square.
        frames_reason: why so.
        images_at_once: photos of one shape that share a pass.
        passes_at_once: passes that run beside each other.
    """

    def __init__(
        self,
        program: Program,
        config: Config,
        *,
        reason: str = "",
        is_tight: bool = False,
        frames_reason: str = "",
    ) -> None:
        self.architecture: Architecture = program.architecture
        self.config = config
        self.program, self.precision, self.reason = program.name, program.precision, reason
        self.is_tight, self.frames_reason = is_tight, frames_reason
        self.images_at_once = program.most_at_once
        self.passes_at_once = program.passes_at_once
        self._beside = ThreadPoolExecutor(self.passes_at_once, "detector")
        self._program = program

    @classmethod
    def load(
        cls,
        path: str | Path,
        config: Mapping[str, object] | None = None,
        *,
        allow_partial: bool = False,
        threads: int | None = None,
        program: ProgramName = "auto",
        precision: Precision = "auto",
        frames: Frames = "auto",
        streams: int = 1,
    ) -> Detector:
        """Build the network that a Matterport weight file needs, and fill it.

        Args:
            path: the `.h5`.
            config: Matterport's setting names with values, where they differ from its defaults.
            allow_partial: load the layers that fit and log the others, instead of refusing; with
                TensorFlow alone, whose layers start from random numbers.
            threads: how many compute. TensorFlow has one number for all networks of a process, and
                takes it before the first one only.
            program, precision, frames: what the network runs on, what its layers are in, and how
                much padding a photo gets: see `choose`.
            streams: passes that run beside each other, each with its share of the threads; with
                OpenVINO alone. Many photos take less time then, and one alone takes more.

        Raises:
            FormError: what is wanted cannot be had.
            WeightFileError: the file cannot be read, or does not fit; every such layer is listed.
                Or its numbers are none that give an answer.
            ConfigError: a setting is unknown, impossible, or contradicts the file.
        """
        file = WeightFile.open(path)
        settings = settings_for(file.architecture, config or {}, file.path.name)
        wishes = Wishes(program, precision, frames, allow_partial=allow_partial)
        chosen, loaded = _chosen(file, settings, wishes, threads, streams)
        if not loaded.gives_numbers():
            raise WeightFileError(
                f"{file.path.name}: its numbers are so large that no picture gives an answer: "
                "training had diverged when it was saved"
            )
        return cls(
            loaded,
            settings,
            reason=chosen.reason,
            is_tight=chosen.is_tight,
            frames_reason=chosen.frames_reason,
        )

    def in_frames(self, *, is_tight: bool) -> Detector:
        """Return one with the same network that pads photos so."""
        return Detector(self._program, self.config, reason=self.reason, is_tight=is_tight)

    def describe(self) -> dict[str, Any]:
        """Return the network's sizes and its number of parameters, as plain values."""
        return {**self.architecture.describe(), "parameters": self._program.parameters}

    def warm_up(self) -> None:
        """Run the shape that most photos will have, so that the first one need not wait."""
        side = self.config.IMAGE_MIN_DIM
        if self.config.IMAGE_RESIZE_MODE == "square":
            side = self.config.IMAGE_MAX_DIM
        elif self.config.IMAGE_RESIZE_MODE == "none":
            side = min(side, 1024)  # the setting is not about photos then, and may be anything
        side = max(64, side // 64 * 64)
        shape = side, side, self.architecture.input_channels
        noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        self.detect([noise], min_score=0.0)

    def molded_size(self, height: int, width: int) -> tuple[int, int]:
        """Return (height, width) of the network's frame for a photo, which it fits.

        Raises PhotoError for a size that the resize mode cannot take.
        """
        config = self.config
        molded = molded_size(
            (height, width),
            mode=config.IMAGE_RESIZE_MODE,
            min_dim=config.IMAGE_MIN_DIM,
            max_dim=config.IMAGE_MAX_DIM,
            min_scale=config.IMAGE_MIN_SCALE,
            is_tight=self.is_tight,
        )
        self._check_sides(*molded)
        return molded

    def _check_sides(self, height: int, width: int) -> None:
        if height % SIZE_MULTIPLE or width % SIZE_MULTIPLE:
            raise PhotoError(
                f"the photo is {width} x {height} pixels; resize mode "
                f"{self.config.IMAGE_RESIZE_MODE!r} needs sides that are multiples of "
                f"{SIZE_MULTIPLE}"
            )

    def detect(
        self,
        images: Images,
        *,
        min_score: float | None = None,
        max_instances: int | None = None,
    ) -> list[Instances]:
        """Find the instances of each photo.

        Args:
            images: uint8 [h, w, channels], any number of any sizes; RGB where the network has
                three channels.
            min_score: weaker detections are dropped before any is chosen; DETECTION_MIN_CONFIDENCE
                unless told.
            max_instances: how many to return for a photo; DETECTION_MAX_INSTANCES at most.

        Returns:
            One `Instances` a photo, in the order given, best score first.

        Raises:
            ValueError: something is not a photo; PhotoError: the resize mode cannot take its size.
        """
        images = [np.asarray(image) for image in images]
        for image in images:
            check_channels(image, self.architecture.input_channels)
        if self.passes_at_once > 1 and len(images) > 1:
            alone = ([image] for image in images)
            found = list(self._beside.map(lambda one: self._detect(one, min_score)[0], alone))
        else:
            found = self._detect(images, min_score)
        return [instances[:max_instances] for instances in found]

    def _detect(self, images: Images, min_score: float | None) -> list[Instances]:
        return self.detect_molded([self.mold(image) for image in images], min_score=min_score)

    def mold(self, image: NDArray[np.uint8]) -> Molded:
        """Return a photo in the network's frame; raises PhotoError."""
        config = self.config
        return mold_image(
            image,
            mode=config.IMAGE_RESIZE_MODE,
            min_dim=config.IMAGE_MIN_DIM,
            max_dim=config.IMAGE_MAX_DIM,
            min_scale=config.IMAGE_MIN_SCALE,
            is_tight=self.is_tight,
        )

    def detect_molded(
        self, molded: Sequence[Molded], *, min_score: float | None = None
    ) -> list[Instances]:
        """Find the instances of photos that are in the network's frame already.

        Their pixels may be of any type, the mean not yet subtracted.
        """
        least = self.config.DETECTION_MIN_CONFIDENCE if min_score is None else min_score
        for photo in molded:
            self._check_sides(*photo.pixels.shape[:2])
        found: dict[int, Instances] = {}
        for chunk in _chunks(molded, self.images_at_once):
            answers = self._run([molded[index] for index in chunk], float(least))
            found.update(zip(chunk, answers, strict=True))
        return [found[index] for index in range(len(molded))]

    def _run(self, molded: Sequence[Molded], least: float) -> Iterator[Instances]:
        """Run photos of one molded shape."""
        pixels = np.stack([m.pixels for m in molded])
        windows = np.array([m.window for m in molded], np.float32)
        detections, probabilities, image_indices, masks = self._program.run(pixels, windows, least)
        for index, photo in enumerate(molded):
            yield unmold_detections(
                detections[index],
                masks[image_indices == index],
                probabilities[index],
                molded_shape=photo.pixels.shape,
                window=photo.window,
                photo_shape=photo.original_shape,
            )


def _chosen(
    file: WeightFile, config: Config, wishes: Wishes, threads: int | None, streams: int
) -> tuple[Choice, Program]:
    """Return what runs the file, and that; a form that holds no graph is as good as none."""

    def program(chosen: Choice) -> Program:
        if chosen.program == "openvino":
            from mrcnn.programs.openvino.program import OpenVinoProgram

            form, precision = chosen.form, chosen.precision
            return OpenVinoProgram.load(
                file, config, form=form, precision=precision, threads=threads, streams=streams
            )
        from mrcnn.programs.tensorflow import TensorFlowProgram

        return TensorFlowProgram.load(
            file, config, allow_partial=wishes.allow_partial, threads=threads
        )

    chosen = choose(file.path, config, wishes)
    try:
        return chosen, program(chosen)
    except FormError as error:
        if wishes.precision != "auto":
            raise
        reason = str(error)
    chosen = choose(file.path, config, wishes._replace(precision="f32"))._replace(reason=reason)
    return chosen, program(chosen)


def _chunks(molded: Sequence[Molded], most: int) -> Iterator[list[int]]:
    """Yield the indices of photos that share a pass: of one shape, and no more than memory has."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for index, photo in enumerate(molded):
        groups.setdefault((*photo.pixels.shape, photo.pixels.dtype), []).append(index)
    for (height, width, *_), members in groups.items():
        size = min(most, max(1, PIXELS_AT_ONCE // (height * width)))
        for start in range(0, len(members), size):
            yield members[start : start + size]

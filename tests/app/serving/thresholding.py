"""A small, genuine kind of model, so that serving is tested without TensorFlow.

Its model file is JSON. It finds what is bright in one channel only: red is class 1, green 2,
blue 3; with a `first_channel` of 1 green is class 1, blue 2, the fourth channel 3.
Run as a script, it is the inference process with this kind alone.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from app.kinds.face import Face
from app.kinds.kind import InputError, Inspection, ModelError, ModelSource
from app.kinds.mask_rcnn import MaskRcnnOptions
from app.kinds.mask_rcnn.face import INSTANCES
from app.kinds.mask_rcnn.tensors import PICTURE, SIGNATURE, tensors_of
from app.kinds.tensors import Tensors
from app.serving import host
from mrcnn.instances import Instances

COLOURS = ("red", "green", "blue")


class Thresholding:
    """Loads `{"threshold": LEVEL}`, perhaps with other values, as `delay_s`."""

    name = "thresholding"
    faces = (INSTANCES,)
    options = MaskRcnnOptions

    def face_of(self, options: Mapping[str, Any]) -> Face:
        return INSTANCES

    def recognises(self, path: Path) -> bool:
        try:
            return "threshold" in json.loads(path.read_bytes())
        except (OSError, ValueError, TypeError):
            return False

    def refusal(self, path: Path) -> str:
        return f"{path.name} holds no threshold"

    def inspect(self, path: Path) -> Inspection:
        return Inspection("a threshold", [("threshold", str(json.loads(path.read_bytes())))])

    def examine(self, source: ModelSource) -> dict[str, Any]:
        values = json.loads(source.path.read_bytes())
        if not isinstance(values["threshold"], int):
            raise ModelError(f"{source.path.name}: threshold is {values['threshold']!r}")
        if len(source.labels or COLOURS) != 3:
            raise ModelError(f"{len(source.labels or ())} labels for 3 classes")
        return {"num_classes": 4}

    def load(self, source: ModelSource) -> LoadedThresholding:
        self.examine(source)
        values = json.loads(source.path.read_bytes())
        time.sleep(values.get("load_s", 0))
        labels = source.labels or COLOURS
        level = source.options.get("config", {}).get("LEVEL", values["threshold"])
        return LoadedThresholding(level, labels, values, source.options.get("min_score", 0.0))


class LoadedThresholding:
    signature = SIGNATURE

    def __init__(
        self, level: int, labels: Sequence[str], values: dict[str, Any], min_score: float
    ) -> None:
        self.facts = {"labels": list(labels)}
        self.most_together: int = values.get("most_together", 1000)
        self._level = level
        self._values = values
        self._min_score = min_score
        self._is_warm = False

    def describe(self) -> dict[str, Any]:
        return {"num_classes": 4, "config": {"LEVEL": self._level}}

    def warm_up(self) -> None:
        self._is_warm = True

    def check(self, inputs: Tensors) -> None:
        image = inputs[PICTURE]
        largest = self._values.get("max_molded_pixels")
        pixels = image.shape[0] * image.shape[1]
        if largest is not None and pixels > largest:
            reason = f"{pixels} pixels are more than {largest}"
            raise InputError(reason, unit="molded pixels", value=pixels, limit=largest)

    def together(self, inputs: Tensors, asked: Mapping[str, Any]) -> tuple[int, ...]:
        return inputs[PICTURE].shape

    def predict(
        self, inputs: Sequence[Tensors], asked: Sequence[Mapping[str, Any]]
    ) -> list[Tensors]:
        images = [one[PICTURE] for one in inputs]
        assert self._is_warm, "asked before it was warm"
        time.sleep(self._values.get("delay_s", 0))
        # Written to, so that it takes memory and not only addresses.
        work = [
            np.ones(self._values.get("bytes_per_pixel", 0) * image[..., 0].size, np.uint8)
            for image in images
        ]
        del work
        if self._values.get("fails"):
            raise RuntimeError("this model always fails")
        return [tensors_of(self._find(*work)) for work in zip(images, asked, strict=True)]

    def _find(self, image: np.ndarray, asked: Mapping[str, Any]) -> Instances:
        found = []
        first = self._values.get("first_channel", 0)
        image = image[..., first : first + 3]
        bright = image >= self._level
        for channel in range(3):
            only = bright[..., channel] & (bright.sum(axis=2) == 1)
            if only.any():
                found.append((*_outline(only), channel + 1, image[only, channel].mean() / 255))
        found.sort(key=lambda instance: -instance[3])
        boxes, masks, classes, scores = zip(*found, strict=True) if found else ((), (), (), ())
        instances = Instances(
            image.shape[:2],
            np.array(boxes, np.int32).reshape(-1, 4),
            np.array(classes, np.int32),
            np.array(scores, np.float32),
            np.array(masks, np.float32).reshape(-1, 28, 28),
        )
        asked_least = asked.get("min_score")
        least = self._min_score if asked_least is None else asked_least
        return instances.above(least)[: asked.get("max_instances")]


def _outline(pixels: np.ndarray) -> tuple[list[int], np.ndarray]:
    """Return the box y1 x1 y2 x2 around the pixels and their 28 x 28 mask in it."""
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    box = [rows[0], columns[0], rows[-1] + 1, columns[-1] + 1]
    inside = pixels[box[0] : box[2], box[1] : box[3]]
    y = (np.arange(28) + 0.5) * inside.shape[0] / 28
    x = (np.arange(28) + 0.5) * inside.shape[1] / 28
    return box, inside[np.ix_(y.astype(int), x.astype(int))].astype(np.float32)


if __name__ == "__main__":
    os._exit(host.main([Thresholding()]))

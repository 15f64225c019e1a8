"""Makes a model reproduce its goldens: photos with the answers that they must give.

An answer is the JSON that `POST /predict` gave with `masks=rle`; a model that has drifted from it
must not serve. Tolerances are wide enough for another processor, too narrow for another setting.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco

from app.images import ImageError, ImageLimits, decode, measure
from app.kinds.kind import LoadedModel, ModelError, ModelSource, Parameters, PictureError
from app.serving.strays import is_pointer, pointer_text
from mrcnn.instances import Instances
from mrcnn.masks import encode_rle

BOX_TOLERANCE_PX = 1
SCORE_TOLERANCE = 1e-2
MASK_IOU_AT_LEAST = 0.99

# A golden is the owner's own file; the limits keep a broken one from taking the memory.
_LIMITS = ImageLimits(max_bytes=1 << 28, max_pixels=1 << 28)


class GoldenError(ModelError):
    """A model does not give one of its golden answers, or the golden cannot be read."""


@dataclass(frozen=True)
class _Golden:
    """One instance of a golden answer."""

    class_id: int
    score: float
    box_yxyx: Sequence[int]
    rle: Mapping[str, Any]


def check_goldens(source: ModelSource) -> None:
    """Raise GoldenError where a golden of the model's options cannot be read."""
    for golden in source.options.get("golden", []):
        with _named(golden):
            _read_answer(source.folder / golden["output"])
            measure(_read(source.folder / golden["input"]), _LIMITS)


def reproduce_goldens(model: LoadedModel, source: ModelSource) -> int:
    """Run every golden of the model's options and return how many there are.

    Raises GoldenError, naming the input and what differs.
    """
    goldens = source.options.get("golden", [])
    for golden in goldens:
        with _named(golden):
            expected = _read_answer(source.folder / golden["output"])
            image = decode(_read(source.folder / golden["input"]), _LIMITS, keep_alpha=True)
            model.check(image)
            actual = model.predict([image], [Parameters()])[0]
            difference = _difference(expected, actual)
        if difference:
            raise GoldenError(f"golden {golden['input']}: {difference}")
    return len(goldens)


@contextlib.contextmanager
def _named(golden: Mapping[str, str]) -> Iterator[None]:
    """Say which golden it is that cannot be read."""
    try:
        yield
    except (OSError, ImageError, PictureError, ValueError) as error:
        raise GoldenError(f"golden {golden['input']}: {error}") from error


def _read(path: Path) -> bytes:
    """Return a file's bytes; raises ValueError, which names it and not where it lies."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path.name}: {error.strerror}") from error
    if is_pointer(content):
        raise ValueError(pointer_text(path.name))
    return content


def _read_answer(path: Path) -> list[_Golden]:
    content = _read(path)
    try:
        answer = json.loads(content)
        return [_golden(instance) for instance in answer["instances"]]
    except (KeyError, TypeError, ValueError) as error:
        problem = f"{type(error).__name__}: {error}"
        raise ValueError(
            f"{path.name} is no answer of POST /predict with masks=rle ({problem})"
        ) from error


def _golden(instance: Mapping[str, Any]) -> _Golden:
    box = instance["box"]
    mask = instance["mask"]
    height, width = (int(side) for side in mask["size"])
    counts = mask["counts"]
    if not isinstance(counts, str):
        raise ValueError(f"counts is {counts!r:.40}, and no text")
    return _Golden(
        int(instance["class_id"]),
        float(instance["score"]),
        [int(box[side]) for side in ("y_min", "x_min", "y_max", "x_max")],
        {"size": [height, width], "counts": counts},
    )


def _difference(expected: list[_Golden], actual: Instances) -> str | None:
    """Say in which way the answer is not the golden one; None where it is."""
    if len(expected) != len(actual):
        return f"{len(actual)} instances instead of {len(expected)}"
    counts = Counter(int(class_id) for class_id in actual.class_ids)
    expected_counts = Counter(golden.class_id for golden in expected)
    if counts != expected_counts:
        return f"classes (id: count) {_text(counts)} instead of {_text(expected_counts)}"
    free = list(range(len(actual)))
    for number, golden in enumerate(expected, start=1):
        candidates = [index for index in free if actual.class_ids[index] == golden.class_id]
        # Nearest box first: instances of nearly equal score may have swapped places.
        candidates.sort(key=lambda index: _box_distance_px(golden, actual, index))
        index = candidates[0]
        problem = _instance_difference(golden, actual, index)
        if problem:
            return f"instance {number} (class {golden.class_id}): {problem}"
        free.remove(index)
    return None


def _text(counts: Counter[int]) -> str:
    return ", ".join(f"{class_id}: {counts[class_id]}" for class_id in sorted(counts))


def _box_distance_px(golden: _Golden, actual: Instances, index: int) -> int:
    return int(np.abs(actual.boxes_yxyx[index] - np.asarray(golden.box_yxyx)).max())


def _instance_difference(golden: _Golden, actual: Instances, index: int) -> str | None:
    box = [int(side) for side in actual.boxes_yxyx[index]]
    if _box_distance_px(golden, actual, index) > BOX_TOLERANCE_PX:
        return f"box (y x y x) {box} instead of {list(golden.box_yxyx)}"
    score = float(actual.scores[index])
    if not abs(score - golden.score) <= SCORE_TOLERANCE:
        return f"score {score:.4f} instead of {golden.score:.4f}"
    rle = encode_rle(actual.masks[index], box, actual.image_size)
    if rle["size"] != golden.rle["size"]:
        return f"photo of {rle['size']} instead of {golden.rle['size']} (height, width)"
    iou = float(coco.iou([rle], [golden.rle], [0])[0][0])
    empty = not coco.area(rle) and not coco.area(golden.rle)
    if not (iou >= MASK_IOU_AT_LEAST or empty):
        return f"mask IoU {iou:.3f}, less than {MASK_IOU_AT_LEAST}"
    return None

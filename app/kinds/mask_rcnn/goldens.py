"""Whether instances are those of a golden answer: the JSON that POST /predict gave with masks=rle.

Tolerances are wide enough for another processor, too narrow for another setting. A model in another
form than its weights', whose answers are others by its nature, has wider ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pycocotools import mask as coco

from mrcnn.instances import Instances
from mrcnn.masks import encode_rle


@dataclass(frozen=True)
class Tolerance:
    """How far an answer may be from a golden one: `box_share` of its longer side, or `box_px`.

    An instance that one of the two lacks is let pass where its score is less than `slack` above
    the least one.
    """

    box_px: int
    box_share: float
    score: float
    mask_iou: float
    slack: float = 0.0


F32 = Tolerance(box_px=1, box_share=0.0, score=1e-2, mask_iou=0.99)
OTHER_FORM = Tolerance(box_px=4, box_share=0.1, score=0.1, mask_iou=0.9, slack=0.1)


@dataclass(frozen=True)
class Golden:
    """One instance of a golden answer."""

    class_id: int
    score: float
    box_yxyx: Sequence[int]
    rle: Mapping[str, Any]


def read_golden(document: Any) -> list[Golden]:
    """Return the instances that an answer tells of; raises ValueError."""
    try:
        return [_golden(instance) for instance in document["instances"]]
    except (KeyError, TypeError, ValueError) as error:
        problem = f"{type(error).__name__}: {error}"
        raise ValueError(f"no answer of POST /predict with masks=rle ({problem})") from error


def _golden(instance: Mapping[str, Any]) -> Golden:
    box = instance["box"]
    mask = instance["mask"]
    height, width = (int(side) for side in mask["size"])
    counts = mask["counts"]
    if not isinstance(counts, str):
        raise ValueError(f"counts is {counts!r:.40}, and no text")
    return Golden(
        int(instance["class_id"]),
        float(instance["score"]),
        [int(box[side]) for side in ("y_min", "x_min", "y_max", "x_max")],
        {"size": [height, width], "counts": counts},
    )


def difference(
    expected: list[Golden], actual: Instances, tolerance: Tolerance = F32, least: float = 0.0
) -> str | None:
    """Say in which way the answer is not the golden one; None where it is.

    `least` is the score from which on the model tells of an instance.
    """
    if not tolerance.slack and (problem := _count_difference(expected, actual)):
        return problem
    free = list(range(len(actual)))
    for number, golden in enumerate(expected, start=1):
        candidates = [index for index in free if actual.class_ids[index] == golden.class_id]
        # Nearest box first: instances of nearly equal score may have swapped places.
        candidates.sort(key=lambda index: _box_distance_px(golden, actual, index))
        has_partner = bool(candidates) and _is_beside(golden, actual, candidates[0], tolerance)
        if golden.score < least + tolerance.slack and not has_partner:
            continue
        if not candidates:
            return f"instance {number} (class {golden.class_id}): is not found"
        index = candidates[0]
        problem = _instance_difference(golden, actual, index, tolerance)
        if problem:
            return f"instance {number} (class {golden.class_id}): {problem}"
        free.remove(index)
    for index in free:
        score = float(actual.scores[index])
        if score >= least + tolerance.slack:
            return f"an instance more, of class {actual.class_ids[index]} with score {score:.4f}"
    return None


def _count_difference(expected: list[Golden], actual: Instances) -> str | None:
    if len(expected) != len(actual):
        return f"{len(actual)} instances instead of {len(expected)}"
    counts = Counter(int(class_id) for class_id in actual.class_ids)
    expected_counts = Counter(golden.class_id for golden in expected)
    if counts != expected_counts:
        return f"classes (id: count) {_text(counts)} instead of {_text(expected_counts)}"
    return None


def _text(counts: Counter[int]) -> str:
    return ", ".join(f"{class_id}: {counts[class_id]}" for class_id in sorted(counts))


def _box_distance_px(golden: Golden, actual: Instances, index: int) -> int:
    return int(np.abs(actual.boxes_yxyx[index] - np.asarray(golden.box_yxyx)).max())


def _is_beside(golden: Golden, actual: Instances, index: int, tolerance: Tolerance) -> bool:
    y_min, x_min, y_max, x_max = golden.box_yxyx
    most_px = max(tolerance.box_px, tolerance.box_share * max(y_max - y_min, x_max - x_min))
    return _box_distance_px(golden, actual, index) <= most_px


def _instance_difference(
    golden: Golden, actual: Instances, index: int, tolerance: Tolerance
) -> str | None:
    box = [int(side) for side in actual.boxes_yxyx[index]]
    if not _is_beside(golden, actual, index, tolerance):
        return f"box (y x y x) {box} instead of {list(golden.box_yxyx)}"
    score = float(actual.scores[index])
    if not abs(score - golden.score) <= tolerance.score:
        return f"score {score:.4f} instead of {golden.score:.4f}"
    rle = encode_rle(actual.masks[index], box, actual.image_size)
    if rle["size"] != golden.rle["size"]:
        return f"photo of {rle['size']} instead of {golden.rle['size']} (height, width)"
    iou = float(coco.iou([rle], [golden.rle], [0])[0][0])
    empty = not coco.area(rle) and not coco.area(golden.rle)
    if not (iou >= tolerance.mask_iou or empty):
        return f"mask IoU {iou:.3f}, less than {tolerance.mask_iou}"
    return None

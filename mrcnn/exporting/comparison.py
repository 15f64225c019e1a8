"""How near the answers of a written model are to the network's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mrcnn.instances import Instances
from mrcnn.masks import paste

#: Instances of a class are the same where boxes, in pixels, and scores are no farther apart.
BOX_PX = 1
SCORE = 1e-3
#: So much their masks have to overlap in the mean.
LEAST_MASK_IOU = 0.99

#: What a written model gives, by its outputs' names.
Answers = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Pair:
    """An instance that both found, and how far apart the two are."""

    box_px: int
    score: float
    mask_iou: float


@dataclass(frozen=True)
class Comparison:
    """What a written model and the network have in common on some pictures.

    `alone` is how many instances one of the two found alone.
    """

    pictures: int
    pairs: tuple[Pair, ...]
    alone: int

    def __str__(self) -> str:
        if not self.pairs:
            return f"nothing found on {self.pictures} pictures"
        return (
            f"{len(self.pairs)} instances on {self.pictures} pictures: boxes "
            f"{max(pair.box_px for pair in self.pairs)} px apart at most, scores "
            f"{max(pair.score for pair in self.pairs):.1g}, masks' IoU {self.mask_iou:.4f}"
        )

    @property
    def mask_iou(self) -> float:
        """The mean over the instances that both found."""
        return float(np.mean([pair.mask_iou for pair in self.pairs]))

    def shortfall(self) -> str | None:
        """Say in which way they are too far apart; None where they are not."""
        if self.alone:
            return (
                f"{self.alone} instances are not found by both with boxes within {BOX_PX} px and "
                f"scores within {SCORE:g}"
            )
        if not self.pairs:
            return "nothing was found, which compares nothing; name pictures on which there is"
        if self.mask_iou < LEAST_MASK_IOU:
            return f"masks' IoU {self.mask_iou:.4f}, {LEAST_MASK_IOU} is needed"
        return None


def compare(found: Iterable[tuple[Instances, Answers]], least: float) -> Comparison:
    """Compare the network's instances with the answers for the same pictures.

    What lies beside the least score may be found by one of the two alone.
    """
    pairs: list[Pair] = []
    pictures = alone = 0
    for ours, theirs in found:
        pictures += 1
        boxes, classes, scores = (theirs[name][0] for name in ("boxes", "classes", "scores"))
        left = list(range(len(scores)))
        for index in range(len(ours)):
            near = {
                place: distance
                for place in left
                if classes[place] == ours.class_ids[index]
                and abs(scores[place] - ours.scores[index]) <= SCORE
                and (distance := _distance(boxes[place], ours.boxes_yxyx[index])) <= BOX_PX
            }
            if not near:
                alone += bool(ours.scores[index] >= least + SCORE)
                continue
            place = min(near, key=lambda one: near[one])
            left.remove(place)
            iou = _mask_iou(ours, index, theirs["masks"][0, place], boxes[place])
            pairs.append(Pair(near[place], abs(float(scores[place] - ours.scores[index])), iou))
        alone += sum(bool(scores[place] >= least + SCORE) for place in left)
    return Comparison(pictures, tuple(pairs), alone)


def _distance(box: NDArray[Any], other: NDArray[Any]) -> int:
    return int(np.abs(box.astype(np.int64) - other).max())


def _mask_iou(ours: Instances, index: int, mask: NDArray[Any], box: NDArray[Any]) -> float:
    """Return the overlap of one of ours with a mask over the picture, or over its box."""
    frames = []
    for small, own in ((ours.masks[index], ours.boxes_yxyx[index]), (mask, box)):
        if small.shape == ours.image_size and small.dtype == np.uint8:
            frames.append(small.astype(bool))
            continue
        frame = np.zeros(ours.image_size, bool)
        top, left, bottom, right = own
        frame[top:bottom, left:right] = paste(small, own)
        frames.append(frame)
    union = np.count_nonzero(frames[0] | frames[1])
    return np.count_nonzero(frames[0] & frames[1]) / union if union else 1.0

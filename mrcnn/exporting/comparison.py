"""How near the answers of a written model are to the network's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mrcnn.instances import Instances
from mrcnn.masks import paste


@dataclass(frozen=True)
class Bounds:
    """How far apart two instances of a class may be and still be the same one.

    Boxes in pixels, or by a share of the longer side where that is more; so much their masks have
    to overlap in the mean, and such a share may be found by one of the two alone.
    """

    box_px: int
    box_share: float
    score: float
    mask_iou: float
    alone: float

    def __str__(self) -> str:
        share = f" or {self.box_share:.0%} of their side" if self.box_share else ""
        return f"boxes within {self.box_px} px{share} and scores within {self.score:g}"


FLOAT32 = Bounds(box_px=1, box_share=0.0, score=1e-3, mask_iou=0.99, alone=0.0)
#: Those of goldens in eight bits, and of what eight bits may cost. Of a picture that needs no
#: scaling both are the same; where it does, a few colours are off by 1, which eight bits amplify.
INT8 = Bounds(box_px=1, box_share=0.1, score=0.1, mask_iou=0.9, alone=0.05)

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
    bounds: Bounds

    def __str__(self) -> str:
        if not self.pairs:
            return f"nothing found on {self.pictures} pictures"
        alone = f" and {self.alone} by one of the two alone" if self.alone else ""
        return (
            f"{len(self.pairs)} instances on {self.pictures} pictures{alone}: boxes "
            f"{max(pair.box_px for pair in self.pairs)} px apart at most, scores "
            f"{max(pair.score for pair in self.pairs):.1g}, masks' IoU {self.mask_iou:.4f}"
        )

    @property
    def mask_iou(self) -> float:
        """The mean over the instances that both found."""
        return float(np.mean([pair.mask_iou for pair in self.pairs]))

    def shortfall(self) -> str | None:
        """Say in which way they are too far apart; None where they are not."""
        if self.alone > self.bounds.alone * (self.alone + len(self.pairs)):
            return f"{self.alone} instances are not found by both with {self.bounds}"
        if not self.pairs:
            return "nothing was found, which compares nothing; name pictures on which there is"
        if self.mask_iou < self.bounds.mask_iou:
            return f"masks' IoU {self.mask_iou:.4f}, {self.bounds.mask_iou} is needed"
        return None


def compare(
    found: Iterable[tuple[Instances, Answers]], least: float, bounds: Bounds = FLOAT32
) -> Comparison:
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
            most_px = max(bounds.box_px, bounds.box_share * _side(ours.boxes_yxyx[index]))
            near = {
                place: distance
                for place in left
                if classes[place] == ours.class_ids[index]
                and abs(scores[place] - ours.scores[index]) <= bounds.score
                and (distance := _distance(boxes[place], ours.boxes_yxyx[index])) <= most_px
            }
            if not near:
                alone += bool(ours.scores[index] >= least + bounds.score)
                continue
            place = min(near, key=lambda one: near[one])
            left.remove(place)
            iou = _mask_iou(ours, index, theirs["masks"][0, place], boxes[place])
            pairs.append(Pair(near[place], abs(float(scores[place] - ours.scores[index])), iou))
        alone += sum(bool(scores[place] >= least + bounds.score) for place in left)
    return Comparison(pictures, tuple(pairs), alone, bounds)


def _side(box: NDArray[np.int32]) -> int:
    return int((box[2:] - box[:2]).max())


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

"""How near one network's answers are to another's, where nobody knows what is right.

What both find is matched by class and mask; the rest was found by one of them alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from mrcnn.instances import Instances
from mrcnn.masks import encode_rle

#: Instances of one class are the same where their masks overlap by so much.
SAME_FROM_IOU = 0.5
#: What a score may lose before the other's instance is no longer looked for: one that lies beside
#: the least score is found by one of the two alone, and means nothing.
SLACK = 0.1

#: Another form of a network is near where on pictures that it was not made from at least this share
#: of instances is found by both, their masks overlap by so much in the mean, and their scores
#: differ by no more in the mean.
LEAST_MATCHED = 0.95
LEAST_MASK_IOU = 0.90
MOST_SCORE_CHANGE = 0.02
#: Fewer instances than these say nothing.
LEAST_INSTANCES = 20


@dataclass(frozen=True)
class Match:
    """What two networks found on one picture.

    Attributes:
        ours, theirs: how many instances each has that count.
        both: how many of those of either have one of the other's beside them.
        mask_ious, score_changes: of each pair.
    """

    ours: int
    theirs: int
    both: int
    mask_ious: tuple[float, ...]
    score_changes: tuple[float, ...]

    @property
    def distance(self) -> float:
        """How far the two are from each other, to find the worst pictures by."""
        lost = self.ours + self.theirs - self.both
        return lost + sum(1 - iou for iou in self.mask_ious) + sum(self.score_changes)


@dataclass(frozen=True)
class Agreement:
    """What two networks have in common on some pictures: shares and means, 0 to 1."""

    pictures: int
    instances: int
    matched: float
    mask_iou: float
    score_change: float

    @classmethod
    def of(cls, matches: Iterable[Match]) -> Agreement:
        """Sum up."""
        matches = list(matches)
        ious = [iou for match in matches for iou in match.mask_ious]
        changes = [change for match in matches for change in match.score_changes]
        all_of_them = sum(match.ours + match.theirs for match in matches)
        both = sum(match.both for match in matches)
        return cls(
            pictures=len(matches),
            instances=sum(match.theirs for match in matches),
            matched=both / all_of_them if all_of_them else 0.0,
            mask_iou=float(np.mean(ious)) if ious else 0.0,
            score_change=float(np.mean(changes)) if changes else 0.0,
        )

    def __str__(self) -> str:
        return (
            f"of {self.instances} instances on {self.pictures} pictures {self.matched:.1%} are "
            f"found by both, masks' IoU {self.mask_iou:.3f}, scores {self.score_change:.4f} apart"
        )

    def shortfall(self) -> str | None:
        """Say in which way it is too little; None where it is not."""
        if self.instances < LEAST_INSTANCES:
            return f"{self.instances} instances say nothing, {LEAST_INSTANCES} are needed"
        if self.matched < LEAST_MATCHED:
            return f"{self.matched:.1%} found by both, {LEAST_MATCHED:.0%} are needed"
        if self.mask_iou < LEAST_MASK_IOU:
            return f"masks' IoU {self.mask_iou:.3f}, {LEAST_MASK_IOU} is needed"
        if self.score_change > MOST_SCORE_CHANGE:
            return f"scores {self.score_change:.4f} apart, {MOST_SCORE_CHANGE} may be"
        return None


def match(ours: Instances, theirs: Instances, least: float) -> Match:
    """Match what two networks found on a picture.

    Args:
        ours, theirs: with all scores from `least - SLACK` on.
        least: the least score of what counts.
    """
    overlaps = _overlaps(ours, theirs)
    same: list[tuple[int, int]] = []
    while overlaps.size and overlaps.max() >= SAME_FROM_IOU:
        row, column = np.unravel_index(int(overlaps.argmax()), overlaps.shape)
        same.append((int(row), int(column)))
        overlaps[row], overlaps[:, column] = 0, 0
    ours_count, theirs_count = ours.scores >= least, theirs.scores >= least
    counted = [(i, j) for i, j in same if ours_count[i] or theirs_count[j]]
    ious = _overlaps(ours, theirs)
    return Match(
        ours=int(ours_count.sum()),
        theirs=int(theirs_count.sum()),
        both=sum(int(ours_count[i]) + int(theirs_count[j]) for i, j in counted),
        mask_ious=tuple(float(ious[i, j]) for i, j in counted),
        score_changes=tuple(abs(float(ours.scores[i] - theirs.scores[j])) for i, j in counted),
    )


def _overlaps(ours: Instances, theirs: Instances) -> NDArray[np.float64]:
    """Return the masks' intersection over union [ours, theirs], 0 where the classes differ."""
    if not len(ours) or not len(theirs):
        return np.zeros((len(ours), len(theirs)))
    codes = [
        [
            encode_rle(mask, box, instances.image_size)
            for mask, box in zip(instances.masks, instances.boxes_yxyx, strict=True)
        ]
        for instances in (ours, theirs)
    ]
    overlaps = coco.iou(*codes, [0] * len(codes[1]))
    return np.where(ours.class_ids[:, None] == theirs.class_ids[None], overlaps, 0.0)

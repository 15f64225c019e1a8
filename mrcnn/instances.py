"""What was found on one photo: boxes, classes, scores and small masks, in the photo's own pixels.

A plain value that the network's side hands to everyone else. Masks stay in box coordinates;
`mrcnn.masks` pastes, encodes or traces one at a time, so that a hundred cost no more than one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Instances:
    """The instances of one photo, best score first.

    `image_size` is (height, width); `boxes_yxyx` int32 [n, 4], y2 and x2 exclusive; `class_ids`
    int32 [n], never 0; `scores` float32 [n]; `masks` float32 [n, m, m], probabilities over the box;
    `probabilities` float32 [n, classes], each class's with the background first: the largest is the
    score. Who does not know them leaves them out; they are [n, 0] then.
    """

    image_size: tuple[int, int]
    boxes_yxyx: NDArray[np.int32]
    class_ids: NDArray[np.int32]
    scores: NDArray[np.float32]
    masks: NDArray[np.float32]
    probabilities: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))

    def __post_init__(self) -> None:
        count = len(self.boxes_yxyx)
        if self.probabilities.shape == (0, 0):
            object.__setattr__(self, "probabilities", np.zeros((count, 0), np.float32))
        if self.boxes_yxyx.shape != (count, 4) or self.masks.ndim != 3:
            raise ValueError(
                f"boxes must be [n, 4] and masks [n, m, m], not "
                f"{list(self.boxes_yxyx.shape)} and {list(self.masks.shape)}"
            )
        if not count == len(self.class_ids) == len(self.scores) == len(self.masks):
            raise ValueError(
                f"{count} boxes, {len(self.class_ids)} class ids, {len(self.scores)} scores and "
                f"{len(self.masks)} masks do not belong together"
            )
        if self.probabilities.ndim != 2 or len(self.probabilities) != count:
            raise ValueError(
                f"probabilities must be [{count}, classes], not {list(self.probabilities.shape)}"
            )

    @classmethod
    def empty(cls, image_size: tuple[int, int], mask_side: int = 28) -> Instances:
        """Return the answer for a photo on which nothing was found."""
        return cls(
            image_size,
            np.zeros((0, 4), np.int32),
            np.zeros(0, np.int32),
            np.zeros(0, np.float32),
            np.zeros((0, mask_side, mask_side), np.float32),
        )

    def __len__(self) -> int:
        return len(self.boxes_yxyx)

    def __getitem__(
        self, indices: slice | NDArray[np.bool_] | NDArray[np.integer] | list[int]
    ) -> Instances:
        """Return the chosen instances (a slice, indices or a boolean choice) of the same photo."""
        return Instances(
            self.image_size,
            self.boxes_yxyx[indices],
            self.class_ids[indices],
            self.scores[indices],
            self.masks[indices],
            self.probabilities[indices],
        )

    def above(self, min_score: float) -> Instances:
        """Return the instances whose score is at least `min_score`."""
        return self[self.scores >= min_score]

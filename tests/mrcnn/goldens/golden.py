"""What the reference computed for one photo under one configuration, and how to compare with it."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

#: Names of the golden files, in an order that lets two that share a network follow each other.
RESNET50 = (
    "S_2516944023_d00345997d_z",
    "S_3651581213_f81963d1dd_z",
    "P_2516944023_d00345997d_z",
    "P_3651581213_f81963d1dd_z",
)
RESNET101 = ("C_2502287818_41e4b0c4fb_z", "C_3651581213_f81963d1dd_z")
_SETTINGS_OF_THE_FILE = {"BACKBONE", "NUM_CLASSES"}
_NOT_FOR_INFERENCE = {"NAME", "GPU_COUNT", "IMAGES_PER_GPU", "TRAIN_BN"}


def cases() -> list[Any]:
    """Return a parameter for each golden file: its name. Those of R101 are slow."""
    return [
        *(pytest.param(name, id=name[:6]) for name in RESNET50),
        *(pytest.param(name, id=name[:6], marks=pytest.mark.slow) for name in RESNET101),
    ]


def network_of(test: str) -> str:
    """Return which network a test takes, by its id: what shares one is best run in one process."""
    return "R101" if re.search(r"\[.*\bC_", test) else "R50"


@dataclass(frozen=True)
class Golden:
    """One golden file, opened."""

    name: str
    folder: Path

    @functools.cached_property
    def arrays(self) -> Any:
        return np.load(self.folder / f"{self.name}.npz")

    def __getitem__(self, key: str) -> np.ndarray:
        return self.arrays[key]

    @functools.cached_property
    def info(self) -> dict[str, Any]:
        return json.loads(str(self["info_json"]))

    @property
    def weights(self) -> str:
        """The recipe of the weight file that belongs to it."""
        return "R101" if self.name.startswith("C") else "R50"

    @functools.cached_property
    def photo(self) -> np.ndarray:
        """uint8 [h, w, 3] RGB."""
        with Image.open(self.folder / "photos" / self.info["photo"]) as picture:
            return np.array(picture.convert("RGB"))

    @property
    def settings(self) -> dict[str, Any]:
        """Matterport's settings of the run, without those that the weight file decides."""
        left_out = _SETTINGS_OF_THE_FILE | _NOT_FOR_INFERENCE
        return {name: v for name, v in self.info["settings"].items() if name not in left_out}

    def error(self, key: str, values: np.ndarray) -> float:
        """Return the largest absolute difference of `values` from the sample of `key`."""
        assert list(values.shape) == list(self[f"{key}_shape"]), key
        sample = values.reshape(-1)[:: int(self[f"{key}_step"])]
        error = float(np.abs(sample - self[f"{key}_sample"]).max())
        print(f"{self.name} {key}: {error:.3g} of {np.abs(sample).max():.3g}")
        return error

    def largest(self, key: str) -> float:
        """Return the largest absolute value of the sample of `key`."""
        return float(np.abs(self[f"{key}_sample"]).max())

    def masks(self) -> np.ndarray:
        """Return the final masks, bool [n, h, w]."""
        height, width, count = self["final_masks_shape"]
        flat = np.unpackbits(self["final_masks_packed"], axis=1)[:, : height * width]
        return flat.reshape(count, height, width).astype(bool)


def pairs(
    boxes: tuple[np.ndarray, np.ndarray],
    classes: tuple[np.ndarray, np.ndarray],
    scores: tuple[np.ndarray, np.ndarray],
    nearest: float,
) -> list[tuple[int, int]]:
    """Pair detections (ours, golden), which may differ in order where scores are 1e-3 apart.

    Asserts that every one has a partner of its class, its box within `nearest` and its score
    within 1e-3.
    """
    assert len(boxes[0]) == len(boxes[1])
    free, found = set(range(len(boxes[0]))), []
    for golden in range(len(boxes[1])):
        fitting = [
            ours
            for ours in sorted(free)
            if classes[0][ours] == classes[1][golden]
            and np.abs(boxes[0][ours] - boxes[1][golden]).max() <= nearest
            and abs(scores[0][ours] - scores[1][golden]) <= 1e-3
            and abs(scores[1][ours] - scores[1][golden]) < 1e-3
        ]
        assert fitting, f"nothing like detection {golden}, class {classes[1][golden]}"
        ours = min(fitting, key=lambda index: np.abs(boxes[0][index] - boxes[1][golden]).max())
        free.remove(ours)
        found.append((ours, golden))
    return found

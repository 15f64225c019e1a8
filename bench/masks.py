"""Times masks as they are answered: run-length codes and areas, and the pasted bitmap's way.

One hundred masks: each over a whole photo of 12 megapixels, which is the largest answer there is;
and of all sizes on a photo of 640 x 480, as a crowded street has them.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from bench.machine import Load, difference, watched
from bench.report import show
from mrcnn.bilinear import resize_bilinear
from mrcnn.masks import encode_rle, mask_area, paste, polygons

Mask = NDArray[np.float32]
Box = tuple[int, int, int, int]
Size = tuple[int, int]
Way = Callable[[Mask, Box, Size], Any]

WAYS: Mapping[str, Way] = {
    "encode_rle": encode_rle,
    "mask_area": lambda mask, box, _: mask_area(mask, box),
    "polygons": lambda mask, box, _: polygons(mask, box),
    "paste, then pycocotools": lambda mask, box, _: coco.encode(
        np.asfortranarray(paste(mask, box).view(np.uint8))
    ),
}
_LARGE, _STREET = (3000, 4000), (480, 640)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100, help="masks")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    whole = [(0, 0, *_LARGE)] * arguments.count
    scenes: dict[str, tuple[list[Mask], list[Box], Size]] = {
        "12 megapixels, smooth": (
            [smooth_mask(rng) for _ in range(arguments.count)],
            whole,
            _LARGE,
        ),
        "12 megapixels, noise": ([noise_mask(rng) for _ in range(arguments.count)], whole, _LARGE),
        "640 x 480, smooth": (
            [smooth_mask(rng) for _ in range(arguments.count)],
            [street_box(rng) for _ in range(arguments.count)],
            _STREET,
        ),
    }
    loads: dict[str, list[Load]] = {name: [] for name in WAYS}
    took: dict[tuple[str, str], list[tuple[float, int]]] = {}
    for _ in range(arguments.rounds):
        for scene, (masks, boxes, size) in scenes.items():
            for name, way in WAYS.items():
                with watched(loads[name]):
                    took.setdefault((scene, name), []).append(measure(way, masks, boxes, size))
    if reason := difference(loads):
        raise SystemExit(reason)
    rows = [
        {
            "": scene,
            "way": name,
            "ms, least": f"{1000 * min(seconds for seconds, _ in several):.1f}",
            "MB at the peak": f"{max(peak for _, peak in several) / 1e6:.1f}",
        }
        for (scene, name), several in took.items()
    ]
    show("masks", rows, vars(arguments), loads)


def measure(way: Way, masks: list[Mask], boxes: list[Box], size: Size) -> tuple[float, int]:
    """Return the seconds that all masks take, and the bytes at the peak, in a run of its own."""
    start = time.perf_counter()
    for mask, box in zip(masks, boxes, strict=True):
        way(mask, box, size)
    seconds = time.perf_counter() - start
    tracemalloc.start()
    results = [way(mask, box, size) for mask, box in zip(masks, boxes, strict=True)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    del results
    return seconds, peak


def street_box(rng: np.random.Generator) -> Box:
    """Return a box of 20 to 300 pixels a side somewhere on the photo."""
    height, width = (int(side) for side in rng.integers(20, 300, 2))
    top, left = (
        int(rng.integers(0, all_ - side))
        for all_, side in zip(_STREET, (height, width), strict=True)
    )
    return top, left, top + height, left + width


def smooth_mask(rng: np.random.Generator) -> Mask:
    """Return what a trained network gives: a few blobs with soft borders."""
    logits = resize_bilinear(3 * rng.normal(size=(6, 6)), (28, 28))
    return (1 / (1 + np.exp(-logits))).astype(np.float32)


def noise_mask(rng: np.random.Generator) -> Mask:
    """Return the worst there is: a border in every cell."""
    return rng.random((28, 28), dtype=np.float32)


if __name__ == "__main__":
    main()

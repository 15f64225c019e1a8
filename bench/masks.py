"""Times masks as run-length codes: solved for as we do, and by way of the pasted bitmap.

One hundred masks, each over a whole photo of 12 megapixels: what the largest answer costs.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from mrcnn.bilinear import resize_bilinear
from mrcnn.masks import encode_rle, paste, polygons

Mask = NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100, help="masks")
    parser.add_argument("--size", type=int, nargs=2, default=(3000, 4000), help="height width")
    arguments = parser.parse_args()
    size = (arguments.size[0], arguments.size[1])
    box = (0, 0, *size)
    ways: dict[str, Callable[[Mask], Any]] = {
        "encode_rle": lambda mask: encode_rle(mask, box, size),
        "paste, then pycocotools": lambda mask: coco.encode(
            np.asfortranarray(paste(mask, box).view(np.uint8))
        ),
        "polygons": lambda mask: polygons(mask, box),
    }
    rng = np.random.default_rng(0)
    for kind, make in {"smooth": smooth_mask, "noise": noise_mask}.items():
        masks = [make(rng) for _ in range(arguments.count)]
        for name, way in ways.items():
            seconds, peak = measure(way, masks)
            print(f"{kind:7} {name:24} {seconds:7.2f} s {peak / 1e6:7.1f} MB at the peak")


def measure(way: Callable[[Mask], Any], masks: list[Mask]) -> tuple[float, int]:
    """Return the seconds that all masks take, and the bytes at the peak, in a run of its own."""
    start = time.perf_counter()
    for mask in masks:
        way(mask)
    seconds = time.perf_counter() - start
    tracemalloc.start()
    results = [way(mask) for mask in masks]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    del results
    return seconds, peak


def smooth_mask(rng: np.random.Generator) -> Mask:
    """Return what a trained network gives: a few blobs with soft borders."""
    logits = resize_bilinear(3 * rng.normal(size=(6, 6)), (28, 28))
    return (1 / (1 + np.exp(-logits))).astype(np.float32)


def noise_mask(rng: np.random.Generator) -> Mask:
    """Return the worst there is: a border in every cell."""
    return rng.random((28, 28), dtype=np.float32)


if __name__ == "__main__":
    main()

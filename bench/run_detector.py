"""A contender: `mrcnn.detector.Detector` on one photo, from its pixels to its instances."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.contender import take_turns
from mrcnn.detector import Detector
from mrcnn.pictures.files import load
from mrcnn.weights import WeightFile


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--program", choices=["tensorflow", "openvino"], default="tensorflow")
    parser.add_argument("--precision", choices=["f32", "int8"], default="f32")
    arguments = parser.parse_args()
    detector = Detector.load(
        arguments.weights,
        threads=arguments.threads,
        program=arguments.program,
        precision=arguments.precision,
    )
    photo = load(arguments.photo)
    side = detector.config.IMAGE_MAX_DIM
    regions = detector.config.POST_NMS_ROIS_INFERENCE
    found = len(detector.detect([photo])[0])
    take_turns(
        lambda: detector.detect([photo]),
        detections=found,
        gflop=gflop(WeightFile.open(arguments.weights), side, regions, found),
    )


def gflop(file: WeightFile, side: int, regions: int, detections: int) -> float:
    """Return the work in all convolutions and matrix products, a multiplication and addition two.

    Args:
        file: has the kernels' shapes.
        side: of the square molded image, in pixels.
        regions: that the class head sees.
        detections: that the mask head sees.
    """
    pyramid = sum((side // stride) ** 2 for stride in (4, 8, 16, 32, 64))
    total = 0
    for layer, arrays in file.layers.items():
        if len(arrays) > 2:  # a normalization, folded away
            continue
        if layer == "conv1":
            places = (side // 2) ** 2
        elif layer.startswith("res"):
            places = (side >> int(layer[3])) ** 2
        elif layer.startswith("fpn_"):
            places = (side >> int(layer[-1])) ** 2
        elif layer.startswith("rpn_"):
            places = pyramid
        elif layer == "mrcnn_mask":
            places = detections * 28 * 28
        elif layer.startswith("mrcnn_mask"):
            places = detections * 14 * 14
        else:
            places = regions
        total += 2 * arrays[0].size * places
    return total / 1e9


if __name__ == "__main__":
    main()

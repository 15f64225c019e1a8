"""A contender: `mrcnn.detector.Detector` on one photo of 4 to 3, from pixels to instances."""

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
    parser.add_argument("--precision", choices=["f32", "bf16", "int8"], default="f32")
    parser.add_argument("--frames", choices=["trained", "tight"], default="trained")
    arguments = parser.parse_args()
    detector = Detector.load(
        arguments.weights,
        threads=arguments.threads,
        program=arguments.program,
        precision=arguments.precision,
        frames=arguments.frames,
    )
    photo = load(arguments.photo)
    longer = -(-min(photo.shape[:2]) * 4 // 3)
    photo = photo[:longer, :longer]
    frame = detector.molded_size(*photo.shape[:2])
    regions = detector.config.POST_NMS_ROIS_INFERENCE
    found = len(detector.detect([photo])[0])
    take_turns(
        lambda: detector.detect([photo]),
        detections=found,
        gflop=gflop(WeightFile.open(arguments.weights), frame, regions, found),
    )


def gflop(file: WeightFile, frame: tuple[int, int], regions: int, detections: int) -> float:
    """Return the work in all convolutions and matrix products, a multiplication and addition two.

    Args:
        file: has the kernels' shapes.
        frame: height and width of the molded image, in pixels.
        regions: that the class head sees.
        detections: that the mask head sees.
    """
    height, width = frame
    of_level = {level: (height >> level) * (width >> level) for level in range(1, 7)}
    pyramid = sum(of_level[level] for level in range(2, 7))
    total = 0
    for layer, arrays in file.layers.items():
        if len(arrays) > 2:  # a normalization, folded away
            continue
        if layer == "conv1":
            places = of_level[1]
        elif layer.startswith("res"):
            places = of_level[int(layer[3])]
        elif layer.startswith("fpn_"):
            places = of_level[int(layer[-1])]
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

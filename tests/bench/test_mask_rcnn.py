"""The arithmetic of the benchmark, and that contenders take turns; no number is held to."""

from __future__ import annotations

import string
import sys
from pathlib import Path

import pytest

from bench.contender import Contender
from bench.mask_rcnn import OURS, PEAK, row_of, table
from bench.run_detector import gflop
from mrcnn.architecture import BACKBONES
from mrcnn.weights import Array, WeightFile


def coco_sized() -> WeightFile:
    """Return the kernels of a Mask R-CNN with ResNet-101 and 81 classes, without a file."""
    spec = BACKBONES["resnet101"]
    shapes: dict[str, tuple[int, ...]] = {"conv1": (7, 7, 3, 64)}
    channels = 64
    for stage, count, width in zip((2, 3, 4, 5), spec.blocks, spec.widths, strict=True):
        shapes[f"res{stage}a_branch1"] = (1, 1, channels, 4 * width)
        for letter in string.ascii_lowercase[:count]:
            shapes[f"res{stage}{letter}_branch2a"] = (1, 1, channels, width)
            shapes[f"res{stage}{letter}_branch2b"] = (3, 3, width, width)
            shapes[f"res{stage}{letter}_branch2c"] = (1, 1, width, 4 * width)
            channels = 4 * width
    for level, channels in zip((2, 3, 4, 5), spec.channels, strict=True):
        shapes[f"fpn_c{level}p{level}"] = (1, 1, channels, 256)
        shapes[f"fpn_p{level}"] = (3, 3, 256, 256)
    shapes |= {
        "rpn_conv_shared": (3, 3, 256, 512),
        "rpn_class_raw": (1, 1, 512, 6),
        "rpn_bbox_pred": (1, 1, 512, 12),
        "mrcnn_class_conv1": (7, 7, 256, 1024),
        "mrcnn_class_conv2": (1, 1, 1024, 1024),
        "mrcnn_class_logits": (1024, 81),
        "mrcnn_bbox_fc": (1024, 324),
        "mrcnn_mask_deconv": (2, 2, 256, 256),
        "mrcnn_mask": (1, 1, 256, 81),
        **{f"mrcnn_mask_conv{number}": (3, 3, 256, 256) for number in (1, 2, 3, 4)},
    }
    layers = {name: [Array("kernel:0", name, shape, "float32")] for name, shape in shapes.items()}
    return WeightFile(Path("coco.h5"), layers)


def test_work_of_the_original_is_counted_right():
    assert gflop(coco_sized(), frame=(1024, 1024), regions=1000, detections=100) == pytest.approx(
        777, abs=2
    )


def contender(name: str, walls_s: list[float]) -> Contender:
    turns = [{"wall_s": wall, "cpu_s": 2 * wall, "peak_mib": 100.0} for wall in walls_s]
    return Contender(name, [], {}, {"gflop": 100.0}, turns)


def test_rows_compare_with_ours_and_with_the_peak():
    ours, peak = contender(OURS, [2, 4, 3]), contender(PEAK, [1, 0.5])
    other = contender("other", [6])
    row = row_of(other, [ours, peak, other])
    assert row["median_ms"] == 6000
    assert row["ratio_wall"] == row["ratio_cpu"] == 2
    assert row["percent_of_peak"] == pytest.approx(100 / 12)
    shown = table([row]).splitlines()
    assert len({line.count("|") for line in shown}) == 1
    assert shown[-1].startswith("| other | 6000 | 6000 | 12.00 | 2.00 | 2.00 | 100 | 8 |")


def test_contender_runs_when_it_is_its_turn():
    script = (
        "from bench.contender import take_turns\n"
        "take_turns(lambda: print('a library speaks') or sum(range(10**6)), gflop=3)\n"
    )
    one = Contender("one", [sys.executable, "-c", script], {})
    one.start()
    one.turn()
    one.turn()
    one.stop()
    assert one.facts == {"gflop": 3}
    assert len(one.turns) == 2
    assert all(turn["cpu_s"] > 0 for turn in one.turns)


def test_contender_that_ends_early_is_told():
    broken = Contender("broken", [sys.executable, "-c", "raise SystemExit(3)"], {})
    with pytest.raises(RuntimeError, match="broken: ended with status 3"):
        broken.start()
    broken.stop()

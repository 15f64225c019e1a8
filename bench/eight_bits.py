"""The demo model in each of its forms: average precision on unseen scenes, and time.

Scenes are cut to 4 to 3, so that a square has padding, which tight frames leave out.
`python -m bench.eight_bits` makes the form from 200 scenes, has each look at others in turns, and
lets pycocotools judge. The demo is easy to quantize: what it loses says nothing of another model.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from bench.environment import quantized_demo
from bench.machine import Load, watched
from bench.report import show
from mrcnn.demo.evaluation import evaluate
from mrcnn.demo.recipe import serving_settings
from mrcnn.demo.scenes import Scene, make_scene
from mrcnn.detector import Detector
from mrcnn.evaluation import AP, MIN_SCORE
from mrcnn.instances import Instances
from mrcnn.programs.cpu import has_bfloat16

_FIRST_SEED, _SIDE, _HEIGHT = 7_000_000, 320, 240
_REPORT_EVERY = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=500)
    arguments = parser.parse_args()
    detectors = _detectors(quantized_demo())
    pairs: dict[str, list[tuple[Scene, Instances]]] = {name: [] for name in detectors}
    taken: dict[str, list[float]] = {name: [] for name in detectors}
    load: list[Load] = []
    with watched(load):
        for count in range(arguments.scenes):
            scene = _cut(make_scene(_FIRST_SEED + count, _SIDE))
            for name, detector in detectors.items():
                began_at = time.perf_counter()
                (found,) = detector.detect([scene.image], min_score=MIN_SCORE)
                taken[name].append(time.perf_counter() - began_at)
                pairs[name].append((scene, found))
            if (count + 1) % _REPORT_EVERY == 0:
                print(f"{count + 1} of {arguments.scenes} scenes", file=sys.stderr)
    first = statistics.median(taken["tensorflow f32"])
    rows = [_row(name, pairs[name], taken[name], first) for name in detectors]
    show("eight_bits", rows, vars(arguments), {"all": load})


def _detectors(weights: Path) -> dict[str, Detector]:
    settings = serving_settings()
    forms: dict[str, dict[str, Any]] = {
        "tensorflow f32": {"program": "tensorflow"},
    }
    for precision in ("f32", "bf16", "int8") if has_bfloat16() else ("f32", "int8"):
        form = {"program": "openvino", "precision": precision}
        forms[f"openvino {precision}"] = {**form, "frames": "trained"}
        forms[f"openvino {precision}, tight"] = {**form, "frames": "tight"}
    detectors = {
        name: Detector.load(weights, settings, threads=2, **form) for name, form in forms.items()
    }
    for detector in detectors.values():
        detector.warm_up()
    return detectors


def _cut(scene: Scene) -> Scene:
    """Return the middle of a scene, and of what is on it what can be seen there."""
    top = (_SIDE - _HEIGHT) // 2
    rows = slice(top, top + _HEIGHT)
    seen = scene.masks[rows].any(axis=(0, 1))
    return Scene(scene.image[rows], scene.masks[rows][..., seen], scene.class_ids[seen], ())


def _row(
    name: str, pairs: list[tuple[Scene, Instances]], seconds: list[float], first: float
) -> dict[str, object]:
    judged = evaluate(pairs)
    median = statistics.median(seconds)
    return {
        "form": name,
        "mask AP": f"{100 * judged.mask[AP]:.2f}",
        "box AP": f"{100 * judged.box[AP]:.2f}",
        "ms, median": 1000 * median,
        "ratio": f"{median / first:.2f}",
    }


if __name__ == "__main__":
    main()

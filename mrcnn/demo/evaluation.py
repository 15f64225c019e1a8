"""How good the demo model is: average precision on unseen scenes, and a picture of it."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from mrcnn.demo.contact_sheet import contact_sheet
from mrcnn.demo.scenes import CLASS_NAMES, Scene, make_scene
from mrcnn.detector import Detector
from mrcnn.drawing import draw_instances
from mrcnn.instances import Instances
from mrcnn.masks import encode_rle

#: Detections down to this score count: average precision wants the whole curve.
MIN_SCORE = 0.05
BATCH = 4
REPORT_EVERY = 100


@dataclass(frozen=True)
class Evaluation:
    """Average precisions as pycocotools computes them, 0 to 1.

    mask, box: AP@[.5:.95], AP50, AP75, and by area, under pycocotools' order of names.
    mask_by_class: class name -> mask AP@[.5:.95].
    scenes: how many.
    """

    mask: dict[str, float]
    box: dict[str, float]
    mask_by_class: dict[str, float]
    scenes: int

    def table(self) -> str:
        """A Markdown table of the whole."""
        rows = ["| | mask | box |", "| --- | --- | --- |"]
        rows += [f"| {name} | {self.mask[name]:.3f} | {self.box[name]:.3f} |" for name in self.mask]
        rows += ["", "| class | mask AP |", "| --- | --- |"]
        rows += [f"| {name} | {value:.3f} |" for name, value in self.mask_by_class.items()]
        return "\n".join(rows)


STATISTICS = ("AP@[.5:.95]", "AP50", "AP75", "AP small", "AP medium", "AP large")


def detect_scenes(
    detector: Detector, seeds: Sequence[int], side: int
) -> Iterator[tuple[Scene, Instances]]:
    """Run the detector on the scenes of `seeds`, with progress on the terminal."""
    for start in range(0, len(seeds), BATCH):
        scenes = [make_scene(seed, side) for seed in seeds[start : start + BATCH]]
        found = detector.detect([scene.image for scene in scenes], min_score=MIN_SCORE)
        yield from zip(scenes, found, strict=True)
        done = start + len(scenes)
        if done % REPORT_EVERY < BATCH or done == len(seeds):
            print(f"evaluated {done} of {len(seeds)} scenes", file=sys.stderr, flush=True)


def evaluate(pairs: Iterable[tuple[Scene, Instances]]) -> Evaluation:
    """Judge what was found in each scene by COCO's measure."""
    truth, results, count = _annotations(pairs)
    with contextlib.redirect_stdout(io.StringIO()):
        reference = COCO()
        reference.dataset = truth
        reference.createIndex()
        found = reference.loadRes(results)
        mask, box = (_run(reference, found, kind) for kind in ("segm", "bbox"))
    precision = mask.eval["precision"][:, :, :, 0, -1]  # [ious, recalls, classes]
    by_class = {
        name: float(np.mean(values[values > -1])) if (values > -1).any() else float("nan")
        for name, values in zip(CLASS_NAMES, np.moveaxis(precision, 2, 0), strict=True)
    }
    mask_values, box_values = (
        dict(zip(STATISTICS, map(float, run.stats[:6]), strict=True)) for run in (mask, box)
    )
    return Evaluation(mask_values, box_values, by_class, count)


def _run(reference: COCO, found: COCO, kind: str) -> COCOeval:
    run = COCOeval(reference, found, kind)
    run.evaluate()
    run.accumulate()
    run.summarize()
    return run


def _annotations(
    pairs: Iterable[tuple[Scene, Instances]],
) -> tuple[dict[str, Any], list[dict[str, Any]], int]:
    """COCO's data set and results of the pairs, and how many pairs there were."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for image_id, (scene, instances) in enumerate(pairs, start=1):
        height, width = scene.image.shape[:2]
        images.append({"id": image_id, "height": height, "width": width})
        for index, class_id in enumerate(scene.class_ids):
            rle = coco_mask.encode(np.asfortranarray(scene.masks[..., index]))
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": int(class_id),
                    "segmentation": rle,
                    "bbox": coco_mask.toBbox(rle).tolist(),
                    "area": float(coco_mask.area(rle)),
                    "iscrowd": 0,
                }
            )
        for box, class_id, score, mask in zip(
            instances.boxes_yxyx,
            instances.class_ids,
            instances.scores,
            instances.masks,
            strict=True,
        ):
            y1, x1, y2, x2 = (float(v) for v in box)
            results.append(
                {
                    "image_id": image_id,
                    "category_id": int(class_id),
                    "score": float(score),
                    "segmentation": encode_rle(mask, box, (height, width)),
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                }
            )
    categories = [{"id": i, "name": name} for i, name in enumerate(CLASS_NAMES, start=1)]
    truth = {"info": {}, "images": images, "annotations": annotations, "categories": categories}
    return truth, results, len(images)


def prediction_sheet(
    pairs: Sequence[tuple[Scene, Instances]], *, columns: int, min_score: float = 0.7
) -> Image.Image:
    """A grid of scenes with what was found drawn over them."""
    drawn = [draw_instances(s.image, found.above(min_score), CLASS_NAMES) for s, found in pairs]
    return contact_sheet(drawn, columns)

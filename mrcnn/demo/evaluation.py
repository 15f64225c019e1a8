"""How good the demo model is: average precision on unseen scenes, and a picture of it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from mrcnn.annotations import AnnotatedPicture, Annotations
from mrcnn.demo.contact_sheet import contact_sheet
from mrcnn.demo.scenes import CLASS_NAMES, Scene, make_scene
from mrcnn.detector import Detector
from mrcnn.drawing import draw_instances
from mrcnn.evaluation import MIN_SCORE, Evaluation, Truth
from mrcnn.instances import Instances

BATCH = 4
REPORT_EVERY = 100


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
    pictures: list[AnnotatedPicture] = []
    instances: list[dict[str, Any]] = []
    found: list[Instances] = []
    for number, (scene, of_it) in enumerate(pairs, start=1):
        height, width = scene.image.shape[:2]
        pictures.append(AnnotatedPicture(number, f"{number}.png", width, height))
        instances += _instances(scene, number, len(instances))
        found.append(of_it)
    categories = dict(enumerate(CLASS_NAMES, start=1))
    annotations = Annotations("scenes", tuple(pictures), categories, tuple(instances))
    return Truth(annotations, {key: key for key in categories}).judge(found)


def _instances(scene: Scene, picture_id: int, before: int) -> list[dict[str, Any]]:
    """Return COCO's annotations of a scene; `before` are counted already."""
    codes = [coco_mask.encode(np.asfortranarray(mask)) for mask in np.moveaxis(scene.masks, 2, 0)]
    return [
        {
            "id": before + index,
            "image_id": picture_id,
            "category_id": int(class_id),
            "segmentation": code,
            "bbox": coco_mask.toBbox(code).tolist(),
            "area": float(coco_mask.area(code)),
            "iscrowd": 0,
        }
        for index, (code, class_id) in enumerate(zip(codes, scene.class_ids, strict=True), start=1)
    ]


def prediction_sheet(
    pairs: Sequence[tuple[Scene, Instances]], *, columns: int, min_score: float = 0.7
) -> Image.Image:
    """A grid of scenes with what was found drawn over them."""
    drawn = [draw_instances(s.image, found.above(min_score), CLASS_NAMES) for s, found in pairs]
    return contact_sheet(drawn, columns)

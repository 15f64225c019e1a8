"""Instances become an answer, JSON, COCO results or a PNG, and rows of the prediction log.

Frames: pixels of the upright picture, x to the right, y down; `x_max` and `y_max` are exclusive.
Masks are encoded one at a time in box coordinates.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np
from PIL import Image

from app.kinds.findings import Finding
from app.kinds.mask_rcnn.answers import CocoResult, Instance, MaskFormat
from app.kinds.pictures import png_of
from app.kinds.regions import Box, RunLengthCode
from mrcnn.instances import Instances
from mrcnn.masks import encode_rle, mask_area, paste, polygons, rle_area

_BACKGROUND = 0


def instances_as_json(
    instances: Instances, labels: Sequence[str], masks: MaskFormat
) -> list[Instance]:
    """Return one JSON object an instance, best score first."""
    return [
        _instance_as_json(instances, index, labels=labels, masks=masks)
        for index in range(len(instances))
    ]


def coco_results(
    instances: Instances, image_id: int, *, with_segmentation: bool = True
) -> list[CocoResult]:
    """Return the instances as COCO's `loadRes` takes them, best score first."""
    results: list[CocoResult] = []
    for index in range(len(instances)):
        y_min, x_min, y_max, x_max = box = _box_yxyx(instances, index)
        result: CocoResult = {
            "image_id": image_id,
            "category_id": int(instances.class_ids[index]),
            "bbox": [x_min, y_min, x_max - x_min, y_max - y_min],
            "score": _score(instances, index),
        }
        if with_segmentation:
            result["segmentation"] = _rle(instances, index, box)
        results.append(result)
    return results


def findings(instances: Instances, labels: Sequence[str]) -> list[Finding]:
    """Return the log's rows, best score first; where nothing was found, one of the background."""
    if not len(instances):
        return [Finding(_BACKGROUND, np.zeros(0), {})]
    rows = []
    for index, class_id in enumerate(instances.class_ids.tolist()):
        detail = {
            "label": label_of(class_id, labels),
            "score": _score(instances, index),
            "box": _box(instances, index),
        }
        probabilities = instances.probabilities[index].astype(np.float64)
        rows.append(Finding(class_id, probabilities, detail))
    return rows


def label_of(class_id: int, labels: Sequence[str]) -> str:
    """Return the class's name; a model without labels has its numbers as names."""
    return labels[class_id - 1] if class_id <= len(labels) else str(class_id)


def _instance_as_json(
    instances: Instances, index: int, *, labels: Sequence[str], masks: MaskFormat
) -> Instance:
    box = _box_yxyx(instances, index)
    class_id = int(instances.class_ids[index])
    document: Instance = {
        "class_id": class_id,
        "label": label_of(class_id, labels),
        "score": _score(instances, index),
        "box": _box(instances, index),
        "area": 0,
    }
    if masks == "rle":
        rle = _rle(instances, index, box)
        document["area"] = rle_area(rle)
        document["mask"] = {"format": "coco_rle", **rle}
        return document
    mask = instances.masks[index]
    document["area"] = mask_area(mask, box)
    if masks == "polygon":
        document["mask"] = {"format": "polygon", "coordinates": polygons(mask, box)}
    elif masks == "png":
        bitmap = Image.fromarray(paste(mask, box).astype(np.uint8) * 255)
        data = base64.b64encode(png_of(bitmap)).decode("ascii")
        document["mask"] = {"format": "png", "data": data}
    return document


def _box(instances: Instances, index: int) -> Box:
    y_min, x_min, y_max, x_max = _box_yxyx(instances, index)
    return {"x_min": x_min, "y_min": y_min, "x_max": x_max, "y_max": y_max}


def _box_yxyx(instances: Instances, index: int) -> tuple[int, int, int, int]:
    y_min, x_min, y_max, x_max = (int(side) for side in instances.boxes_yxyx[index])
    return y_min, x_min, y_max, x_max


def _score(instances: Instances, index: int) -> float:
    return round(float(instances.scores[index]), 6)


def _rle(instances: Instances, index: int, box: tuple[int, int, int, int]) -> RunLengthCode:
    rle = encode_rle(instances.masks[index], box, instances.image_size)
    return {"size": rle["size"], "counts": rle["counts"]}

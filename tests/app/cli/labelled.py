"""Scenes of the demo world with what is on them, as COCO's files tell it, and who looks at them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from PIL import Image
from pycocotools import mask as coco

from mrcnn.demo.scenes import CLASS_NAMES, make_scene

PICTURES, SIDE = 24, 320


class Labelled(NamedTuple):
    """A repository of the demo model in two versions, pictures, and what is on them."""

    models: Path
    images: Path
    labels: Path


def labelled_in(folder: Path, root: Path) -> Labelled:
    """Draw scenes that the demo model has never seen; its first version is a damaged one."""
    models, images, labels = folder / "models", folder / "photos", folder / "instances.json"
    for version in ("1", "2"):
        there = Path(shutil.copytree(root / "models" / "shapes" / "1", models / "shapes" / version))
        with (there / "model.yaml").open("a") as options:
            options.write("program: openvino\n")  # it is there in a second
    shutil.copytree(root / "models" / "iris", models / "iris")
    with h5py.File(models / "shapes" / "1" / "shapes.h5", "r+") as file:
        kernel = file["mrcnn_mask_conv4/mrcnn_mask_conv4/kernel:0"]
        kernel[...] = kernel[...][..., ::-1]
    images.mkdir()
    labels.write_text(json.dumps(_drawn(images)))
    return Labelled(models, images, labels)


def _drawn(images: Path) -> dict[str, Any]:
    """Draw the pictures and return COCO's document of them.

    Ids have gaps and another order than the model's classes. One instance is a crowd, which is
    neither found nor missed; masks are told in each of COCO's three ways.
    """
    ids = {class_id: 3 * (11 - class_id) for class_id in range(1, 11)}
    pictures, annotations, masks = [], [], []
    for number in range(PICTURES):
        scene = make_scene(5_000_000 + number, SIDE)
        picture = {"id": 900 - number, "file_name": f"{number:02}.png"}
        Image.fromarray(scene.image).save(images / picture["file_name"])
        pictures.append({**picture, "width": SIDE, "height": SIDE})
        for mask, class_id in zip(np.moveaxis(scene.masks, 2, 0), scene.class_ids, strict=True):
            code = coco.encode(np.asfortranarray(mask))
            masks.append(mask)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": picture["id"],
                    "category_id": ids[int(class_id)],
                    "segmentation": {"size": code["size"], "counts": code["counts"].decode()},
                    "bbox": coco.toBbox(code).tolist(),
                    "area": float(coco.area(code)),
                    "iscrowd": 0,
                }
            )
    annotations[3]["iscrowd"] = 1
    plain = masks[5].reshape(-1, order="F").astype(int)
    changes = np.flatnonzero(np.diff(plain, prepend=0))
    counts = np.diff(changes, prepend=0, append=plain.size).tolist()
    annotations[5]["segmentation"] = {"size": [SIDE, SIDE], "counts": counts}
    x, y, width, height = annotations[7]["bbox"]
    corners = [x, y, x + width, y, x + width, y + height, x, y + height]
    annotations[7]["segmentation"] = [corners]
    names = {"star": "STAR", "ring": " ring"}
    categories = [
        {"id": ids[index], "name": names.get(name, name)}
        for index, name in enumerate(CLASS_NAMES, start=1)
    ]
    return {"images": pictures, "annotations": annotations, "categories": categories}

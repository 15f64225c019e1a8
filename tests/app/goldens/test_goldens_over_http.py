"""A weight file dropped into a folder, `slipway serve`, a photo: the original's answer."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image
from pycocotools import mask as coco_mask

from tests.app.api.server import Server
from tests.mrcnn.goldens.golden import RESNET50, RESNET101, Golden, pairs
from tests.mrcnn.goldens.weight_files import weight_file

pytestmark = [pytest.mark.goldens, pytest.mark.server, pytest.mark.slow]

READY_S = 180  # a ResNet-101 is built, filled and warmed on two busy cores
CONFIGURATIONS = [
    pytest.param(RESNET101, id="COCO-size R101 without any configuration"),
    pytest.param(RESNET50[:2], id="R50 with settings, square"),
    pytest.param(RESNET50[2:], id="R50 with settings, pad64"),
]


@pytest.fixture
def serve(tmp_path: Path, root: Path) -> Iterator[Callable[[Path], Server]]:
    """Return a function that serves a folder as a user would, and waits until it is ready."""
    started: list[Server] = []

    def start(models: Path) -> Server:
        started.append(Server(tmp_path, models, root, sys.executable, "-m", "app.cli", "serve"))
        started[-1].wait_until_ready(READY_S)
        return started[-1]

    yield start
    for server in started:
        server.end()


def drop(weights: Path, models: Path, settings: dict[str, Any] | None = None) -> None:
    """Put a weight file alone into a folder, with settings beside it where they differ."""
    models.mkdir()
    (models / "old_one.h5").symlink_to(weights)
    if settings:
        (models / "old_one.yaml").write_text(yaml.safe_dump({"config": settings}))


def arrays(instances: list[dict[str, Any]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return boxes y1 x1 y2 x2, class ids and scores of an answer."""
    sides = ("y_min", "x_min", "y_max", "x_max")
    boxes = np.array([[i["box"][side] for side in sides] for i in instances]).reshape(-1, 4)
    class_ids = np.array([i["class_id"] for i in instances])
    return boxes, class_ids, np.array([i["score"] for i in instances])


@pytest.mark.parametrize("names", CONFIGURATIONS)
def test_a_dropped_file_answers_like_the_original(
    names: tuple[str, ...], goldens: Path, serve: Callable[[Path], Server], tmp_path: Path
) -> None:
    cases = [Golden(name, goldens) for name in names]
    settings = {} if names == RESNET101 else cases[0].settings
    drop(weight_file(goldens, cases[0].weights), tmp_path / "models", settings)
    server = serve(tmp_path / "models")
    for golden in cases:
        photo = goldens / "photos" / golden.info["photo"]
        answer = server.predict(photo.read_bytes())
        assert answer.status == 200, answer.body
        instances = answer.json()["instances"]
        boxes, class_ids, scores = arrays(instances)
        partners = pairs(
            (boxes, golden["final_rois"]),
            (class_ids, golden["final_class_ids"]),
            (scores, golden["final_scores"]),
            nearest=1,
        )
        masks = golden.masks()
        for ours, theirs in partners:
            rle = {key: instances[ours]["mask"][key] for key in ("size", "counts")}
            reference = coco_mask.encode(np.asfortranarray(masks[theirs]))
            assert coco_mask.iou([rle], [reference], [0])[0, 0] >= 0.99
            assert instances[ours]["area"] == coco_mask.area(rle)


def test_a_file_of_another_seed_and_class_count_is_served_as_its_network_says(
    goldens: Path, serve: Callable[[Path], Server], tmp_path: Path
) -> None:
    weights, settings = tmp_path / "other.h5", Golden(RESNET50[0], goldens).settings
    sizes = ["--backbone", "resnet50", "--classes", "7", "--seed", "11"]
    command = [sys.executable, str(goldens / "weights.py"), *sizes, str(weights)]
    subprocess.run(command, check=True, capture_output=True)
    drop(weights, tmp_path / "models", settings)
    server = serve(tmp_path / "models")
    (model,) = server.ask("/models").json()["models"]
    assert (model["backbone"], model["num_classes"]) == ("resnet50", 7)
    photo = goldens / "photos" / Golden(RESNET101[0], goldens).info["photo"]
    boxes, class_ids, scores = arrays(server.predict(photo.read_bytes()).json()["instances"])

    expected = layer_by_layer(weights, settings, photo)
    assert len(class_ids) > 0
    pairs((boxes, expected[0]), (class_ids, expected[1]), (scores, expected[2]), nearest=1)


def layer_by_layer(
    weights: Path, settings: dict[str, Any], photo: Path
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes, class ids and scores of the network as the file has it: normalizations not folded."""
    from mrcnn.detector import Detector, settings_for
    from mrcnn.loading import load_weights
    from mrcnn.network import MaskRCNNNetwork
    from mrcnn.programs.tensorflow import TensorFlowProgram
    from mrcnn.weights import WeightFile

    file = WeightFile.open(weights)
    config = settings_for(file.architecture, settings, file.path.name)
    network = MaskRCNNNetwork(file.architecture, config)
    load_weights(network, file)
    with Image.open(photo) as picture:
        pixels = np.array(picture.convert("RGB"))
    (found,) = Detector(TensorFlowProgram(network), config).detect([pixels])
    return found.boxes_yxyx, found.class_ids, found.scores

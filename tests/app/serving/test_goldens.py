"""Goldens: a model that does not give its golden answers never serves."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app.serving.client import ModelStatus
from app.serving.local_client import LocalClient
from mrcnn.instances import Instances
from mrcnn.masks import encode_rle
from tests.app.serving.model_folder import Models
from tests.app.serving.pictures import find


def as_answer(found: Instances) -> dict[str, Any]:
    """Return the JSON of `POST /predict` with masks=rle, as far as a golden reads it."""
    return {
        "instances": [
            {
                "class_id": int(found.class_ids[i]),
                "score": float(found.scores[i]),
                "box": dict(zip(("y_min", "x_min", "y_max", "x_max"), map(int, box), strict=True)),
                "mask": {"format": "coco_rle", **encode_rle(found.masks[i], box, found.image_size)},
            }
            for i, box in enumerate(found.boxes_yxyx)
        ]
    }


@pytest.fixture
def answer(
    models: Models, local_client: Callable[..., LocalClient], photo: np.ndarray
) -> dict[str, Any]:
    """Put a model with one golden there, and return the golden answer, still to be written."""
    models.add("colours/1/colours.h5")
    answer = as_answer(find(local_client(), photo))
    Image.fromarray(photo).save(models.write("colours/1/samples/a.png", b""))
    models.write("colours/1/model.yaml", "golden: [{input: samples/a.png, output: golden/a.json}]")
    return answer


@pytest.fixture
def status(models: Models, local_client: Callable[..., LocalClient]):
    """Return a function that writes the golden and gives the model's status and readiness."""

    def load(answer: object) -> tuple[ModelStatus, bool]:
        models.write("colours/1/golden/a.json", json.dumps(answer))
        client = local_client()
        (status,) = client.models()
        return status, client.is_ready()

    return load


def test_a_model_that_gives_its_goldens_serves(answer, status):
    model, is_ready = status(answer)
    assert (model.state, model.error, is_ready) == ("ready", None, True)
    assert model.description["goldens"] == 1


def test_a_golden_of_four_channels_is_read_with_its_fourth(
    models: Models, local_client: Callable[..., LocalClient], photo: np.ndarray, status
):
    models.add("colours/1/colours.h5", first_channel=1)
    behind = np.dstack([photo[..., [1, 1, 2]], photo[..., 0]])
    golden = as_answer(find(local_client(), behind))
    assert [instance["class_id"] for instance in golden["instances"]] == [3, 2]
    Image.fromarray(behind).save(models.write("colours/1/samples/a.png", b""))
    models.write("colours/1/model.yaml", "golden: [{input: samples/a.png, output: golden/a.json}]")
    assert status(golden)[0].state == "ready"


def test_a_golden_that_the_model_cannot_take_is_told(answer, status, models: Models):
    models.add("colours/1/colours.h5", max_molded_pixels=100)
    model, is_ready = status(answer)
    assert not is_ready
    assert model.error == "golden samples/a.png: 4800 pixels are more than 100"


def test_instances_of_nearly_equal_score_may_swap(answer, status):
    answer["instances"].reverse()
    assert status(answer)[0].state == "ready"


def test_small_differences_between_processors_are_allowed(answer, status):
    answer["instances"][0]["score"] += 0.009
    answer["instances"][1]["box"]["x_max"] += 1
    assert status(answer)[0].state == "ready"


def _drop(answer: dict[str, Any]) -> None:
    answer["instances"].pop()


def _rename(answer: dict[str, Any]) -> None:
    answer["instances"][0]["class_id"] = 2


def _move(answer: dict[str, Any]) -> None:
    answer["instances"][0]["box"]["y_min"] -= 2


def _doubt(answer: dict[str, Any]) -> None:
    answer["instances"][1]["score"] -= 0.02


def _cut(answer: dict[str, Any]) -> None:
    answer["instances"][0]["mask"] |= encode_rle(
        np.ones((28, 28), np.float32), [10, 20, 37, 48], (60, 80)
    )


def _shrink(answer: dict[str, Any]) -> None:
    answer["instances"][0]["mask"] |= encode_rle(
        np.ones((28, 28), np.float32), [0, 0, 10, 10], (30, 40)
    )


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        pytest.param(_drop, "2 instances instead of 1", id="count"),
        pytest.param(
            _rename, r"classes \(id: count\) 1: 1, 3: 1 instead of 2: 1, 3: 1", id="class"
        ),
        pytest.param(
            _move,
            r"instance 1 \(class 1\): box \(y x y x\) \[10, 20, 38, 48\] instead of "
            r"\[8, 20, 38, 48\]",
            id="box",
        ),
        pytest.param(_doubt, r"instance 2 \(class 3\): score 0.7843 instead of 0.7643", id="score"),
        pytest.param(_cut, r"instance 1 \(class 1\): mask IoU 0.964, less than 0.99", id="mask"),
        pytest.param(
            _shrink,
            r"instance 1 \(class 1\): photo of \[60, 80\] instead of \[30, 40\] \(height, width\)",
            id="photo",
        ),
    ],
)
def test_a_model_that_differs_from_its_golden_keeps_the_server_unready(
    answer, status, change, difference: str
):
    change(answer)
    model, is_ready = status(answer)
    assert (model.state, is_ready) == ("failed", False)
    assert re.fullmatch(f"golden samples/a.png: {difference}", str(model.error)), model.error


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param([], id="no object"),
        pytest.param({"instances": [{"class_id": 1}]}, id="no box"),
        pytest.param({"instances": [{"class_id": 1, "score": 1, "box": 3, "mask": 4}]}, id="types"),
    ],
)
def test_a_golden_that_is_no_answer_is_told(answer, status, broken):
    model, is_ready = status(broken)
    assert not is_ready
    assert "a.json is no answer of POST /predict with masks=rle" in str(model.error)


def test_a_golden_whose_mask_has_no_text_of_counts_is_told(answer, status):
    answer["instances"][0]["mask"]["counts"] = [4, 4, 4792]
    model, is_ready = status(answer)
    assert not is_ready
    assert "(ValueError: counts is [4, 4, 4792], and no text)" in str(model.error)


def test_a_golden_whose_photo_is_missing_is_told(answer, status, models: Models):
    (models.folder / "colours/1/samples/a.png").unlink()
    model, is_ready = status(answer)
    assert not is_ready
    assert str(model.error).startswith("golden samples/a.png: ")
    assert "No such file" in str(model.error)

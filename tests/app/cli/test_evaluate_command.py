"""`slipway evaluate`: COCO's average precisions of a model, and what eight bits cost of them."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from app.cli import main
from mrcnn.forms import read_form
from tests.app.cli.conftest import Run
from tests.app.cli.eight_bits import described, spoil_for_eight_bits
from tests.app.cli.labelled import Labelled, labelled_in

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Labelled:
    return labelled_in(tmp_path_factory.mktemp("labelled"), root)


@pytest.fixture(scope="module")
def quantized(labelled: Labelled) -> tuple[int, str, str]:
    """Make the form in eight bits of the second version, judged by labels."""
    words = ["quantize", "shapes", "--models", labelled.models, "--images", labelled.images]
    words += ["--labels", labelled.labels]
    out, told = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(told):
        status = main([str(word) for word in words])
    return status, out.getvalue(), told.getvalue()


@pytest.fixture
def evaluate(run: Run, labelled: Labelled, tmp_path: Path) -> Callable[..., tuple[Any, str, str]]:
    """Return a function that runs the command: what its JSON tells of each, stdout, stderr."""

    def evaluate(*words: object) -> tuple[Any, str, str]:
        file = tmp_path / "figures.json"
        given = ["--data", labelled.labels, "--images", labelled.images, "--json", file]
        status, out, told = run("evaluate", "shapes", "--models", labelled.models, *given, *words)
        assert status == 0, told
        return json.loads(file.read_text())["evaluated"], out, told

    return evaluate


def test_average_precisions_are_those_of_pycocotools(
    labelled: Labelled, evaluate: Callable[..., tuple[Any, str, str]], run: Run
):
    document = json.loads(labelled.labels.read_text())
    files = [labelled.images / picture["file_name"] for picture in document["images"]]
    asked = ["--model", "shapes", "--models", labelled.models, "--min-score", "0.05", "--json"]
    status, out, _ = run("predict", *files, *asked)
    assert status == 0
    ids = {one["name"].strip().lower(): one["id"] for one in document["categories"]}
    found: dict[str, list[dict[str, Any]]] = {"segm": [], "bbox": []}
    for picture, line in zip(document["images"], out.splitlines(), strict=True):
        for one in json.loads(line)["instances"]:
            box = one["box"]
            x, y = box["x_min"], box["y_min"]
            result = {
                "image_id": picture["id"],
                "category_id": ids[one["label"]],
                "score": one["score"],
            }
            code = {key: one["mask"][key] for key in ("size", "counts")}
            found["segm"].append({**result, "segmentation": code})
            found["bbox"].append({**result, "bbox": [x, y, box["x_max"] - x, box["y_max"] - y]})
    (one,), out, told = evaluate()
    assert told.splitlines() == ["checking 24 pictures", "evaluating 24 pictures"]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(labelled.labels)
        for sort, name in (("segm", "mask"), ("bbox", "box")):
            judge = COCOeval(truth, truth.loadRes(found[sort]), sort)
            judge.evaluate()
            judge.accumulate()
            judge.summarize()
            told_of_it = list(one["precisions"][name].values())
            assert told_of_it == pytest.approx(judge.stats[:6].tolist(), abs=1e-6)
    count = len(document["annotations"]) - 1
    assert one["instances"] == count == sum(each["instances"] for each in one["by_class"].values())
    assert out.splitlines()[0] == f"shapes, 24 pictures with {count} instances"
    assert f"mask AP@[.5:.95]{100 * one['precisions']['mask']['AP@[.5:.95]']:>16.2f}" in out


def test_a_damaged_version_is_told_by_what_it_loses(
    evaluate: Callable[..., tuple[Any, str, str]],
):
    (damaged, good), out, told = evaluate("--version", 1, "--against", 2, "--limit", 8)
    before, after = (one["precisions"]["mask"]["AP@[.5:.95]"] for one in (good, damaged))
    assert before > 0.6
    assert after < before - 0.1
    assert (damaged["version"], good["version"], good["pictures"]) == (1, 2, 8)
    assert f"{100 * (after - before):+.2f}" in next(
        line for line in out.splitlines() if line.startswith("mask AP@")
    )
    losses = [float(line.split()[-1]) for line in out.split("category ")[1].splitlines()[1:]]
    assert losses == sorted(losses)
    assert "version 2: evaluating 8 pictures" in told.splitlines()


def test_what_eight_bits_cost_is_judged_by_labels_and_told(
    labelled: Labelled,
    quantized: tuple[int, str, str],
    evaluate: Callable[..., tuple[Any, str, str]],
):
    status, out, told = quantized
    assert status == 0, (out, told)
    assert told.splitlines()[0] == "checking 12 pictures"
    form = labelled.models / "shapes" / "2" / "shapes.int8.openvino"
    with zipfile.ZipFile(form) as archive:
        facts = json.loads(archive.read("form.json"))
    loss = facts["average_precision"]
    assert loss["instances"] >= 50
    assert loss["mask_before"] - loss["mask_after"] <= 0.003
    both = f"mask AP {100 * loss['mask_after']:.2f}, in float32 {100 * loss['mask_before']:.2f} ("
    assert both in out
    assert f" points, give or take {loss['error_points']:.2f}), on 12 pictures with " in out
    assert 0 < loss["error_points"] < 3
    assert "% are found by both" in out
    assert out.splitlines()[-1] == "near enough: a server runs it"
    (int8, f32), out, _ = evaluate("--against", "f32")
    assert [(one["precision"], one["version"]) for one in (int8, f32)] == [("int8", 2), ("f32", 2)]
    frames = facts["tight"]["int8"]
    in_frames = f"; in tight frames: {frames['told']}" if frames["is_near"] else ""
    assert int8["reason"] == facts["told"] + in_frames
    assert both in int8["reason"]
    assert "version 2, int8  version 2, f32  points" in out


def test_labels_keep_a_model_from_being_quantized_that_must_not_be(
    labelled: Labelled, tmp_path: Path, run: Run
):
    models = Path(shutil.copytree(labelled.models, tmp_path / "models"))
    shutil.rmtree(models / "shapes" / "1")
    shutil.rmtree(models / "iris")
    spoil_for_eight_bits(models / "shapes" / "2" / "shapes.h5")
    labels = with_dogs(labelled, tmp_path)
    words = ["--models", models, "--images", labelled.images, "--labels", labels]
    status, out, _ = run("quantize", "shapes", *words)
    assert status == 3
    assert " are left out, with " in out
    assert " points of mask AP are lost, 0.3 may be: mask AP " in out.splitlines()[-1]
    form = read_form(models / "shapes" / "2" / "shapes.int8.openvino")
    assert form is not None
    is_half_near = form.bf16 is not None and form.bf16.is_near
    told = described(models)
    assert (told["error"], told["precision"]) == (None, "bf16" if is_half_near else "f32")
    assert "too far from the weights: " in told["precision_reason"]
    assert "points of mask AP are lost, 0.3 may be" in told["precision_reason"]


def with_dogs(labelled: Labelled, folder: Path) -> Path:
    """Return labels that say of circles that they are dogs."""
    document = json.loads(labelled.labels.read_text())
    for one in document["categories"]:
        one["name"] = "dog" if one["name"] == "circle" else one["name"]
    labels = folder / "dogs.json"
    labels.write_text(json.dumps(document))
    return labels


def test_categories_that_only_one_side_has_are_left_out_and_told(
    labelled: Labelled, tmp_path: Path, evaluate: Callable[..., tuple[Any, str, str]]
):
    (one,), out, _ = evaluate("--data", with_dogs(labelled, tmp_path), "--limit", 4)
    assert "dog" not in one["by_class"]
    assert len(one["by_class"]) > 5
    first, second = one["remarks"]
    assert first.startswith("categories that the model does not know are left out, with ")
    assert first.endswith(" instances: dog")
    assert second == "labels without a category; what is found of them does not count: circle"
    assert first in out


def test_a_model_without_labels_is_judged_by_its_class_ids(
    labelled: Labelled, tmp_path: Path, evaluate: Callable[..., tuple[Any, str, str]]
):
    models = Path(shutil.copytree(labelled.models, tmp_path / "models"))
    (models / "shapes" / "2" / "labels.txt").unlink()
    document = json.loads(labelled.labels.read_text())
    for one in (*document["categories"], *document["annotations"]):
        key = "category_id" if "category_id" in one else "id"
        one[key] = 11 - one[key] // 3
    labels = tmp_path / "by-id.json"
    labels.write_text(json.dumps(document))
    (one,), _, _ = evaluate("--models", models, "--data", labels, "--limit", 4)
    assert one["precisions"]["mask"]["AP@[.5:.95]"] > 0.5

"""`slipway evaluate` with what cannot be evaluated: one line says which file, field and value."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.app.cli.conftest import Run
from tests.app.cli.labelled import Labelled, labelled_in


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Labelled:
    return labelled_in(tmp_path_factory.mktemp("labelled"), root)


def changed(place: str, value: object) -> Callable[[dict[str, Any]], None]:
    """Return what sets one value of a document, as `images.0.width`."""

    def change(document: Any) -> None:
        *path, last = place.split(".")
        for step in path:
            document = document[int(step) if step.isdecimal() else step]
        document[last] = value

    return change


def without(field: str) -> Callable[[dict[str, Any]], None]:
    return lambda document: document.pop(field)


def renamed(document: dict[str, Any]) -> None:
    for one in document["categories"]:
        one["name"] += "fish"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param("[[", "bad.json: is no JSON: Expecting value", id="no JSON"),
        pytest.param("[]", "bad.json: is a list, not an object with images, ", id="results"),
        pytest.param(without("images"), "bad.json: has no `images`", id="no images"),
        pytest.param(
            changed("images", []),
            "bad.json: images is []: a list with one or more is needed",
            id="zero pictures",
        ),
        pytest.param(
            changed("annotations", []),
            "bad.json: annotations is []: a list with one or more is needed",
            id="zero annotations",
        ),
        pytest.param(
            changed("images.1.id", 900),
            "bad.json: images[1].id is 900: one before has it too",
            id="an id twice",
        ),
        pytest.param(
            changed("images.1.file_name", 7),
            "bad.json: images[1].file_name is 7: a text is needed",
            id="no name",
        ),
        pytest.param(
            changed("images.1.file_name", "gone.png"),
            "gone.png: No such file or directory; it is `file_name` of the image 899 in bad.json",
            id="a picture that is not there",
        ),
        pytest.param(
            changed("images.1.file_name", "notes.txt"), "notes.txt: ", id="what is no picture"
        ),
        pytest.param(
            changed("images.1.width", 0),
            "bad.json: images[1].width is 0: a whole number from 1 on is needed",
            id="no width",
        ),
        pytest.param(
            changed("annotations.2.image_id", 5),
            "bad.json: annotations[2].image_id is 5: no image has this id",
            id="an annotation of no picture",
        ),
        pytest.param(
            changed("annotations.2.category_id", 5),
            "bad.json: annotations[2].category_id is 5: no category has this id",
            id="an annotation of no category",
        ),
        pytest.param(
            changed("annotations.2.segmentation", []),
            "bad.json: annotations[2].segmentation is []: polygons or a run-length code are needed",
            id="a box alone",
        ),
        pytest.param(
            changed("annotations.2.segmentation", [[1, 2, 3]]),
            "bad.json: annotations[2].segmentation[0] is [1, 2, 3]: x, y, x, y, … of three or more",
            id="half a point",
        ),
        pytest.param(
            changed("annotations.2.segmentation", [[0, 0, 9e9, 0, 9, 9]]),
            "bad.json: annotations[2].segmentation[0] is 9000000000.0: the picture is 320 x 320",
            id="a point far off",
        ),
        pytest.param(
            changed("annotations.2.segmentation", {"size": [9, 9], "counts": "0"}),
            "bad.json: annotations[2].segmentation.size is [9, 9]: the picture's is [320, 320]",
            id="a code of another size",
        ),
        pytest.param(
            changed("annotations.2.segmentation", {"size": [320, 320], "counts": "~o"}),
            "bad.json: annotations[2].segmentation.counts is '~o': COCO's run-length code is",
            id="a damaged code",
        ),
        pytest.param(
            changed("annotations.2.segmentation", {"size": [320, 320], "counts": [5, 5]}),
            "bad.json: annotations[2].segmentation.counts is [5, 5]: together they are 10, and",
            id="a code that is too short",
        ),
        pytest.param(
            changed("annotations.2.bbox", [1, 2, -3, 4]),
            "bad.json: annotations[2].bbox is [1, 2, -3, 4]: width or height is below 0",
            id="a box turned over",
        ),
        pytest.param(
            renamed,
            "bad.json: `categories` has nothing of the model's labels: square, rectangle, circle, "
            "ellipse, triangle and 5 more; it has squarefish (30), ",
            id="categories of something else",
        ),
    ],
)
def test_labels_that_cannot_be_used_are_told_in_one_line(
    labelled: Labelled,
    run: Run,
    tmp_path: Path,
    change: str | Callable[[dict[str, Any]], None],
    told: str,
):
    labels = tmp_path / "bad.json"
    if isinstance(change, str):
        labels.write_text(change)
    else:
        document = json.loads(labelled.labels.read_text())
        change(document)
        labels.write_text(json.dumps(document))
    (labelled.images / "notes.txt").write_text("no picture")
    words = ["--models", labelled.models, "--data", labels, "--images", labelled.images]
    status, out, error = run("evaluate", "shapes", *words)
    assert (status, out) == (1, "")
    assert told in error.splitlines()[-1]
    assert "Traceback" not in error


def test_too_few_labelled_instances_are_told_before_a_form_is_made_of_them(
    labelled: Labelled, run: Run, tmp_path: Path
):
    document = json.loads(labelled.labels.read_text())
    few = document["images"][:4]
    ids = [picture["id"] for picture in few]
    there = [one for one in document["annotations"] if one["image_id"] in ids]
    labels = tmp_path / "few.json"
    labels.write_text(json.dumps({**document, "images": few, "annotations": there}))
    words = ["--models", labelled.models, "--images", labelled.images, "--labels", labels]
    status, _, told = run("quantize", "shapes", *words)
    assert status == 1
    assert re.fullmatch(
        r"slipway: few\.json: every second labelled picture judges, with \d\d instances on 2; "
        r"50 are needed",
        told.strip(),
    )


def test_a_picture_of_another_size_than_its_labels_say_is_told(
    labelled: Labelled, run: Run, tmp_path: Path
):
    images = tmp_path / "photos"
    shutil.copytree(labelled.images, images)
    Image.new("RGB", (300, 200)).save(images / "05.png")
    words = ["--models", labelled.models, "--data", labelled.labels, "--images", images]
    status, _, told = run("evaluate", "shapes", *words)
    assert status == 1
    assert told.splitlines()[-1].endswith(
        "05.png: has 300 x 200 pixels; `width` and `height` of the image 895 in instances.json are "
        "320 x 320"
    )


@pytest.mark.parametrize(
    ("words", "status", "reason"),
    [
        pytest.param(["none"], 1, "there is no model 'none' in", id="no model"),
        pytest.param(["shapes", "--against", "7"], 1, "shapes has no version 7 in", id="version"),
        pytest.param(
            ["shapes", "--against", "2"],
            2,
            "--against 2: is the version that is evaluated; --against f32 compares it with itself",
            id="itself",
        ),
        pytest.param(
            ["shapes", "--against", "f33"],
            2,
            "precision is 'f33'; it must be one of ",
            id="precision",
        ),
        pytest.param(
            ["shapes", "--images", "nowhere"],
            2,
            "--images nowhere: there is no such folder",
            id="no folder",
        ),
        pytest.param(
            ["shapes", "--json", "nowhere/figures.json"],
            2,
            "--json nowhere/figures.json: there is no such folder",
            id="no folder for figures",
        ),
        pytest.param(
            ["shapes", "--data", "nowhere.json"],
            1,
            "nowhere.json: No such file or directory",
            id="no file",
        ),
        pytest.param(
            ["iris"],
            1,
            "iris version 1: is of the kind saved_model, which cannot be evaluated with COCO; "
            "mask_rcnn can",
            id="kind",
        ),
    ],
)
def test_what_cannot_be_evaluated_is_told(
    labelled: Labelled, run: Run, words: list[str], status: int, reason: str
):
    given = ["--models", labelled.models, "--data", labelled.labels, "--images", labelled.images]
    got, _, told = run("evaluate", *given, *words)
    assert got == status
    assert reason in told.splitlines()[-1]

"""The Python client and a real server: what comes back, typed, from both of the client's forms."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from slipway_client import (
    AnswerError,
    AsyncClient,
    Classes,
    Client,
    Detections,
    LoggedRow,
    Outcome,
    ProblemError,
    Segments,
    Values,
)
from tests.app.api.server import Server
from tests.app.kinds.onnx.test_onnx_segmenters import CLASSES, PIXELS
from tests.clients.scripted import in_a_loop

pytestmark = pytest.mark.server

CLIENT = Path(__file__).resolve().parents[2] / "clients" / "python"
FLOWER = {"sepal_length": 5.0, "sepal_width": 2.0, "petal_length": 3.5, "petal_width": 1.0}


@pytest.fixture
def client(server: Server):
    with Client(server.url, timeout_s=15) as client:
        yield client


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_picture_gives_instances_with_the_masks_that_the_model_found(
    client: Client, scene: Path, golden: Any
):
    found = client.predict(scene, expect=Detections)
    assert (found.model, found.version, len(found.prediction_id)) == ("shapes", 1, 26)
    assert found.request_id
    assert (found.image.width, found.image.height) == (320, 320)
    assert len(found.instances) == len(golden["instances"]) > 5
    for instance, wanted in zip(found.instances, golden["instances"], strict=True):
        assert (instance.class_id, instance.label) == (wanted["class_id"], wanted["label"])
        assert instance.score == pytest.approx(wanted["score"], abs=1e-3)
        assert instance.mask.dtype == bool
        assert (instance.mask == coco.decode(instance.code)).all()
        assert instance.mask.sum() == instance.area
        rows, columns = np.nonzero(instance.mask)
        assert instance.box.y_min <= rows.min() <= rows.max() < instance.box.y_max
        assert instance.box.x_min <= columns.min() <= columns.max() < instance.box.x_max


def test_a_picture_may_be_a_path_its_bytes_or_pixels_of_numpy(client: Client, scene: Path):
    with Image.open(scene) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    given = [str(scene), scene.read_bytes(), memoryview(scene.read_bytes()), pixels]
    wanted = client.predict(scene, expect=Detections).instances
    assert all(client.predict(one, expect=Detections).instances == wanted for one in given)
    grey, alpha = pixels[..., 0], np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
    shown = client.predict(grey, model="fashion", expect=Classes)
    assert client.predict(grey[..., None], model="fashion", expect=Classes).classes == shown.classes
    assert client.predict(alpha, expect=Detections).instances == wanted


def test_what_was_found_is_drawn_on_the_picture_that_was_sent(client: Client, scene: Path):
    with Image.open(scene) as picture:
        before = np.asarray(picture.convert("RGB"))
    found = client.predict(scene, expect=Detections)
    drawn = np.asarray(found.draw())
    touched = (drawn != before).any(axis=2)
    circle = next(one for one in found.instances if one.label == "circle")
    assert drawn.shape == (320, 320, 3)
    assert touched[circle.mask].mean() > 0.95
    assert not touched.all()
    assert (np.asarray(client.predict(before, expect=Detections).draw()) == drawn).all()
    with pytest.raises(ValueError, match=r"has 4 x 4 pixels; the answer is of one of 320 x 320"):
        found.draw(np.zeros((4, 4), np.uint8))


def test_masks_that_nobody_wants_do_not_come(client: Client, scene: Path):
    found = client.predict(scene, masks=False, max_instances=2, expect=Detections)
    assert [one.code for one in found.instances] == [None, None]
    with pytest.raises(AnswerError, match="masks=False"):
        _ = found.instances[0].mask
    assert found.draw().size == (320, 320)


def test_each_kind_of_model_has_its_own_type_of_answer(client: Client):
    shown = client.predict(np.zeros((28, 28), np.uint8), model="fashion", top_k=2, expect=Classes)
    assert len(shown.classes) == 2
    assert shown.best.score > shown.classes[1].score

    told = client.predict({**FLOWER, "sepal_width": np.float32(2)}, model="iris", expect=Values)
    assert told.outputs["predicted_species"] == ["versicolor"]

    parted = client.predict(PIXELS, model="field", expect=Segments)
    assert [(one.label, one.share) for one in parted.segments] == [
        ("background", 0.5),
        ("tree", 0.25),
        ("sky", 0.25),
    ]
    assert (sum(one.class_id * one.mask for one in parted.segments) == CLASSES).all()
    assert parted.draw().size == (6, 4)

    with pytest.raises(AnswerError, match="model iris answers with Values, not with Detections"):
        client.predict(FLOWER, model="iris", expect=Detections)


def test_a_refusal_has_what_the_servers_problem_says(client: Client, scene: Path):
    with pytest.raises(ProblemError) as raised:
        client.predict(scene, model="nothing")
    error = raised.value
    assert (error.status, error.slug, error.field) == (404, "model-not-found", "model")
    assert error.problem.document["allowed"] == ["fashion", "field", "iris", "shapes"]
    with pytest.raises(ProblemError) as raised:
        client.predict(FLOWER | {"petal_width": "wide"}, model="iris")
    assert (raised.value.slug, raised.value.field) == ("invalid-input", "instances[0].petal_width")
    assert raised.value.request_id


def test_models_tell_what_is_served(client: Client):
    models = {model.name: model for model in client.models()}
    assert {model.state for model in models.values()} == {"ready"}
    assert [models[name].face for name in ("fashion", "field", "iris", "shapes")] == [
        "classes",
        "segments",
        "values",
        "instances",
    ]
    assert models["shapes"].is_default
    assert models["field"].labels == ("background", "tree", "sky")


def test_a_client_with_more_time_than_the_server_has_asks_for_what_it_has(server: Server):
    with Client(server.url, timeout_s=3600) as client:
        for _ in range(2):
            assert client.predict(FLOWER, model="iris", expect=Values).outputs
    with pytest.raises(ValueError, match="JSON compliant"), Client(server.url) as client:
        client.predict({**FLOWER, "petal_width": float("nan")}, model="iris")


def told(outcomes: list[Outcome[Detections]]) -> list[tuple[Any, int | str]]:
    return [
        (each.given, type(each.error).__name__ if each.error else len(each.result().instances))
        for each in outcomes
    ]


@pytest.mark.parametrize("form", ["blocking", "awaited"])
def test_many_are_answered_in_their_order_by_a_server_that_has_room_for_two(
    server: Server, scene: Path, form: str
):
    samples = sorted(scene.parent.glob("*.png"))
    items = [*samples[:3], "missing.png", b"no picture", *samples[3:], *samples]
    options = {"model": "shapes", "concurrency": 6, "expect": Detections}

    async def awaited() -> list[Outcome[Detections]]:
        async with AsyncClient(server.url, retries=50) as client:
            return [each async for each in client.predict_many(items, **options)]

    def blocking() -> list[Outcome[Detections]]:
        with Client(server.url, retries=50) as client:
            return [*client.predict_many(items, **options)]

    refused = 'slipway_http_requests_total{method="POST",route="/predict",status="429"}'
    outcomes = blocking() if form == "blocking" else in_a_loop(awaited())
    with Client(server.url) as client:
        alone = [client.predict(one, expect=Detections) for one in samples]
    counts = [len(one.instances) for one in alone]
    found = [*counts[:3], "FileNotFoundError", "ProblemError", *counts[3:], *counts]
    assert told(outcomes) == [*zip(items, found, strict=True)]
    assert server.metric(refused) > 0
    with pytest.raises(FileNotFoundError):
        outcomes[3].result()


def test_what_is_not_looked_at_is_not_asked(server: Server, scene: Path):
    taken = []

    def endless():
        while True:
            taken.append(scene)
            yield scene

    with Client(server.url) as client:
        outcomes = client.predict_many(endless(), concurrency=2)
        assert next(outcomes).answer
        outcomes.close()
    assert len(taken) == 4


def test_many_show_a_bar_on_a_terminal(server: Server, scene: Path):
    script = (
        "import sys; from slipway_client import Client\n"
        "for each in Client(sys.argv[1]).predict_many([*sys.argv[2:]], concurrency=1): pass"
    )
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", script, server.url, str(scene), "missing.png"]
    environment = os.environ | {"PYTHONPATH": str(CLIENT), "TERM": "xterm", "COLUMNS": "100"}
    ran = subprocess.run(command, stderr=theirs, env=environment, check=True, timeout=60)
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:  # what Linux says at a terminal's end
        pass
    os.close(ours)
    assert ran.returncode == 0
    assert "2/2" in (plain := re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", shown.decode()))
    assert "1 failed" in plain


@pytest.mark.parametrize("form", ["blocking", "awaited"])
def test_what_was_predicted_is_asked_for_page_after_page_and_corrected(
    form: str, client: Client, server: Server
):
    asked_at = datetime.now(UTC)
    wanted = {"model": "iris", "since": asked_at, "min_score": 0.1}
    outcomes = [*client.predict_many([FLOWER] * 101, concurrency=2, model="iris")]
    ids = [outcome.answer.prediction_id for outcome in outcomes if outcome.answer]
    assert len(set(ids)) == 101

    def blocking() -> list[LoggedRow]:
        told = client.feedback(ids[0], label="setosa")
        assert (told["joined"], told["agrees"]) == (True, False)
        return [*client.predictions(**wanted)]

    async def awaited() -> list[LoggedRow]:
        async with AsyncClient(server.url, timeout_s=15) as asking:
            told = await asking.feedback(ids[0], label="setosa")
            assert (told["joined"], told["agrees"]) == (True, False)
            return [row async for row in asking.predictions(**wanted)]

    rows = blocking() if form == "blocking" else in_a_loop(awaited())
    assert {row.prediction_id for row in rows} == set(ids)
    assert len(rows) == 101
    assert asked_at <= rows[-1].created_at < rows[0].created_at <= datetime.now(UTC)
    assert {row.predicted_class for row in rows} == {1}
    assert [row.prediction_id for row in rows if row.agrees is False] == [ids[0]]
    assert rows[0].class_probabilities[rows[0].predicted_class] == rows[0].score
    with pytest.raises(ProblemError) as raised:
        [*client.predictions(max_score=2.0)]
    assert raised.value.field == "max_score"


def run_script(script: str, folder: Path, server: Server) -> str:
    environment = os.environ | {"PYTHONPATH": str(CLIENT), "SLIPWAY_URL": server.url}
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_notebook_runs_from_its_first_cell_to_its_last(server: Server):
    notebook = json.loads((CLIENT / "quickstart.ipynb").read_text())
    cells = ["".join(one["source"]) for one in notebook["cells"] if one["cell_type"] == "code"]
    shown = run_script("\n".join(cells), CLIENT, server)
    for line in (
        "shapes 1 ready answers with instances",
        "(320, 320) bool",
        "missing.png [Errno 2] No such file or directory",
        "['versicolor']",
        "instances[0].petal_width",
    ):
        assert line in shown


def test_the_readmes_example_runs_from_the_root(server: Server, root: Path, tmp_path: Path):
    page = (CLIENT / "README.md").read_text()
    (example,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "models").symlink_to(root / "models")
    shown = run_script(example.replace("http://localhost:8080", server.url), tmp_path, server)
    assert "cross 0.99" in shown
    assert (tmp_path / "found.png").read_bytes().startswith(b"\x89PNG")

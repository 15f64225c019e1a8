"""`slipway predict --url`: a server far away tells what the command tells by itself."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app.cli import main
from tests.app.api.server import Server
from tests.app.kinds.onnx.test_onnx_segmenters import PIXELS
from tests.clients.scripted import Does, nobody, scripted

FLOWER = {"sepal_length": 5.0, "sepal_width": 2.0, "petal_length": 3.5, "petal_width": 1.0}


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]):
    def run(*arguments: object) -> tuple[int, str, str]:
        status = main(["predict", *map(str, arguments)])
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def files(tmp_path: Path, scene: Path) -> dict[str, Path]:
    """Return something to ask each model about, by its name."""
    shoe = np.zeros((28, 28), np.uint8)
    shoe[12:20, 3:25] = 180
    Image.fromarray(shoe).save(tmp_path / "sneaker.png")
    Image.fromarray(PIXELS).save(tmp_path / "field.png")
    (tmp_path / "flower.json").write_text(json.dumps(FLOWER))
    named = {"fashion": "sneaker.png", "field": "field.png", "iris": "flower.json"}
    return {"shapes": scene} | {model: tmp_path / name for model, name in named.items()}


@pytest.mark.server
@pytest.mark.parametrize(
    ("model", "lines"),
    [
        pytest.param("shapes", ["11 instances on 320 x 320 pixels", "cross "], id="instances"),
        pytest.param("fashion", ["on 28 x 28 pixels, fashion version 1", "sneaker "], id="classes"),
        pytest.param("field", ["3 classes on 6 x 4 pixels", "tree        25.0%"], id="segments"),
        pytest.param("iris", ["outputs on one instance", '["versicolor"]'], id="values"),
    ],
)
def test_a_server_far_away_is_asked_and_told_of_as_a_model_here_is(
    server: Server, served: Path, run: Any, files: dict[str, Path], model: str, lines: list[str]
):
    status, there, err = run("--url", f"{server.url}/", "--model", model, files[model])
    assert (status, err) == (0, "")
    assert all(line in there for line in lines)
    status, here, _ = run("--models", served, "--model", model, files[model])
    assert status == 0
    times = re.compile(r"\d+ ms$", re.MULTILINE)
    assert times.sub("", there) == times.sub("", here)


@pytest.mark.server
def test_a_server_far_away_gives_json_and_draws(
    server: Server, run: Any, files: dict[str, Path], tmp_path: Path
):
    drawn = tmp_path / "drawn" / "scene.jpg"
    options = ("--url", server.url, "--model", "shapes", "--min-score", 0.998)
    status, out, err = run(*options, "--json", files["shapes"], "--render", drawn)
    assert (status, err) == (0, f"drawn to {drawn}\n")
    answer = json.loads(out)
    assert answer["file"] == str(files["shapes"])
    assert all(one["score"] >= 0.998 for one in answer["instances"])
    with Image.open(drawn) as picture:
        assert picture.size == (320, 320)


@pytest.mark.server
def test_what_a_server_refuses_is_one_line_a_file_and_stops_no_other(
    server: Server, run: Any, files: dict[str, Path], tmp_path: Path
):
    (tmp_path / "notes.png").write_text("text")
    missing = tmp_path / "missing.png"
    given = (tmp_path / "notes.png", missing, files["shapes"])
    status, out, err = run("--url", server.url, "--model", "shapes", *given)
    assert status == 1
    assert "11 instances" in out
    first, second = err.splitlines()
    assert "notes.png: the 4 bytes are no picture in a known format" in first
    assert second == f"slipway: {missing}: No such file or directory"


@pytest.mark.parametrize(
    ("does", "told"),
    [
        pytest.param(Does(body=b"<html>"), "does not answer as a Slipway server does", id="page"),
        pytest.param(Does(body=b'{"a": 1}'), "does not answer as a Slipway", id="other JSON"),
        pytest.param(Does(403, {}, b"<h1>No</h1>"), "status 403", id="no problem document"),
        pytest.param(Does(how="hang up"), "no answer from http://", id="hung up"),
    ],
)
def test_a_server_that_is_another_is_told_in_one_line(
    run: Any, tmp_path: Path, does: Does, told: str
):
    (tmp_path / "flower.json").write_text(json.dumps(FLOWER))
    with scripted([does]) as server:
        status, _, err = run("--url", server.url, tmp_path / "flower.json")
    assert (status, told in err, len(err.splitlines())) == (1, True, 1)


def test_an_address_that_is_none_is_asked_in_a_wrong_way(run: Any, scene: Path, tmp_path: Path):
    assert run("--url", nobody(), scene)[0] == 1
    status, _, err = run("--url", "localhost:8080", scene)
    assert (status, "an address as http://localhost:8080 is needed" in err) == (2, True)
    status, _, err = run("--url", nobody(), "--models", tmp_path, scene)
    assert (status, "a server has models of its own" in err) == (2, True)

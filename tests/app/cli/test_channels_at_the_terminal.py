"""Files of one and four channels, and nested ones, at the terminal."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.cli import main
from tests.mrcnn.saving import nested
from tests.mrcnn.test_detector import photo
from tests.mrcnn.tiny import GREY, RED_LAST, SETTINGS, changed, with_channels

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("mix", "row"),
    [
        pytest.param(
            GREY, "input       1 channel (grey); model.yaml has to say MEAN_PIXEL", id="1"
        ),
        pytest.param(None, "input       3 channels (RGB)\n", id="3"),
        pytest.param(
            RED_LAST, "input       4 channels (RGBA); model.yaml has to say MEAN_PIXEL", id="4"
        ),
        pytest.param(
            np.ones((5, 3)), "input       5 channels, which no picture that is sent has", id="5"
        ),
    ],
)
def test_inspect_tells_the_channels(mix, row: str, tiny_file: Path, tmp_path: Path, capsys):
    path = tiny_file if mix is None else with_channels(tiny_file, tmp_path / "other.h5", mix)
    assert main(["inspect", str(path)]) == 0
    shown = capsys.readouterr().out
    assert row in shown
    assert "nested" not in shown


def test_inspect_tells_that_a_network_is_nested(tiny_file: Path, tmp_path: Path, capsys):
    path = changed(tiny_file, tmp_path / "wrapped.h5", nested("lambda_1", "mask_rcnn"))
    assert main(["inspect", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "nested      in mask_rcnn, as a wrapper for several GPUs saves it\n" in shown
    assert "rpn_conv_shared" in shown


def test_predict_takes_the_fourth_channel_of_a_file(
    tiny_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    models = tmp_path / "models"
    models.mkdir()
    with_channels(tiny_file, models / "four.h5", RED_LAST)
    config = SETTINGS | {"MEAN_PIXEL": [0, 110, 100, 120]}
    (models / "four.yaml").write_text(json.dumps({"config": config}))
    monkeypatch.setenv("MODEL_REPOSITORY", str(models))
    colours = photo(64, 64)
    Image.fromarray(np.dstack([colours, colours[..., 0]])).save(tmp_path / "four.png")
    Image.fromarray(colours).save(tmp_path / "three.png")
    drawn = tmp_path / "out"
    drawn.mkdir()
    pictures = [str(tmp_path / name) for name in ("four.png", "three.png")]
    status = main(["predict", *pictures, "--render", f"{drawn}/"])
    out, err = capsys.readouterr()
    assert status == 1
    assert "four.png: " in out
    assert "three.png: the picture has no fourth channel; this model takes pictures of 4" in err
    with Image.open(drawn / "four.png") as overlay:
        assert overlay.mode == "RGB"


@pytest.mark.parametrize("mix", [GREY, RED_LAST], ids=["grey", "four channels"])
def test_check_asks_a_model_what_it_can_take(
    mix, tiny_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    (tmp_path / "models").mkdir()
    with_channels(tiny_file, tmp_path / "models" / "other.h5", mix)
    channels = 1 if mix is GREY else 4
    config = SETTINGS | {"MEAN_PIXEL": [110] * channels, "IMAGE_RESIZE_MODE": "none"}
    (tmp_path / "models" / "other.yaml").write_text(json.dumps({"config": config}))
    monkeypatch.setenv("MODEL_REPOSITORY", str(tmp_path / "models"))
    monkeypatch.setenv("MAX_MOLDED_PIXELS", "4096")
    assert main(["check"]) == 0
    assert "1 of 1 versions can be served" in capsys.readouterr().out

"""A form in eight bits of something else, damaged, or that misses a golden: float32 runs then."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import pytest
import yaml

from mrcnn.forms import FormError
from mrcnn.programs.choice import Choice, Wishes, choose
from mrcnn.settings import settings_for
from mrcnn.weights import WeightFile
from tests.app.cli.conftest import Run
from tests.app.cli.eight_bits import (
    Made,
    described,
    form_in,
    with_options,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def models(made: Made, tmp_path: Path) -> Path:
    """Return a copy of that repository, to be changed."""
    return Path(shutil.copytree(made.models, tmp_path / "models"))


@pytest.mark.parametrize("change", ["weights", "settings"])
def test_a_form_of_something_else_is_never_used(models: Path, change: str):
    folder = models / "shapes" / "1"
    config = yaml.safe_load((folder / "model.yaml").read_text())["config"]
    if change == "weights":
        with h5py.File(folder / "shapes.h5", "r+") as file:
            file.attrs["told"] = "another file"
    else:
        config["POST_NMS_ROIS_INFERENCE"] = 90
    reason = "shapes.int8.openvino is of other weights or settings than these"
    assert chosen(folder, config)[:4] == ("openvino", "f32", None, reason)
    told = described(with_options(models, precision="int8", config=config))
    assert told["error"] == f"precision is 'int8', and {reason}; slipway quantize makes it"


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "no-zip", "of-another-time"])
def test_a_damaged_form_costs_its_speed_and_no_model(models: Path, damage: str):
    form = form_in(models)
    content = bytearray(form.read_bytes())
    if damage == "cut":
        form.write_bytes(content[: len(content) // 2])
    elif damage == "changed":
        content[len(content) // 2] ^= 0xFF
        form.write_bytes(content)
    elif damage == "of-another-time":
        with zipfile.ZipFile(form, "w") as archive:
            archive.writestr("form.json", '{"format": 99}')
    else:
        form.write_bytes(b"" if damage == "empty" else b"<html>log in</html>")
    config = yaml.safe_load((form.parent / "model.yaml").read_text())["config"]
    program, precision, used, reason, *_ = chosen(form.parent, config)
    assert (program, precision, used) == ("openvino", "f32", None)
    assert "shapes.int8.openvino is " in reason
    with pytest.raises(FormError, match=r"precision is 'int8', and shapes\.int8\.openvino is "):
        chosen(form.parent, config, precision="int8")


def test_a_form_whose_graph_cannot_be_read_costs_its_speed_and_no_model(models: Path):
    form = form_in(models)
    with zipfile.ZipFile(form) as archive:
        facts = archive.read("form.json")
    with zipfile.ZipFile(form, "w") as archive:
        archive.writestr("form.json", facts)
        archive.writestr("graph.xml", "<net/>")
        archive.writestr("graph.bin", b"")
    told = described(models)
    assert (told["error"], told["precision"]) == (None, "f32")
    reason = "shapes.int8.openvino holds no graph that can be read: "
    assert told["precision_reason"].startswith(reason)
    told = described(with_options(models, precision="int8"))
    assert told["error"].startswith(reason)


def chosen(folder: Path, config: Mapping[str, object], **wishes: Any) -> Choice:
    """Return what would run the demo model with these settings."""
    file = WeightFile.open(folder / "shapes.h5")
    return choose(file.path, settings_for(file.architecture, config, "shapes.h5"), Wishes(**wishes))


def test_goldens_that_the_form_does_not_give_keep_it_from_being_used(
    models: Path, made: Made, run: Run
):
    golden = models / "shapes" / "1" / "golden" / "scene-500.json"
    said = json.loads(golden.read_text())
    said["instances"][0]["score"] -= 0.2
    golden.write_text(json.dumps(said))
    status, out, _ = run("quantize", "shapes", "--models", models, "--images", made.images)
    assert status == 3
    assert "says so: golden samples/scene-500.png: instance 1" in out


@pytest.mark.parametrize(
    ("score", "error"),
    [
        pytest.param(0.75, None, id="beside the least score"),
        pytest.param(0.85, "golden samples/scene-500.png: instance 12 (class ", id="far above it"),
        pytest.param(None, "golden samples/scene-500.png: an instance more, of class ", id="more"),
    ],
)
def test_what_lies_beside_the_least_score_may_be_found_by_the_form_or_not(
    models: Path, score: float | None, error: str | None
):
    golden = models / "shapes" / "1" / "golden" / "scene-500.json"
    said = json.loads(golden.read_text())
    instances = said["instances"]
    if score is None:
        del instances[0]
    else:
        corner = {"x_min": 0, "y_min": 300, "x_max": 20, "y_max": 320}
        instances.append({**instances[0], "score": score, "box": corner})
    golden.write_text(json.dumps(said))
    told = described(with_options(models, precision="int8"))
    assert told["precision"] == "int8" if error is None else told["error"].startswith(error)


def test_a_form_that_misses_a_golden_of_later_costs_its_speed_and_no_model(models: Path):
    form = form_in(models)
    with zipfile.ZipFile(form) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    # Without its largest kernels it finds nothing of what is there.
    numbers = bytearray(content["graph.bin"])
    places = re.findall(rb'offset="(\d+)" size="(\d+)"', content["graph.xml"])
    for offset, size in sorted(((int(a), int(b)) for a, b in places), key=lambda at: -at[1])[:9]:
        numbers[offset : offset + size] = bytes(size)
    content["graph.bin"] = bytes(numbers)
    with zipfile.ZipFile(form, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    told = described(models)
    assert told["error"] is None
    assert (told["precision"], told["resize"], told["goldens"]) == ("f32", "trained", 2)
    why = "with what was made for speed it does not give its goldens: golden samples/"
    assert told["precision_reason"].startswith(why)

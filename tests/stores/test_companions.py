"""What belongs beside a model by way of a bucket: a form in eight bits goes with its weights."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from app.cli.terminal import megabytes
from tests.app.cli.eight_bits import described, write_pictures
from tests.stores.other_clouds import Store, running

pytestmark = pytest.mark.slow

Slipway = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running("s3", tmp_path_factory.mktemp("store")) as store:
        yield store


@pytest.fixture
def models(tmp_path: Path, root: Path) -> Path:
    """Return a repository with the weights of the demo model, and its settings."""
    folder, demo = tmp_path / "models", root / "models" / "shapes" / "1"
    folder.mkdir()
    shutil.copy(demo / "shapes.h5", folder / "kite.h5")
    config = yaml.safe_load((demo / "model.yaml").read_text())["config"]
    (folder / "kite.yaml").write_text(yaml.safe_dump({"config": config}))
    return folder


@pytest.fixture
def slipway(tmp_path: Path, store: Store, models: Path) -> Slipway:
    """Return a function that runs the command over that repository."""
    own = {"MODEL_REPOSITORY": str(models), "XDG_CACHE_HOME": str(tmp_path / "cache")}

    def run(*words: object, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "app.cli", *map(str, words)],
            env=os.environ | own | store.variables() | variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run


def test_a_form_in_eight_bits_goes_with_its_weights_and_comes_with_them(
    slipway: Slipway, models: Path, tmp_path: Path, root: Path
):
    write_pictures(tmp_path / "photos", 8)
    made = slipway("quantize", "kite", "--images", tmp_path / "photos")
    assert made.returncode == 0, made.stderr
    trained, form = tmp_path / "rcnn_0030.h5", tmp_path / "rcnn_0030.int8.openvino"
    shutil.move(models / "kite.h5", trained)
    shutil.move(models / "kite.int8.openvino", form)
    photo = root / "models/shapes/1/samples/scene-500.png"
    push = ("push-model", trained, "s3://models", "--name", "kite", "--photo", photo)
    pushed = slipway(*push)
    assert pushed.returncode == 0, pushed.stderr
    said = yaml.safe_load((models / "kite.yaml").read_text())
    (companion,) = said["companions"]
    assert companion["uri"].endswith("/rcnn_0030.int8.openvino")
    assert companion["bytes"] == form.stat().st_size
    assert f"with it: {megabytes(companion['bytes'])} at {companion['uri']}" in pushed.stdout

    fetched = slipway("fetch")
    assert fetched.returncode == 0, fetched.stderr
    assert (models / "kite.int8.openvino").read_bytes() == form.read_bytes()
    ignored = (models / ".gitignore").read_text().splitlines()
    assert ignored == ["/kite.h5", "/kite.int8.openvino"]
    told = described(models)
    assert (told["precision"], told["goldens"], told["error"]) == ("int8", 1, None)
    # Goldens are the model's own: it gives them without the form, too, whose bounds are wider.
    (models / "kite.int8.openvino").unlink()
    told = described(models)
    assert (told["precision"], told["goldens"], told["error"]) == ("f32", 1, None)

    # A form of other settings would be of no use.
    said["config"]["POST_NMS_ROIS_INFERENCE"] = 90
    (models / "kite.yaml").write_text(yaml.safe_dump(said))
    pushed = slipway(*push)
    assert pushed.returncode == 0, pushed.stderr
    told_lines = pushed.stderr.splitlines()
    other = "rcnn_0030.int8.openvino is of other weights or settings than these"
    assert f"rcnn_0030.int8.openvino is left behind: {other}" in told_lines
    assert "kite.yaml refers to rcnn_0030.int8.openvino no longer" in told_lines
    assert "companions" not in yaml.safe_load((models / "kite.yaml").read_text())

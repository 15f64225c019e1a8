"""`slipway export`: a model as one graph that other programs run, and that answers as it does."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from PIL import Image

from app.cli import main
from mrcnn.demo.scenes import make_scene
from mrcnn.detector import Detector
from mrcnn.instances import Instances
from mrcnn.results import result_of
from tests.app.cli.conftest import Run

pytestmark = pytest.mark.slow

#: Wide, high, small, the network's own, and a photo's: width and height.
SIZES = ((500, 240), (333, 700), (96, 80), (384, 384), (1365, 768))
FORMATS = ("saved_model", "openvino", "onnx")


class Made(NamedTuple):
    """A repository of the demo model, what was written of it by format, and what was said."""

    models: Path
    images: Path
    pictures: list[NDArray[np.uint8]]
    folders: dict[str, Path]
    said: dict[str, tuple[int, str, str]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Made:
    """Export the demo model, under the names that the documentation has, in every format."""
    folder = tmp_path_factory.mktemp("exported")
    models, images = folder / "models", folder / "images"
    shutil.copytree(root / "models" / "shapes", models / "street")
    images.mkdir()
    pictures = []
    for seed, size in enumerate(SIZES):
        scene = Image.fromarray(make_scene(7_000_000 + seed, 512).image)
        scene.resize(size, Image.Resampling.BILINEAR).save(images / f"{seed}.png")
        with Image.open(images / f"{seed}.png") as picture:
            pictures.append(np.asarray(picture))
    folders = {to: folder / f"street-{to.replace('_', '-')}" for to in FORMATS}
    said = {
        to: quiet("export", "street", "--models", models, "--to", to, "--out", folders[to],
                  "--images", images)
        for to in FORMATS
    }  # fmt: skip
    return Made(models, images, pictures, folders, said)


def quiet(*words: object) -> tuple[int, str, str]:
    out, told = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(told):
        status = main([str(word) for word in words])
    return status, out.getvalue(), told.getvalue()


def found_by_the_model(models: Path, pictures: list[NDArray[np.uint8]]) -> list[Instances]:
    folder = models / "street" / "1"
    config = yaml.safe_load((folder / "model.yaml").read_text())["config"]
    return Detector.load(folder / "shapes.h5", config, program="openvino").detect(pictures)


def snippet(root: Path, word: str) -> str:
    """Return the example of the documentation in which a word stands."""
    page = (root / "docs" / "export.md").read_text()
    (code,) = (one for one in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if word in one)
    return code


def assert_same(ours: Instances, theirs: Mapping[str, NDArray[Any]]) -> None:
    """Equal scores may come in another order: what is nearest belongs together."""
    masks = np.moveaxis(result_of(ours)["masks"], -1, 0)
    assert theirs["boxes"].shape == ours.boxes_yxyx.shape
    for box, class_id, score, mask in zip(
        ours.boxes_yxyx, ours.class_ids, ours.scores, masks, strict=True
    ):
        nearest = int(np.abs(theirs["boxes"] - box).max(axis=1).argmin())
        assert np.abs(theirs["boxes"][nearest] - box).max() <= 1
        assert theirs["classes"][nearest] == class_id
        assert theirs["scores"][nearest] == pytest.approx(score, abs=1e-3)
        there = theirs["masks"][nearest].astype(bool)
        assert (there & mask).sum() / (there | mask).sum() > 0.95


@pytest.mark.parametrize("to", FORMATS)
def test_it_says_how_near_what_it_wrote_is(made: Made, to: str):
    status, out, told = made.said[to]
    assert status == 0, (out, told)
    first, last = out.splitlines()
    assert first.startswith(f"{made.folders[to]}, ")
    assert "instances on 5 pictures: boxes " in first
    assert last.startswith("it answers as the model does")
    assert [line for line in told.splitlines() if "pictures" in line] == [
        "writing 5 pictures",
        "asking the model with 5 pictures",
        "asking what was written with 5 pictures",
    ]


@pytest.mark.parametrize("to", FORMATS)
def test_the_documented_lines_find_what_the_model_finds(made: Made, root: Path, to: str):
    """In a process without this project, pictures of any size."""
    code = snippet(root, made.folders[to].name)
    setup, ask = code.split("found = ")
    program = (
        f"import sys\n{setup}\n"
        f"for index in range({len(SIZES)}):\n"
        "    picture = np.load(f'{index}.npy')\n"
        f"    found = {ask.replace(chr(10), chr(10) + '    ')}\n"
        "    assert masks.shape[1:] == picture.shape[:2] and masks.dtype == np.uint8\n"
        "    rest = {key: np.asarray(found[key][0]) for key in ('classes', 'scores')}\n"
        "    np.savez(f'{index}.npz', boxes=boxes, masks=masks, **rest)\n"
        "assert not {'app', 'mrcnn'} & set(sys.modules)\n"
    )
    folder = made.models.parent
    for index, picture in enumerate(made.pictures):
        np.save(folder / f"{index}.npy", picture)
    run = subprocess.run(
        [sys.executable, "-I", "-c", program], cwd=folder, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert to != "onnx" or run.stderr == ""
    expected = found_by_the_model(made.models, made.pictures)
    assert sum(map(len, expected)) > 20
    for index, ours in enumerate(expected):
        with np.load(folder / f"{index}.npz") as theirs:
            assert_same(ours, dict(theirs))


@pytest.mark.parametrize("to", FORMATS)
def test_the_labels_lie_beside_it(made: Made, root: Path, to: str):
    given = (root / "models" / "shapes" / "1" / "labels.txt").read_text().split()
    assert (made.folders[to] / "assets" / "labels.txt").read_text().split() == given


@pytest.mark.parametrize("to", ["saved_model", "onnx"])
def test_a_server_serves_it_as_any_other(made: Made, run: Run, tmp_path: Path, to: str):
    models = tmp_path / "models"
    shutil.copytree(made.folders[to], models / "exported" / "1")
    status, out, told = run("check", "--models", models)
    assert status == 0, (out, told)
    asked = tmp_path / "asked.json"
    picture = made.pictures[2]
    asked.write_text(json.dumps({"picture": [picture.tolist()]}))
    status, out, told = run("predict", asked, "--json", "--models", models)
    assert status == 0, told
    outputs = json.loads(out)["outputs"]
    (ours,) = found_by_the_model(made.models, [picture])
    assert_same(ours, {name: np.asarray(rows[0]) for name, rows in outputs.items()})


def test_small_masks_and_another_frame_hold_too(made: Made, run: Run, tmp_path: Path):
    """Resize mode `pad64`, whose frame is another for each picture."""
    models = shutil.copytree(made.models, tmp_path / "models")
    configured(models, IMAGE_RESIZE_MODE="pad64", IMAGE_MIN_DIM=64)
    for to in FORMATS:
        status, out, told = run(
            "export", "street", "--to", to, "--out", tmp_path / to, "--masks", "box",
            "--images", made.images, "--models", models,
        )  # fmt: skip
        assert status == 0, (out, told)


def test_the_form_in_eight_bits_leaves_too(made: Made, run: Run, tmp_path: Path):
    models = shutil.copytree(made.models, tmp_path / "models")
    words = ["export", "street", "--precision", "int8", "--images", made.images, "--models", models]
    openvino = [*words, "--to", "openvino", "--out", tmp_path / "openvino"]
    status, _, told = run(*openvino)
    assert status == 1
    assert told.splitlines()[-1] == (
        "slipway: street version 1: precision is 'int8', and there is no shapes.int8.openvino; "
        "slipway quantize makes it"
    )
    run("quantize", "street", "--images", made.images, "--models", models)
    for to, share in (("openvino", 0.4), ("onnx", 0.3)):
        status, said, told = run(*words, "--to", to, "--out", tmp_path / to)
        assert status == 0, (said, told)
        assert size_of(tmp_path / to) < share * size_of(made.folders[to])
    unscaled = tmp_path / "unscaled"
    unscaled.mkdir()
    for seed in range(3):
        Image.fromarray(make_scene(8_000_000 + seed, 384).image).save(unscaled / f"{seed}.png")
    status, said, _ = run(*openvino, "--images", unscaled, "--replace")
    assert status == 0, said
    assert "alone" not in said
    apart = re.search(r"boxes (\d+) px apart at most, scores ([\d.e-]+),", said)
    assert apart is not None, said
    assert apart[1] == "0"
    assert float(apart[2]) <= 1e-3


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def configured(models: Path, **settings: object) -> None:
    file = models / "street" / "1" / "model.yaml"
    said = yaml.safe_load(file.read_text())
    said["config"] |= settings
    file.write_text(yaml.safe_dump({name: said[name] for name in said if name != "golden"}))


def test_pictures_of_nothing_prove_nothing(made: Made, run: Run, tmp_path: Path):
    images = tmp_path / "images"
    images.mkdir()
    Image.new("RGB", (64, 64)).save(images / "black.png")
    status, out, _ = run(
        "export", "street", "--to", "openvino", "--out", tmp_path / "out", "--images", images,
        "--models", made.models,
    )  # fmt: skip
    assert status == 3
    assert out.splitlines()[-1] == (
        "not proven to answer as the model does: nothing was found, which compares nothing; name "
        "pictures on which there is"
    )
    assert (tmp_path / "out" / "model.xml").is_file()


def test_it_says_what_to_install(
    made: Made, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in [name for name in sys.modules if name.startswith("mrcnn.exporting.onnx")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnx", None)
    status, _, told = run(
        "export", "street", "--to", "onnx", "--out", tmp_path / "out", "--models", made.models
    )
    assert status == 1
    assert told.splitlines()[-1] == (
        "slipway: street version 1: onnx is not installed: ./setup.sh export does it"
    )
    assert not list(tmp_path.iterdir())


def test_what_lies_there_is_kept_until_it_is_replaced_whole(made: Made, run: Run, tmp_path: Path):
    out = Path(shutil.copytree(made.folders["openvino"], tmp_path / "out"))
    (out / "mine").touch()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for process in (ended.pid, os.getpid(), os.getppid()):  # of these the last alone still writes
        (tmp_path / f".out.{process}" / "assets").mkdir(parents=True)
    words = ["export", "street", "--to", "openvino", "--out", out, "--models", made.models]
    status, _, told = run(*words)
    assert (status, told) == (
        2,
        f"slipway: --out {out}: is there already; --replace lets go of it\n",
    )
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))
    try:
        status, _, told = run(*words, "--replace")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert status == 1
    assert told.splitlines()[-1].endswith("the graph cannot be written there; is the disk full?")
    assert (out / "mine").exists()
    assert run(*words, "--replace")[0] == 0
    assert not (out / "mine").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f".out.{os.getppid()}", "out"]


@pytest.mark.parametrize(
    ("words", "status", "reason"),
    [
        pytest.param(["none"], 1, "there is no model 'none' in", id="no model"),
        pytest.param(["street", "--version", "7"], 1, "street has no version 7 in", id="version"),
        pytest.param(
            ["iris"], 1, "iris version 1: is of the kind saved_model, which other programs run "
            "as it is; mask_rcnn can be exported", id="kind",
        ),
        pytest.param(
            ["street", "--to", "saved_model", "--precision", "int8"], 2,
            "--precision int8: --to saved_model has float32 alone", id="int8",
        ),
        pytest.param(
            ["street", "--out", "nowhere/out"], 2, "--out nowhere/out: there is no folder nowhere",
            id="no folder",
        ),
        pytest.param(
            ["street", "--out", "file/out"], 2, "--out file/out: there is no folder file",
            id="beneath a file",
        ),
        pytest.param(
            ["street", "--images", "nowhere"], 2, "--images nowhere: there is no such folder",
            id="no pictures",
        ),
        pytest.param(
            ["crop"], 1, "crop version 1: config: IMAGE_RESIZE_MODE 'crop' cuts at random",
            id="crop",
        ),
        pytest.param(
            ["partial"], 1, "shapes.h5: allow_partial is true, and it needs every layer",
            id="partial",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_exported_is_told(
    made: Made,
    root: Path,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    status: int,
    reason: str,
):
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    models = tmp_path / "models"
    shutil.copytree(root / "models" / "iris", models / "iris")
    for name, said in (
        ("street", {}),
        ("crop", {"config": {"IMAGE_RESIZE_MODE": "crop", "IMAGE_MIN_DIM": 256}}),
        ("partial", {"allow_partial": True}),
    ):
        (models / name / "1").mkdir(parents=True)
        (models / name / "1" / "shapes.h5").symlink_to(root / "models/shapes/1/shapes.h5")
        (models / name / "1" / "model.yaml").write_text(yaml.safe_dump(said))
    given = words if "--to" in words else [*words, "--to", "openvino"]
    given = given if "--out" in words else [*given, "--out", "out"]
    got, _, told = run("export", *given, "--models", models)
    assert got == status
    assert reason in told.splitlines()[-1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "models"]

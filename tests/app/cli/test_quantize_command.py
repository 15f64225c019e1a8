"""`slipway quantize`: a model's form in eight bits, judged, kept beside it, used if it may be."""

from __future__ import annotations

import contextlib
import io
import json
import re
import resource
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pytest
import yaml
from PIL import Image

from app.cli import main
from app.cli.terminal import megabytes
from app.serving.local_client import LocalClient
from app.settings import Settings
from mrcnn.forms import FormError
from mrcnn.programs.choice import Choice, Wishes, choose
from mrcnn.programs.cpu import has_bfloat16
from mrcnn.settings import settings_for
from mrcnn.weights import WeightFile
from tests.app.cli.conftest import Run
from tests.app.cli.eight_bits import described, spoil_for_eight_bits, write_pictures

pytestmark = pytest.mark.slow

PICTURES = 24
HAS_BF16 = has_bfloat16()


class Made(NamedTuple):
    """A repository of the demo model with its form, and what the command said."""

    models: Path
    images: Path
    worst: Path
    status: int
    out: str
    told: str


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Made:
    """Quantize the demo model from scenes that it has never seen."""
    folder = tmp_path_factory.mktemp("quantized")
    models, images, worst = folder / "models", folder / "photos" / "deep", folder / "worst.png"
    shutil.copytree(root / "models" / "shapes", models / "shapes")
    write_pictures(images, PICTURES)
    (images / "notes.txt").write_text("no picture")
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    form_in(models).with_name(f".{form_in(models).name}.{killed.pid}").write_bytes(b"half of it")
    words = ["quantize", "shapes", "--models", models, "--images", images.parent, "--worst", worst]
    out, told = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(told):
        status = main([str(word) for word in words])
    return Made(models, images.parent, worst, status, out.getvalue(), told.getvalue())


@pytest.fixture
def models(made: Made, tmp_path: Path) -> Path:
    """Return a copy of that repository, to be changed."""
    return Path(shutil.copytree(made.models, tmp_path / "models"))


def with_options(models: Path, **options: object) -> Path:
    """Say more in the model's `model.yaml`; a value of None says less."""
    file = models / "shapes" / "1" / "model.yaml"
    said = {**yaml.safe_load(file.read_text()), **options}
    file.write_text(yaml.safe_dump({k: v for k, v in said.items() if v is not None}))
    return models


def form_in(models: Path) -> Path:
    return models / "shapes" / "1" / "shapes.int8.openvino"


def test_it_says_what_it_does_and_how_near_the_form_is(made: Made):
    assert made.status == 0, made.told
    assert made.told.splitlines() == [
        "measuring 12 pictures",
        "asking in float32 for 12 pictures",
        "judging eight bits on 12 pictures",
        "judging tight frames on 12 pictures",
    ]
    first, frames, last = made.out.splitlines()
    size = megabytes(form_in(made.models).stat().st_size)
    assert first.startswith(f"{form_in(made.models)}, {size}: of ")
    assert "instances on 12 pictures" in first
    assert frames.startswith("tight frames: near enough: of ")
    assert last == "near enough: a server runs it"


def test_what_a_killed_run_left_goes(made: Made):
    assert not [path for path in form_in(made.models).parent.iterdir() if path.name[0] == "."]


def test_the_worst_pictures_are_shown_side_by_side(made: Made):
    with Image.open(made.worst) as sheet:
        width, height = sheet.size
    assert width > 2 * 320
    assert height > 4 * 320


def test_a_server_runs_it_and_says_why(made: Made):
    told = described(made.models)
    assert told["error"] is None
    assert (told["program"], told["precision"]) == ("openvino", "int8")
    assert "on 12 pictures" in told["precision_reason"]
    assert told["goldens"] == 2


def test_a_running_server_takes_up_a_form_that_comes_and_lets_go_of_one_that_is_gone(
    models: Path, tmp_path: Path
):
    form = form_in(models)
    aside = form.rename(tmp_path / "aside")
    settings = Settings.from_environment({"MODEL_REPOSITORY": str(models)}).serving
    with contextlib.closing(LocalClient.start(settings)) as client:
        client.wait_until_loaded()
        client.keep_up(0.05)

        def wait_for_precision(precision: str) -> str:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                ready = [one.description for one in client.models() if one.state == "ready"]
                assert ready, "nothing serves in between"
                if ready[-1]["precision"] == precision:
                    return str(ready[-1]["precision_reason"])
                time.sleep(0.05)
            raise AssertionError(client.models())

        assert wait_for_precision("f32") == "there is no shapes.int8.openvino"
        # As a copy comes that is not renamed: it is no form until all of it is there.
        content = aside.read_bytes()
        form.write_bytes(content[: len(content) // 2])
        time.sleep(1)
        wait_for_precision("f32")
        form.write_bytes(content)
        assert "on 12 pictures" in wait_for_precision("int8")
        form.unlink()
        wait_for_precision("f32")


def test_it_finds_what_the_model_finds_without_tensorflow(made: Made):
    # A process of its own: this one has imported TensorFlow.
    program = (
        "import json, sys, yaml\n"
        "from pathlib import Path\n"
        "from mrcnn.detector import Detector\n"
        "from mrcnn.demo.scenes import make_scene\n"
        f"folder = Path({str(made.models)!r}) / 'shapes' / '1'\n"
        "config = yaml.safe_load((folder / 'model.yaml').read_text())['config']\n"
        "pictures = [make_scene(6_000_000 + seed, 320).image for seed in range(8)]\n"
        "for precision in ('int8', 'f32'):\n"
        "    detector = Detector.load(folder / 'shapes.h5', config, program='openvino',\n"
        "                             precision=precision)\n"
        "    found = detector.detect(pictures, min_score=0.9)\n"
        "    print(json.dumps([sorted(one.class_ids.tolist()) for one in found]))\n"
        "assert 'tensorflow' not in sys.modules and 'nncf' not in sys.modules\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    int8, f32 = (json.loads(line) for line in run.stdout.splitlines())
    assert sum(map(len, f32)) > 20
    differing = sum(one != other for one, other in zip(int8, f32, strict=True))
    assert differing <= 2, (int8, f32)


def test_float32_is_run_where_it_is_asked_for(models: Path):
    told = described(with_options(models, precision="f32"))
    assert (told["program"], told["precision"]) == ("openvino", "f32")
    assert told["precision_reason"] == "precision is 'f32'"


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


def test_a_model_that_must_not_be_quantized_is_served_in_bfloat16_or_in_float32(
    models: Path, made: Made, run: Run, monkeypatch: pytest.MonkeyPatch
):
    spoil_for_eight_bits(models / "shapes" / "1" / "shapes.h5")
    status, out, _ = run("quantize", "shapes", "--models", models, "--images", made.images)
    assert status == 3
    assert "too far, and used only where `precision: int8` says so: " in out
    assert out.splitlines()[-1].endswith("% found by both, 95% are needed")
    too_far = "shapes.int8.openvino is too far from the weights: "
    told = described(models)
    assert told["error"] is None
    assert (told["program"], told["precision"]) == ("openvino", "bf16" if HAS_BF16 else "f32")
    assert told["precision_reason"].startswith(too_far)
    assert ("; in bfloat16: of " in told["precision_reason"]) == HAS_BF16
    assert (told["resize"] == "tight") == ("tight frames: near enough: " in out)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    told = described(models)
    assert told["error"] is None
    assert (told["program"], told["precision"]) == ("openvino", "f32")
    assert told["precision_reason"].startswith(too_far)
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA")
    told = described(with_options(models, precision="int8", golden=None))
    assert (told["program"], told["precision"]) == ("openvino", "int8")


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


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        pytest.param(
            {"precision": "int8", "program": "tensorflow"},
            "precision is 'int8' and program is 'tensorflow': OpenVINO alone runs int8",
            id="tensorflow",
        ),
        pytest.param(
            {"precision": "int8", "allow_partial": True},
            "precision is 'int8' and allow_partial is true: OpenVINO alone runs int8",
            id="allow_partial",
        ),
        pytest.param(
            {"precision": "int4"},
            "model.yaml: precision is 'int4'; it must be one of auto, f32, bf16, int8",
            id="unknown",
        ),
    ],
)
def test_wishes_that_cannot_be_met_are_refused(models: Path, options: dict, reason: str):
    assert described(with_options(models, **options))["error"] == reason


@pytest.mark.parametrize(
    ("words", "status", "reason"),
    [
        pytest.param(["none"], 1, "there is no model 'none' in", id="no model"),
        pytest.param(["shapes", "--version", "7"], 1, "shapes has no version 7 in", id="version"),
        pytest.param(
            ["shapes", "--images", "nowhere"],
            2,
            "--images nowhere: there is no such folder",
            id="no folder",
        ),
        pytest.param(
            ["shapes", "--images", "few"],
            2,
            "--images few: has 1 picture (.png, .jpg, .jpeg, .webp, .gif, .tif, .tiff, .bmp); 4 or "
            "more are needed, and fifty say more",
            id="few pictures",
        ),
        pytest.param(
            ["shapes", "--images", "broken"],
            1,
            "shapes version 1: 2.png: ",
            id="no picture",
        ),
        pytest.param(
            ["iris"], 1, "is of the kind saved_model, which has no form in eight bits", id="kind"
        ),
    ],
)
def test_what_cannot_be_quantized_is_told(
    made: Made,
    models: Path,
    root: Path,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    status: int,
    reason: str,
):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(root / "models" / "iris", models / "iris")
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    for folder, count in (("few", 1), ("broken", 4)):
        Path(folder).mkdir()
        for index in range(count):
            Image.fromarray(noise).save(Path(folder) / f"{index}.png")
    Path("broken/2.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    before = form_in(models).read_bytes()
    if "--images" not in words:
        words = [*words, "--images", str(made.images)]
    got, _, told = run("quantize", *words, "--models", models)
    assert got == status
    assert reason in told.splitlines()[-1]
    assert form_in(models).read_bytes() == before


def test_a_full_disk_leaves_the_form_that_was_there(
    models: Path, made: Made, run: Run, monkeypatch: pytest.MonkeyPatch
):
    before = form_in(models).read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))
    try:
        status, _, told = run("quantize", "shapes", "--models", models, "--images", made.images)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert status == 1
    assert told.splitlines()[-1].endswith("the graph cannot be written there; is the disk full?")
    assert form_in(models).read_bytes() == before
    assert not [path for path in form_in(models).parent.iterdir() if path.name.startswith(".")]


def test_it_says_what_to_install(
    models: Path, made: Made, run: Run, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "nncf", None)
    status, _, told = run("quantize", "shapes", "--models", models, "--images", made.images)
    assert status == 1
    assert told.splitlines()[-1] == (
        "slipway: shapes version 1: nncf is not installed: ./setup.sh quantize does it"
    )

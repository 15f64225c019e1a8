"""`slipway quantize`: a model's form in eight bits, judged, kept beside it, used if it may be."""

from __future__ import annotations

import contextlib
import json
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.cli.terminal import megabytes
from app.serving.local_client import LocalClient
from app.settings import Settings
from mrcnn.programs.cpu import has_bfloat16
from tests.app.cli.conftest import Run
from tests.app.cli.eight_bits import (
    Made,
    described,
    form_in,
    spoil_for_eight_bits,
    with_options,
)

pytestmark = pytest.mark.slow

HAS_BF16 = has_bfloat16()


@pytest.fixture
def models(made: Made, tmp_path: Path) -> Path:
    """Return a copy of that repository, to be changed."""
    return Path(shutil.copytree(made.models, tmp_path / "models"))


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

"""Holds `cloudbuild.yaml` to Google's own message, and to what the rest of the project expects."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pathspec
import pytest
import yaml
from google.cloud.devtools import cloudbuild_v1
from google.protobuf import json_format

from tests.app.cli.eight_bits import all_described, spoil_for_eight_bits, write_pictures
from tests.image.cloud_build import COMMIT, CONFIGURATION, Builder, throwaway_python

ROOT = Path(__file__).resolve().parents[1]
#: What Cloud Build knows of itself: "Substituting variable values" in its documentation.
BUILT_IN = {
    *("PROJECT_ID", "PROJECT_NUMBER", "BUILD_ID", "LOCATION", "TRIGGER_NAME"),
    *("COMMIT_SHA", "REVISION_ID", "SHORT_SHA", "REPO_NAME", "REPO_FULL_NAME", "BRANCH_NAME"),
    *("TAG_NAME", "REF_NAME", "TRIGGER_BUILD_CONFIG_PATH"),
    *("SERVICE_ACCOUNT", "SERVICE_ACCOUNT_EMAIL"),
}


@pytest.fixture(scope="module")
def build() -> Any:
    """Return Google's message, which refuses a field that it does not have."""
    message = cloudbuild_v1.Build.pb(cloudbuild_v1.Build())
    return cloudbuild_v1.Build.wrap(json_format.ParseDict(CONFIGURATION, message))


def _step(build: Any, name: str) -> Any:
    (step,) = [step for step in build.steps if step.id == name]
    return step


def _variables(build: Any, name: str) -> dict[str, str]:
    return dict(entry.split("=", 1) for entry in _step(build, name).env)


def _texts(value: Any) -> list[str]:
    """Return every text of the configuration in which Cloud Build substitutes: not the scripts."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    if isinstance(value, dict):
        return [text for key, one in value.items() if key != "script" for text in _texts(one)]
    return []


def test_every_substitution_is_cloud_builds_own_or_has_a_default_and_none_is_left_over(build: Any):
    used = {name for text in _texts(CONFIGURATION) for name in re.findall(r"\$\{?(\w+)", text)}
    own = {name for name in used if name.startswith("_")}
    assert own == set(build.substitutions)
    assert used - own <= BUILT_IN


def test_nothing_is_pushed_before_the_image_has_answered_for_its_models(build: Any):
    assert [step.id for step in build.steps] == ["fetch", "quantize", "build", "check", "push"]
    for earlier, step in itertools.pairwise(build.steps):
        assert step.wait_for == [earlier.id]


def test_the_image_is_listed_so_that_its_digest_is_reported(build: Any):
    (listed,) = build.images
    for name in ("build", "check", "push"):
        variables = _variables(build, name)
        assert listed == f"{variables['IMAGE']}:{variables['COMMIT_SHA']}"


def test_the_image_is_the_one_that_the_cluster_begins_with(build: Any):
    """By its path alone: region and project are whoever's they are, and so is a prefix."""
    project = yaml.safe_load((ROOT / "kubernetes/overlays/gke/project.yaml").read_text())["data"]
    folder, _, name = build.images[0].partition(":$")[0].partition("/${_REPOSITORY}/")
    assert folder.count("/") == 1
    repository = build.substitutions["_REPOSITORY"]
    assert re.fullmatch(rf"[^/]+/[^/]+/([a-z0-9]+-)?{repository}/{name}:main", project["image"])


def test_its_provenance_is_asked_for_by_an_account_of_its_own(build: Any):
    option = cloudbuild_v1.BuildOptions.VerifyOption.VERIFIED
    assert build.options.requested_verify_option == option
    assert re.fullmatch(
        r"projects/\$\{PROJECT_ID\}/serviceAccounts/\S+@\$\{PROJECT_ID\}\.iam\.gserviceaccount\.com",
        build.service_account,
    )
    # Without a bucket, the one kind of logging that such an account may choose.
    assert build.options.logging == cloudbuild_v1.BuildOptions.LoggingMode.CLOUD_LOGGING_ONLY


def test_a_build_that_hangs_ends(build: Any):
    steps_s = [step.timeout.total_seconds() for step in build.steps]
    assert all(steps_s)
    assert sum(steps_s) < build.timeout.total_seconds() <= 7200


def test_no_step_knows_a_secret_or_shows_its_variables(build: Any):
    assert not build.secrets
    assert not build.available_secrets
    for step in build.steps:
        assert not step.secret_env
        assert not re.search(r"set -\w*x|xtrace|printenv|^ *env$", step.script, re.MULTILINE)


def test_no_name_of_a_branch_becomes_part_of_a_script(build: Any):
    assert not build.options.dynamic_substitutions
    for step in build.steps:
        assert step.script.startswith("#!/usr/bin/env bash\nset -euo pipefail\n")
        assert not step.args


def test_the_image_is_built_by_the_base_that_the_dockerfile_names(build: Any):
    base = re.search(r"^ARG BASE=(\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert base is not None
    assert build.substitutions["_BASE"] == f"mirror.gcr.io/library/{base[1]}"


def _uploaded(folder: Path) -> set[str]:
    """Return what gcloud sends of a folder, by its .gcloudignore: the rules are git's."""
    lines = (folder / ".gcloudignore").read_text().splitlines()
    ignored = pathspec.GitIgnoreSpec.from_lines(lines)
    return set(ignored.match_tree_files(folder, negate=True))


def test_a_build_by_hand_sends_all_that_the_image_is_made_of_and_little_else():
    sent = _uploaded(ROOT)
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    for name in [*" ".join(copied).split(), "Dockerfile", ".dockerignore", "models/shapes/1"]:
        path = ROOT / name
        assert {str(file.relative_to(ROOT)) for file in _files(path)} <= sent
    assert not {name for name in sent if name.startswith((".git/", ".venv/", "tests/", "docs/"))}


def test_the_function_is_sent_without_what_is_not_run():
    function = ROOT / "cloud_function"
    code = {str(path.relative_to(function)) for path in _files(function) if path.suffix == ".py"}
    assert _uploaded(function) == {*code, "requirements.txt"}


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts]


@pytest.fixture(scope="module")
def copy_without_git(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the YAML of the checkout where there is neither .git nor .gitignore."""
    folder = tmp_path_factory.mktemp("copy")
    for path in [ROOT / ".yamllint", *_files(ROOT)]:
        name = path.relative_to(ROOT)
        is_left_behind = name.parts[0].startswith(".") or "node_modules" in name.parts
        if path.name == ".yamllint" or (path.suffix == ".yaml" and not is_left_behind):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / name)
    return folder


def test_yaml_is_linted_without_git_and_a_user_s_own_models_are_theirs(copy_without_git: Path):
    (copy_without_git / "models" / "balloon.yaml").write_text("labels: [balloon,kite]")
    assert _linted(copy_without_git) == (0, "")
    (copy_without_git / "models" / "shapes" / "1" / "model.yaml").write_text("labels: [a,b]\n")
    (copy_without_git / "cloudbuild.yaml").write_text("steps: [a,b]\n")
    status, said = _linted(copy_without_git)
    assert status == 1
    assert {line for line in said.splitlines() if line.startswith(".")} == {
        "./cloudbuild.yaml",
        "./models/shapes/1/model.yaml",
    }


def _linted(folder: Path) -> tuple[int, str]:
    words = [str(Path(sys.executable).with_name("yamllint")), "--strict", "."]
    ran = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert not ran.stderr
    return ran.returncode, ran.stdout


@pytest.fixture
def builder(tmp_path: Path) -> Builder:
    """Return what runs steps where `docker` does nothing; tests/image has them build and push."""
    (tmp_path / "docker").symlink_to(str(shutil.which("true")))
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    (tmp_path / "workspace").mkdir()
    return Builder(tmp_path / "workspace", path, "registry")


@pytest.mark.parametrize(
    ("substitutions", "tag"),
    [
        pytest.param({"BRANCH_NAME": "main"}, "main", id="a branch"),
        pytest.param({"TAG_NAME": "v1.2"}, "v1.2", id="a tag"),
        pytest.param({"BRANCH_NAME": "-f/.x"}, "_f-.x", id="what a tag must not begin with"),
        pytest.param({"BRANCH_NAME": "b" * 200}, "b" * 128, id="too long"),
        pytest.param({"BRANCH_NAME": "$(touch hacked)`id`"}, "_-touch-hacked--id-", id="a command"),
        pytest.param({}, "unnamed", id="neither"),
    ],
)
def test_any_name_of_a_branch_becomes_a_valid_tag(
    builder: Builder, substitutions: dict[str, str], tag: str
):
    built = builder.run("build", COMMIT_SHA=COMMIT, **substitutions)
    assert built.returncode == 0, built.stderr[-3000:]
    assert (builder.workspace / ".image-tag").read_text() == f"{tag}\n"
    assert re.fullmatch(r"[\w][\w.-]{0,127}", tag, re.ASCII)
    assert not (builder.workspace / "hacked").exists()


def test_a_build_that_does_not_know_its_commit_says_what_to_do(builder: Builder):
    built = builder.run("build", BRANCH_NAME="main")
    assert built.returncode != 0
    assert "COMMIT_SHA: is empty: a build by hand has to say it" in built.stderr


@pytest.mark.parametrize(
    ("place", "has_xgboost"),
    [
        pytest.param("credit/1/model.bst", True, id="of BigQuery ML"),
        pytest.param("credit/model.ubj", True, id="without a version"),
        pytest.param("credit/1/credit.onnx", False, id="another model"),
    ],
)
def test_an_image_with_a_booster_has_what_runs_it(builder: Builder, place: str, has_xgboost: bool):
    model = builder.workspace / "models" / place
    model.parent.mkdir(parents=True)
    model.touch()
    assert [("XGBOOST=yes" in line) for line in _builds(builder)] == [has_xgboost] * 2


def test_an_image_has_tensorflow_unless_told_otherwise(builder: Builder):
    assert all(" TENSORFLOW=yes " in line for line in _builds(builder))
    assert all(" TENSORFLOW=no " in line for line in _builds(builder, _TENSORFLOW="no"))


def _builds(builder: Builder, **substitutions: str) -> list[str]:
    """Return what `docker` would be told, for the packages and for the image."""
    docker = Path(builder.path.partition(os.pathsep)[0], "docker")
    docker.unlink()
    docker.write_text('#!/bin/sh\necho "$@"\n')
    docker.chmod(0o755)
    built = builder.run("build", COMMIT_SHA=COMMIT, BRANCH_NAME="main", **substitutions)
    assert built.returncode == 0, built.stderr[-3000:]
    commands = [line for line in built.stdout.splitlines() if line.startswith("build ")]
    assert len(commands) == 2
    return commands


@pytest.fixture
def quantizing(builder: Builder, tmp_path: Path) -> Builder:
    """Return what runs steps where what the step `quantize` needs is installed already."""
    for name in (
        "app",
        "mrcnn",
        "requirements-without-tensorflow.txt",
        "requirements-quantize.txt",
    ):
        (builder.workspace / name).symlink_to(ROOT / name)
    path = f"{throwaway_python(tmp_path / 'python')}{os.pathsep}{builder.path}"
    return Builder(builder.workspace, path, builder.registry)


@pytest.mark.slow
def test_what_is_pushed_with_pictures_goes_live_in_eight_bits_if_it_may(quantizing: Builder):
    models = quantizing.workspace / "models"
    shutil.copytree(ROOT / "models" / "shapes", models / "shapes")
    options = models / "shapes" / "1" / "model.yaml"
    write_pictures(models / "shapes" / "1" / "calibration", 8)
    options.write_text(f"{options.read_text()}quantize: {{images: calibration}}\n")
    # A bare file, and one that must not be quantized.
    shutil.copy(models / "shapes" / "1" / "shapes.h5", models / "kite.h5")
    spoil_for_eight_bits(models / "kite.h5")
    write_pictures(models / "calibration" / "kite", 8)
    said = {"images": "calibration/kite"}
    config = yaml.safe_load(options.read_text())["config"]
    (models / "kite.yaml").write_text(yaml.safe_dump({"config": config, "quantize": said}))

    ran = quantizing.run("quantize")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "kite version 1: too far, and used only where `precision: int8` says so" in ran.stdout
    assert "shapes version 1: near enough: a server runs it" in ran.stdout
    told = all_described(models)
    assert set(told) == {"kite", "shapes"}
    assert told["kite"]["error"] is None
    assert told["kite"]["precision"] in ("f32", "bf16")
    reason = told["kite"]["precision_reason"]
    assert reason.startswith("kite.int8.openvino is too far from the weights: ")
    assert (told["shapes"]["precision"], told["shapes"]["goldens"]) == ("int8", 2)

    # What is there is made anew where the model's own goldens are no longer those that it gives.
    golden = models / "shapes" / "1" / "golden" / "scene-500.json"
    answer = json.loads(golden.read_text())
    answer["instances"][0]["score"] -= 0.2
    golden.write_text(json.dumps(answer))
    again = quantizing.run("quantize")
    assert again.returncode == 0, again.stderr
    here, *_, last = again.stdout.splitlines()
    assert here == "kite version 1: kite.int8.openvino is here, of these weights and settings"
    assert "says so: golden samples/scene-500.png: instance 1" in last


def test_a_build_without_pictures_installs_nothing_to_quantize_with(builder: Builder):
    python = Path(builder.path.partition(os.pathsep)[0], "python")
    python.write_text("#!/bin/sh\nexit 9\n")
    python.chmod(0o755)
    shutil.copytree(ROOT / "models", builder.workspace / "models")
    assert builder.run("quantize").returncode == 0
    (builder.workspace / "models" / "kite.yaml").write_text("'quantize' : {images: a}\n")
    assert builder.run("quantize").returncode == 9

"""`slipway models`: what can be known of a repository without loading it, and whether it serves."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from app.serving.local_client import LocalClient
from app.settings import Settings
from tests.app.cli.conftest import Run
from tests.app.serving.model_folder import POINTER, Models
from tests.mrcnn.tiny import SETTINGS, Groups, changed


def test_models_lists_what_is_there_and_what_is_wrong_with_it(run: Run, models: Models):
    models.write("broken.h5", "nothing")
    models.write("harbour/2/notes.txt", "nothing")
    status, out, _ = run("models")
    assert status == 1
    heads, broken, harbour, street = out.splitlines()[:4]
    assert heads.split() == ["model", "version", "kind", "backbone", "classes", "size", "file"]
    assert street.split()[:4] == ["*", "street", "1", "thresholding"]
    assert broken.split()[:3] == ["broken", "1", "-"]
    assert harbour.split()[:2] == ["harbour", "2"]
    assert "broken version 1 cannot be served: no kind of model recognises the file" in out
    assert "harbour version 2 cannot be served: harbour/2/ holds no model file" in out


def test_models_of_which_all_can_be_served_are_exit_status_0(run: Run, models: Models):
    models.add("harbour.h5")
    status, out, _ = run("models")
    assert status == 0
    assert "cannot be served" not in out


def test_models_tells_the_backbone_of_a_weight_file(
    run: Run, weight_file: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MODEL_REPOSITORY", str(weight_file.parent))
    weight_file.with_name("narrow.labels.txt").write_text("one\ntwo\n")
    status, out, _ = run("models")
    assert status == 1
    assert "narrow version 1 cannot be served: 2 labels for 10 classes" in out
    weight_file.with_name("narrow.labels.txt").unlink()
    status, out, _ = run("models")
    assert status == 0
    assert out.splitlines()[1].split()[:6] == [
        "*",
        "narrow",
        "1",
        "mask_rcnn",
        "resnet26_narrow",
        "10",
    ]


GOLDEN = "golden: [{input: a.png, output: a.json}]"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        pytest.param(
            "config: {IMAGE_MIN_DIMM: 1}",
            "config: there is no setting 'IMAGE_MIN_DIMM'; did you mean IMAGE_MIN_DIM?",
            id="a setting that is none",
        ),
        pytest.param(
            "config: {IMAGE_MAX_DIM: 1000}",
            "config: IMAGE_MAX_DIM is 1000; the mode 'square' needs a multiple of 64",
            id="a setting's value",
        ),
        pytest.param(
            "config: {IMAGE_RESIZE_MODE: crop, IMAGE_MIN_DIM: 768}",
            "config: IMAGE_RESIZE_MODE 'crop' cuts at random, for training only",
            id="a setting for training",
        ),
        pytest.param(
            "config: {NUM_CLASSES: 5}",
            "config: NUM_CLASSES is 5, but narrow.h5 has 11; leave it out, the file says it",
            id="a contradiction with the file",
        ),
        pytest.param(
            "config: {RPN_ANCHOR_RATIOS: [1]}",
            "config: RPN_ANCHOR_RATIOS has 1 entries, but narrow.h5 has 3 anchors a location",
            id="a length that the file fixes",
        ),
        pytest.param(
            "config: {IMAGE_MAX_DIM: 4096}",
            "config: IMAGE_MAX_DIM is 4096: the network's frame has 16,777,216 pixels; "
            "MAX_MOLDED_PIXELS allows 4,194,304",
            id="a setting of the server",
        ),
        pytest.param("labels: [a, b]", "2 labels for 10 classes", id="labels"),
        pytest.param(
            "kind: mask_rnn",
            "kind is 'mask_rnn'; it must be one of mask_rcnn, ",
            id="kind",
        ),
        pytest.param("min_scor: 0.5", "narrow.yaml: there is no key 'min_scor'", id="key"),
        pytest.param(GOLDEN, "golden a.png: a.json: No such file or directory", id="no golden"),
    ],
)
def test_what_is_wrong_in_model_yaml_is_told_in_the_words_of_the_load(
    run: Run, weight_file: Path, monkeypatch: pytest.MonkeyPatch, options: str, reason: str
):
    monkeypatch.setenv("MODEL_REPOSITORY", str(weight_file.parent))
    weight_file.with_name("narrow.yaml").write_text(options)
    status, out, _ = run("models")
    assert status == 1
    assert f"\nnarrow version 1 cannot be served: {reason}" in out
    client = LocalClient.start(Settings.from_environment().serving)
    assert client.wait_until_loaded(60)
    (told,) = client.models()
    client.close()
    assert f"narrow version 1 cannot be served: {told.error}\n" in out


def test_weights_that_are_no_numbers_are_told_in_the_words_of_the_load(
    run: Run, tiny_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def spoil(groups: Groups) -> None:
        groups["conv1"][0][1][0, 0, 0, 0] = np.nan

    changed(tiny_file, tmp_path / "tiny.h5", spoil)
    (tmp_path / "tiny.yaml").write_text(json.dumps({"config": SETTINGS}))
    monkeypatch.setenv("MODEL_REPOSITORY", str(tmp_path))
    status, out, _ = run("models")
    assert status == 1
    assert "tiny version 1 cannot be served: tiny.h5: " in out
    assert "holds 1 NaN" in out
    client = LocalClient.start(Settings.from_environment().serving)
    assert client.wait_until_loaded(60)
    (told,) = client.models()
    client.close()
    assert f"tiny version 1 cannot be served: {told.error}\n" in out


@pytest.mark.parametrize(
    ("golden", "reason"),
    [
        pytest.param({"a.json": "{}"}, "golden a.png: a.json is no answer", id="no answer"),
        pytest.param(
            {"a.json": '{"instances": []}'},
            "golden a.png: a.png: No such file or directory",
            id="no picture",
        ),
        pytest.param(
            {"a.json": '{"instances": []}', "a.png": "text"},
            "golden a.png: the 4 bytes are no picture in a known format",
            id="no picture's bytes",
        ),
        pytest.param(
            {"a.json": '{"instances": []}', "a.png": POINTER},
            "golden a.png: a.png is a Git LFS pointer",
            id="a pointer",
        ),
    ],
)
def test_a_golden_that_cannot_be_read_is_told(
    run: Run, models: Models, golden: dict[str, str], reason: str
):
    models.write("street/1/model.yaml", GOLDEN)
    for name, content in golden.items():
        models.write(f"street/1/{name}", content)
    status, out, _ = run("models")
    assert status == 1
    assert f"street version 1 cannot be served: {reason}" in out


def test_a_version_in_a_folder_without_a_number_is_told(run: Run, models: Models):
    models.add("street/v2/street.h5")
    models.write("street/samples/a.png", "")
    status, out, _ = run("models")
    assert status == 1
    assert [line.split()[:3] for line in out.splitlines()[1:3]] == [
        ["street", "-", "-"],
        ["*", "street", "1"],
    ]
    assert "street cannot be served: street/v2/ is no version: name it by a whole number" in out


@pytest.mark.parametrize("command", ["models", "check"])
def test_a_bucket_of_which_nothing_is_here_yet_is_told_with_what_brings_it(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str
):
    monkeypatch.setenv("MODEL_REPOSITORY", "gs://b/models")
    monkeypatch.setenv("MODEL_MIRROR", str(tmp_path / "mirrors"))
    status, out, err = run(command)
    assert (status, out) == (2, "")
    assert err.startswith("slipway: MODEL_REPOSITORY='gs://b/models': nothing of it is in ")
    assert err.endswith(" yet; slipway fetch brings it\n")
    assert not (tmp_path / "mirrors").exists()

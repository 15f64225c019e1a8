"""The repository: each model loads, or fails with one clear line, on its own."""

from __future__ import annotations

import codecs
import contextlib
import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

from app import log
from app.serving.client import ModelStatus
from app.serving.layout import MODELS_TEXT
from app.serving.local_client import LocalClient
from tests.app.serving.model_folder import POINTER, Models
from tests.app.serving.pictures import find


@pytest.fixture
def status(local_client: Callable[..., LocalClient]) -> Callable[[str], ModelStatus]:
    """Return a function that loads everything and gives one model's status."""

    def load(name: str) -> ModelStatus:
        return next(model for model in local_client().models() if model.name == name)

    return load


def test_a_model_says_what_it_is(models: Models, status):
    path = models.add("street/3/street.h5")
    model = status("street")
    assert (model.version, model.state, model.kind, model.is_default) == (
        3,
        "ready",
        "thresholding",
        True,
    )
    assert model.loaded_s is not None
    assert model.description | {"sha256": None} == {
        "num_classes": 4,
        "config": {"LEVEL": 128},
        "labels": ["red", "green", "blue"],
        "file": "street.h5",
        "bytes": path.stat().st_size,
        "sha256": None,
        "goldens": 0,
    }
    assert len(model.description["sha256"]) == 64


def test_model_yaml_configures_the_model(models: Models, status):
    models.add("street/1/street.h5")
    models.write("street/1/model.yaml", "labels: [a, b, c]\nconfig: {LEVEL: 7}")
    models.write("street/1/labels.txt", "x\ny\nz\n")
    description = status("street").description
    assert (description["labels"], description["config"]) == (["a", "b", "c"], {"LEVEL": 7})


def test_labels_txt_names_the_classes(models: Models, status):
    models.add("street.h5")
    models.write("labels.txt", "x\ny\nz\n")
    assert status("street").description["labels"] == ["x", "y", "z"]


@pytest.mark.parametrize(
    ("files", "error"),
    [
        pytest.param(
            {"bad.h5": b"\x00\x01 cut off"},
            "no kind of model recognises the file (thresholding: bad.h5 holds no threshold)",
            id="a file of no kind",
        ),
        pytest.param(
            {"bad.h5": POINTER},
            "bad.h5 is a Git LFS pointer, not the file itself; git lfs pull brings it",
            id="a pointer of Git LFS",
        ),
        pytest.param({"bad.h5": ""}, "bad.h5 is empty: it has 0 bytes", id="empty"),
        pytest.param(
            {"bad.h5": b"PK\x03\x04..."}, "bad.h5 is a ZIP archive; unpack it", id="a ZIP archive"
        ),
        pytest.param(
            {"bad.h5": b"\x1f\x8b\x08..."},
            "bad.h5 is compressed with gzip; unpack it",
            id="compressed",
        ),
        pytest.param(
            {"bad.h5": "\n<!DOCTYPE html><title>Sign in</title>"},
            "bad.h5 is a web page: the download gave that in place of the file",
            id="a web page",
        ),
        pytest.param({"bad.h5": '{"threshold": "high"}'}, "bad.h5: threshold is 'high'", id="kind"),
        pytest.param({"bad.h5": '{"threshold": 1, "load_s": "x"}'}, "TypeError: ", id="a surprise"),
        pytest.param({"bad/1/notes.txt": ""}, "bad/1/ holds no model file", id="no model"),
        pytest.param(
            {"bad.h5": '{"threshold": 1}', "bad.yaml": "kind: mask_rnn"},
            "kind is 'mask_rnn'; it must be one of thresholding",
            id="unknown kind",
        ),
        pytest.param(
            {"bad.h5": '{"threshold": 1}', "bad.yaml": "flavour: 1"},
            "bad.yaml: there is no key 'flavour'",
            id="unknown key",
        ),
        pytest.param(
            {"bad.h5": '{"threshold": 1}', "bad.labels.txt": "a\nb\n"},
            "2 labels for 3 classes",
            id="labels",
        ),
    ],
)
def test_one_that_fails_says_why_and_the_others_serve(
    models: Models,
    local_client: Callable[..., LocalClient],
    photo: np.ndarray,
    files: dict[str, str | bytes],
    error: str,
):
    models.add("good/1/good.h5")
    for place, content in files.items():
        models.write(place, content)
    client = local_client()
    bad, good = client.models()
    assert (bad.name, bad.state, good.state) == ("bad", "failed", "ready")
    assert error in str(bad.error)
    assert client.readiness() == (True, "ready")
    assert len(find(client, photo)) == 2


@pytest.mark.parametrize(
    ("create", "error"),
    [
        pytest.param(
            lambda path: None,
            f"there is no model ({MODELS_TEXT}) in the model repository",
            id="empty",
        ),
        pytest.param(
            lambda path: path.rmdir(),
            "the model repository cannot be read: No such file or directory",
            id="missing",
        ),
        pytest.param(
            lambda path: (path.rmdir(), path.touch()),
            "the model repository cannot be read: Not a directory",
            id="not a folder",
        ),
    ],
)
def test_a_repository_that_cannot_be_used_says_why(
    models: Models, local_client: Callable[..., LocalClient], create, error: str
):
    create(models.folder)
    client = local_client()
    assert client.models() == []
    assert client.readiness() == (False, error)


def test_a_link_that_leads_nowhere_is_told_without_where_it_leads(models: Models, status):
    (models.folder / "bad.h5").symlink_to("/mnt/weights/bad.h5")
    assert status("bad").error == "bad.h5 is a link that leads nowhere"


@contextlib.contextmanager
def unreadable(path: Path) -> Iterator[None]:
    """Have a file or folder that the process may not read: root may read everything."""
    # Where root has Python at home, nobody else can read on: not the codec either.
    codecs.lookup("utf-8-sig")
    mode = path.stat().st_mode
    for parent in path.parents[:-2]:
        parent.chmod(parent.stat().st_mode | 0o055)
    path.chmod(0)
    if is_root := os.geteuid() == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        path.chmod(mode)


@pytest.mark.parametrize(
    ("place", "error"),
    [
        pytest.param("bad/1/bad.h5", "bad.h5: cannot be read: Permission denied", id="model"),
        pytest.param(
            "bad/1/model.yaml", "model.yaml: cannot be read: Permission denied", id="yaml"
        ),
        pytest.param("bad/1/labels.txt", "labels.txt: cannot be read: Permission denied", id="txt"),
        pytest.param("bad/1", "bad/1/ cannot be read: Permission denied", id="folder"),
    ],
)
def test_what_may_not_be_read_is_told_without_where_the_repository_lies(
    models: Models, local_client: Callable[..., LocalClient], place: str, error: str
):
    models.add("good.h5")
    models.add("bad/1/bad.h5")
    models.write("bad/1/model.yaml", "config: {LEVEL: 7}")
    models.write("bad/1/labels.txt", "x\ny\nz\n")
    with unreadable(models.folder / place):
        bad, good = local_client().models()
    assert (bad.error, good.state) == (error, "ready")


def test_one_that_failed_says_of_which_file(models: Models, status):
    models.write("bad/2/weights.h5", "nothing")
    assert status("bad").description == {"file": "weights.h5"}


def test_what_lies_in_a_repository_without_models_is_in_the_log(
    models: Models, local_client: Callable[..., LocalClient], monkeypatch: pytest.MonkeyPatch
):
    events: list[tuple[str, dict[str, object]]] = []
    monkeypatch.setattr(log, "event", lambda name, *_, **fields: events.append((name, fields)))
    models.write("balloon.tflite", "")
    client = local_client()
    ((name, fields),) = events
    assert (name, fields["MODEL_REPOSITORY"]) == ("repository_unusable", str(models.folder))
    assert "balloon.tflite is a model of TensorFlow Lite, which is not served" in str(fields["why"])
    # The names of files of a folder that may be any are not shown over HTTP.
    assert "balloon" not in client.readiness()[1]


def test_the_kind_named_in_model_yaml_is_not_guessed(models: Models, status):
    models.write("bad.h5", b"no threshold")
    models.write("bad.yaml", "kind: thresholding")
    assert "JSONDecodeError" in str(status("bad").error)


def test_every_outcome_is_one_event_of_the_log(models: Models, status, monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(
        log, "event", lambda name, *_, **fields: stream.write(json.dumps([name, fields]) + "\n")
    )
    models.add("good.h5")
    models.write("bad.h5", b"")
    status("good")
    (failed, why), (ready, what) = map(json.loads, stream.getvalue().splitlines())
    assert (failed, why["model"], ready, what["model"]) == (
        "model_failed",
        "bad",
        "model_ready",
        "good",
    )
    assert {"seconds", "error"} <= set(why)
    assert {"seconds", "kind", "version", "sha256"} <= set(what)


def test_a_matterport_file_beside_other_networks_is_told_apart(tmp_path):
    from app.kinds.registry import kinds

    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.attrs["layer_names"] = [b"dense"]
        file.create_group("dense").attrs["weight_names"] = np.array([], "S1")
    kind = next(one for one in kinds() if one.name == "mask_rcnn")
    assert not kind.recognises(tmp_path / "other.h5")
    assert "not a Matterport Mask R-CNN" in kind.refusal(tmp_path / "other.h5")

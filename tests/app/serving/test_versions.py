"""Versions that come and go while others serve, and which of them `versions.yaml` wants."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from app import log
from app.serving.client import Ask
from app.serving.errors import ModelChanged, VersionNotFound
from app.serving.layout import Found, find_models
from app.serving.local_client import LocalClient
from app.serving.repository import ModelRepository
from app.settings import Settings
from tests.app.serving.inference_process import wait_for
from tests.app.serving.model_folder import Models
from tests.app.serving.pictures import ask
from tests.app.serving.thresholding import Thresholding

POLL_S = 0.05


@pytest.fixture
def client(models: Models, local_client: Callable[..., LocalClient]) -> LocalClient:
    """Return a client that serves `street`, version 1, and looks for others."""
    models.add("street/1/street.h5", threshold=1)
    client = local_client(READY="all")
    client.keep_up(POLL_S)
    return client


def states(client: LocalClient) -> dict[str, str]:
    """Return the state of each version."""
    return {f"{one.name}/{one.version}": one.state for one in client.models()}


def wait_for_states(client: LocalClient, **expected: str) -> None:
    """Wait until these are the versions, and these their states; `_` stands for a slash."""
    wanted = {name.replace("_", "/"): state for name, state in expected.items()}
    wait_for(lambda: states(client) == wanted, f"{wanted}")


def answering(client: LocalClient, photo: np.ndarray, version: int | None = None) -> int:
    """Return which version of `street` answers."""
    return ask(client, photo, "street", version).version


def test_a_version_that_is_dropped_in_takes_over(client: LocalClient, models: Models, photo):
    models.add("street/2/street.h5")
    wait_for_states(client, street_2="ready")
    assert answering(client, photo) == 2
    with pytest.raises(VersionNotFound):
        answering(client, photo, version=1)


def test_a_model_that_is_dropped_in_is_served_beside_others(
    client: LocalClient, models: Models, photo
):
    models.add("harbour.h5", load_s=0.3)
    wait_for_states(client, harbour_1="loading", street_1="ready")
    assert client.readiness() == (True, "ready")
    wait_for_states(client, harbour_1="ready", street_1="ready")
    assert ask(client, photo, "harbour").model == "harbour"


def test_a_file_that_is_replaced_is_loaded_anew(client: LocalClient, models: Models, photo):
    before = client.choose().loaded
    models.add("street/1/street.h5", threshold=255)
    wait_for(lambda: client.choose().loaded != before, "it is loaded anew")
    wait_for_states(client, street_1="ready")
    assert len(ask(client, photo).result["class_ids"]) == 0


def test_options_that_change_load_the_model_anew(client: LocalClient, models: Models):
    models.write("street/1/model.yaml", "labels: [a, b, c]")
    wait_for(lambda: client.choose().facts["labels"] == ["a", "b", "c"], "its labels")


@pytest.mark.parametrize(
    ("files", "error"),
    [
        pytest.param({"street.h5": '{"threshold": "x"}'}, "threshold is 'x'", id="a bad file"),
        pytest.param(
            {"street.h5": '{"threshold": 1}', "model.yaml": "min_score: 7"},
            "min_score is 7",
            id="bad options",
        ),
        pytest.param({"notes.txt": ""}, "holds no model file", id="no file"),
    ],
)
def test_a_bad_version_never_serves_and_the_old_one_goes_on(
    client: LocalClient, models: Models, photo, files: dict[str, str], error: str
):
    for name, content in files.items():
        models.write(f"street/2/{name}", content)
    wait_for_states(client, street_1="ready", street_2="failed")
    assert answering(client, photo) == 1
    assert client.readiness() == (True, "ready")
    bad = client.models()[1]
    assert error in str(bad.error)
    assert not bad.is_default
    models.add("street/2/street.h5")
    models.write("street/2/model.yaml", "")
    wait_for_states(client, street_2="ready")


def test_going_back_is_removing_the_version(client: LocalClient, models: Models, photo):
    models.add("street/2/street.h5")
    wait_for_states(client, street_2="ready")
    shutil.rmtree(models.folder / "street" / "2")
    wait_for_states(client, street_1="ready")
    assert answering(client, photo) == 1


def test_a_model_that_is_removed_is_no_longer_served(client: LocalClient, models: Models):
    models.add("harbour.h5", load_s=0.3)
    wait_for_states(client, harbour_1="loading", street_1="ready")
    assert client.readiness() == (True, "ready")
    wait_for_states(client, harbour_1="ready", street_1="ready")
    (models.folder / "harbour.h5").unlink()
    wait_for_states(client, street_1="ready")


def test_the_first_model_may_come_later(
    models: Models, local_client: Callable[..., LocalClient], photo
):
    client = local_client()
    client.keep_up(POLL_S)
    assert not client.is_ready()
    models.add("street.h5")
    wait_for(client.is_ready, "it is ready")
    assert answering(client, photo) == 1


def test_who_is_in_work_is_answered_by_the_version_that_it_asked(
    client: LocalClient, models: Models, photo
):
    models.add("street/2/street.h5", delay_s=1)
    wait_for_states(client, street_2="ready")
    versions: list[int] = []
    asked = threading.Thread(target=lambda: versions.append(answering(client, photo)))
    asked.start()
    wait_for(client.running_s, "it runs")
    models.add("street/3/street.h5")
    wait_for_states(client, street_3="ready")
    asked.join()
    assert versions == [2]
    assert answering(client, photo) == 3


def test_who_was_read_for_a_version_that_is_gone_is_told(client: LocalClient, models: Models):
    loaded = client.choose().loaded
    models.add("street/2/street.h5")
    wait_for_states(client, street_2="ready")
    with pytest.raises(ModelChanged):
        client.enter(Ask("street", loaded=loaded))


def test_a_file_that_still_grows_is_waited_for(models: Models, settings: Settings):
    models.add("street/1/street.h5")
    repository = ModelRepository(settings.serving, [Thresholding()])
    repository.load()
    path = models.write("street/2/street.h5", "{")
    for _ in range(3):
        repository.reconcile()
        assert [one.version for one in repository.statuses()] == [1]
        path.write_text(path.read_text() + " ")
    path.write_text(json.dumps({"threshold": 128}))
    repository.reconcile()
    repository.reconcile()
    assert [(one.version, one.state) for one in repository.statuses()] == [(2, "ready")]


@pytest.mark.parametrize(
    ("told", "versions"),
    [
        pytest.param(None, [10], id="nothing said"),
        pytest.param("serve: latest", [10], id="latest"),
        pytest.param("serve: {latest: 2}", [2, 10], id="the latest two"),
        pytest.param("serve: all", [1, 2, 10], id="all"),
        pytest.param("serve: [10, 1]", [1, 10], id="listed"),
    ],
)
def test_versions_yaml_says_which_versions_are_served(
    models: Models, told: str | None, versions: list[int]
):
    for version in (1, 2, 10):
        models.add(f"street/{version}/street.h5")
    if told is not None:
        models.write("street/versions.yaml", told)
    assert [found.version for found in find_models(models.folder)] == versions


@pytest.mark.parametrize(
    ("told", "error"),
    [
        pytest.param("serve: newest", "serve is 'newest'; it must be latest, all, ", id="word"),
        pytest.param("serve: [1, 7]", "serve names version 7; there are 1, 2", id="absent"),
        pytest.param("serve: [true]", "serve is [True]; it must be", id="truth"),
        pytest.param("serve: {latest: 0}", "serve is {'latest': 0}; it must be", id="none"),
        pytest.param(
            "keep: 2", "there is no key 'keep'; allowed are serve, labels, split", id="unknown key"
        ),
        pytest.param("- 1", "versions.yaml", id="no mapping"),
        pytest.param("labels: 1", "labels is 1; it must be a mapping", id="no labels"),
        pytest.param("labels: {2: 2}", "labels has 2; it must begin with a letter", id="number"),
        pytest.param("labels: {stable: 1}", "labels has stable: 1; served is 2", id="not served"),
        pytest.param("split: 2", "split is 2; it must be a mapping of versions", id="no split"),
        pytest.param(
            "split: {}", "split is {}; it must be a mapping of versions", id="empty split"
        ),
        pytest.param("split: {1: 5}", "split has 1; served is 2", id="split, not served"),
        pytest.param("split: {old: 5}", "split has 'old'; served is 2", id="split, no label"),
        pytest.param("split: {true: 5}", "split has True; served is 2", id="split, truth"),
        pytest.param(
            "split: {2: -1}",
            "split gives 2 a share of -1; a whole number of 0 to 1,000,000 is allowed",
            id="share of less than nothing",
        ),
        pytest.param("split: {2: 0.5}", "split gives 2 a share of 0.5; a whole", id="half a share"),
        pytest.param("split: {2: 1000001}", "split gives 2 a share of 1000001; a", id="vast share"),
        pytest.param("split: {2: 0}", "split gives no version a share of more", id="no share"),
        pytest.param(
            "labels: {new: 2}\nsplit: {2: 1, new: 1}", "split has version 2 twice", id="twice"
        ),
        pytest.param("shadow: 1", "shadow is 1; served is 2", id="shadow, not served"),
        pytest.param("shadow: [2]", "shadow is [2]; served is 2", id="shadow, a list"),
        pytest.param("shadow: 2", "shadow is 2, and no other version is served", id="shadow alone"),
        pytest.param(
            "serve: all\nsplit: {1: 1, 2: 1}\nshadow: 2",
            "shadow is 2, a version that split has too",
            id="shadow with a share",
        ),
    ],
)
def test_what_versions_yaml_must_not_say_is_told(models: Models, told: str, error: str):
    models.add("street/1/street.h5")
    models.add("street/2/street.h5")
    models.write("street/versions.yaml", told)
    (found,) = find_models(models.folder)
    assert found.error is not None
    assert found.error.startswith("street/versions.yaml")
    assert error in found.error


def test_several_versions_answer_by_their_numbers_and_the_highest_without(
    models: Models, local_client: Callable[..., LocalClient], photo
):
    for version in (1, 2, 3):
        models.add(f"street/{version}/street.h5")
    models.write("street/3/street.h5", "broken")
    models.write("street/versions.yaml", "serve: all")
    client = local_client()
    assert [answering(client, photo, version) for version in (1, 2, None)] == [1, 2, 2]
    (default,) = [one.version for one in client.models() if one.is_default]
    assert default == 2


def test_a_label_is_another_name_of_a_version_and_moves_without_a_load(
    models: Models, local_client: Callable[..., LocalClient], photo
):
    for version in (1, 2):
        models.add(f"street/{version}/street.h5")
    models.write("street/versions.yaml", "serve: all\nlabels: {stable: 1, canary: 2}")
    client = local_client()
    client.keep_up(POLL_S)
    assert [ask(client, photo, "street", label).version for label in ("stable", "canary")] == [1, 2]
    loaded = client.choose(Ask("street", 2)).loaded
    models.write("street/versions.yaml", "serve: all\nlabels: {stable: 2}")
    wait_for(lambda: client.choose(Ask("street", "stable")).version == 2, "the label has moved")
    assert client.choose(Ask("street", "stable")).loaded == loaded
    with pytest.raises(VersionNotFound) as refused:
        client.choose(Ask("street", "canary"))
    assert str(refused.value) == (
        "no version of model 'street' has the label 'canary'; there is stable"
    )


def test_a_repository_that_cannot_be_read_is_logged_when_that_changes_not_at_every_look(
    models: Models, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    events: list[tuple[str, object]] = []
    monkeypatch.setattr(
        log, "event", lambda name, *_, **fields: events.append((name, fields.get("error")))
    )
    models.add("street/1/street.h5")
    repository = ModelRepository(settings.serving, [Thresholding()])
    repository.load()
    away = models.folder.with_name("away")
    for _ in range(2):
        events.clear()
        models.folder.rename(away)
        for _ in range(3):
            repository.reconcile()
        assert events == [("repository_unreadable", "No such file or directory")]
        models.folder.write_text("")
        repository.reconcile()
        assert events[1:] == [("repository_unreadable", "Not a directory")]
        models.folder.unlink()
        away.rename(models.folder)
        repository.reconcile()
        assert [one.state for one in repository.statuses()] == ["ready"]


def test_a_copy_that_the_disk_cut_short_never_serves_and_is_taken_up_once_it_is_whole(
    models: Models, local_client: Callable[..., LocalClient], photo
):
    models.add("street/1/street.h5", threshold=1)
    client = local_client(READY="all")
    client.keep_up(POLL_S)
    whole = models.folder.parent / "whole.h5"
    whole.write_text(json.dumps({"threshold": 1, "notes": "x" * 4000}))
    (models.folder / "street" / "2").mkdir()
    # A file may have a block of 1024 bytes, and no more: the copy ends there, as on a full disk.
    copy = ["bash", "-c", 'ulimit -f 1; cp "$0" "$1"', whole, models.folder / "street/2/street.h5"]
    cut = subprocess.run(copy, check=False, capture_output=True)
    assert cut.returncode != 0
    assert (models.folder / "street/2/street.h5").stat().st_size == 1024
    wait_for_states(client, street_1="ready", street_2="failed")
    assert answering(client, photo) == 1
    assert client.readiness() == (True, "ready")
    shutil.copy(whole, models.folder / "street/2/street.h5")
    wait_for_states(client, street_2="ready")
    assert answering(client, photo) == 2


def test_a_look_that_fails_is_logged_once_for_as_long_as_it_fails_alike(
    models: Models, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    events: list[str] = []
    monkeypatch.setattr(log, "event", lambda name, *_, **fields: events.append(name))
    looks: list[str] = []

    def find(folder: Path) -> list[Found]:
        looks.append("")
        if 1 < len(looks) < 6:
            raise RuntimeError("a surprise")
        return find_models(folder)

    models.add("street.h5")
    client = LocalClient.start(settings.serving, kinds=[Thresholding()], find=find)
    client.keep_up(POLL_S)
    wait_for(lambda: len(looks) > 7, "it looks again and again")
    client.close()
    assert events.count("reconcile_failed") == 1
    assert states(client) == {"street/1": "ready"}

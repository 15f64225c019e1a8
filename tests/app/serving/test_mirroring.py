"""A store's models, mirrored: what is whole there is whole here, and nothing else.

The store is a folder, by the driver that fsspec has for folders; `tests/stores` asks a real one.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import threading
import time
import types
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.serving.lanes import Lanes
from app.serving.local_client import LocalClient
from app.serving.mirroring import Mirror, MirrorError
from app.serving.repository import ModelRepository
from app.settings import Settings
from tests.app.serving.inference_process import wait_for
from tests.app.serving.model_folder import Models
from tests.app.serving.pictures import ask
from tests.app.serving.thresholding import Thresholding


@pytest.fixture
def store(tmp_path: Path) -> Models:
    """Return what lies in the store, as a folder to put models into."""
    return Models(tmp_path / "store")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "mirror"


@pytest.fixture
def mirror(store: Models, folder: Path) -> Mirror:
    return Mirror(f"file://{store.folder}", folder)


def there(folder: Path) -> set[str]:
    """Return the files in a folder, hidden ones aside."""
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in files if not str(path).startswith(".")}


def settled(mirror: Mirror) -> None:
    """Look twice, as a poll does: what has kept still is brought."""
    mirror.sync()
    mirror.sync()


def test_all_that_lies_in_the_store_is_brought_at_the_start(
    store: Models, mirror: Mirror, folder: Path
):
    store.add("kite.h5")
    store.write("kite.yaml", "about: A kite.")
    store.add("street/1/street.h5")
    store.write("street/1/samples/a.png", "png")
    store.write("street/versions.yaml", "serve: all")
    store.write("iris/saved_model.pb", "pb")
    store.write("iris/variables/variables.index", "index")
    mirror.sync()
    assert there(folder) == there(store.folder)
    for path in there(folder):
        assert (folder / path).read_bytes() == (store.folder / path).read_bytes()


def test_what_is_hidden_is_not_brought(store: Models, mirror: Mirror, folder: Path):
    store.add("street/1/street.h5")
    store.write("street/1/.cache/x", "x")
    store.write(".mirror/record.json", "{}")
    mirror.sync()
    assert there(folder) == {"street/1/street.h5"}
    assert json.loads((folder / ".mirror" / "record.json").read_text()) != {}


def test_a_version_that_is_still_being_uploaded_is_waited_for(
    store: Models, mirror: Mirror, folder: Path
):
    store.add("street/1/street.h5")
    mirror.sync()
    store.write("street/2/saved_model.pb", "pb")
    mirror.sync()
    store.write("street/2/variables/variables.index", "index")
    mirror.sync()
    assert there(folder) == {"street/1/street.h5"}
    mirror.sync()
    assert there(folder) == there(store.folder)


def test_a_model_that_is_told_to_load_is_not_waited_for(
    store: Models, mirror: Mirror, folder: Path
):
    mirror.sync()
    store.add("street/1/street.h5")
    store.add("streets/1/streets.h5")
    store.add("kite.h5")
    store.write("kite.yaml", "about: A kite.")
    mirror.sync("street")
    assert there(folder) == {"street/1/street.h5"}
    store.add("streets/1/others.h5")
    mirror.sync("kite")
    assert there(folder) == {"street/1/street.h5", "kite.h5", "kite.yaml"}


def test_what_changes_in_the_store_takes_the_place_of_what_was_and_what_is_gone_goes(
    store: Models, mirror: Mirror, folder: Path
):
    store.add("kite.h5")
    store.add("street/1/street.h5")
    store.write("street/1/labels.txt", "a")
    store.add("street/2/street.h5")
    mirror.sync()
    store.add("street/2/street.h5", threshold=7)
    store.write("street/1/labels.txt", "b")
    (store.folder / "kite.h5").unlink()
    settled(mirror)
    assert there(folder) == {"street/1/labels.txt", "street/1/street.h5", "street/2/street.h5"}
    assert (folder / "street/1/labels.txt").read_text() == "b"
    assert json.loads((folder / "street/2/street.h5").read_text())["threshold"] == 7
    shutil.rmtree(store.folder / "street" / "1")
    (store.folder / "street" / "2" / "street.h5").rename(store.folder / "street" / "2" / "b.h5")
    settled(mirror)
    assert there(folder) == {"street/2/b.h5"}
    shutil.rmtree(store.folder / "street")
    mirror.sync()
    assert there(folder) == set()
    assert not (folder / "street").exists()


def test_a_version_that_is_gone_goes_on_until_what_takes_its_place_is_here(
    store: Models, mirror: Mirror, folder: Path
):
    store.add("street/1/street.h5")
    mirror.sync()
    (store.folder / "street" / "1").rename(store.folder / "street" / "2")
    mirror.sync()
    assert there(folder) == {"street/1/street.h5"}
    mirror.sync()
    assert there(folder) == {"street/2/street.h5"}


def test_a_model_may_become_one_with_versions_and_a_file_a_folder(
    store: Models, mirror: Mirror, folder: Path
):
    store.write("iris/saved_model.pb", "pb")
    store.write("note", "a file")
    mirror.sync()
    (store.folder / "iris" / "1").mkdir()
    (store.folder / "iris" / "saved_model.pb").rename(store.folder / "iris/1/saved_model.pb")
    (store.folder / "note").unlink()
    store.write("note/1/note.h5", "a folder")
    settled(mirror)
    assert there(folder) == {"iris/1/saved_model.pb", "note/1/note.h5"}
    (store.folder / "iris/1/saved_model.pb").rename(store.folder / "iris" / "saved_model.pb")
    (store.folder / "iris" / "1").rmdir()
    settled(mirror)
    assert there(folder) == {"iris/saved_model.pb", "note/1/note.h5"}


def test_a_large_file_beside_one_that_changes_is_not_brought_again(
    store: Models, mirror: Mirror, folder: Path
):
    store.write("street/1/street.h5", bytes(1 << 20))
    mirror.sync()
    before = (folder / "street/1/street.h5").stat().st_ino
    store.write("street/1/model.yaml", "min_score: 0.5")
    settled(mirror)
    assert (folder / "street/1/street.h5").stat().st_ino == before


def test_what_is_lost_of_the_mirror_is_brought_anew(store: Models, mirror: Mirror, folder: Path):
    store.add("street/1/street.h5")
    mirror.sync()
    shutil.rmtree(folder / "street")
    mirror.sync()
    assert there(folder) == {"street/1/street.h5"}


def test_a_store_that_cannot_be_reached_leaves_what_is_here(
    store: Models, mirror: Mirror, folder: Path
):
    store.add("street/1/street.h5")
    mirror.sync()
    with pytest.raises(MirrorError, match="none://"):
        Mirror("none://bucket", folder).sync()
    assert there(folder) == {"street/1/street.h5"}


def test_a_version_for_which_the_disk_has_no_room_is_told_and_the_others_are_brought(
    store: Models, mirror: Mirror, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    store.write("large/1/large.h5", bytes(5000))
    store.add("street/1/street.h5")
    monkeypatch.setattr("shutil.disk_usage", lambda _: types.SimpleNamespace(free=4000))
    with pytest.raises(MirrorError, match="it needs 5,000 bytes more, and 4,000 are free"):
        mirror.sync()
    assert there(folder) == {"street/1/street.h5"}
    monkeypatch.undo()
    mirror.sync()
    assert there(folder) == there(store.folder)


def test_a_file_that_ends_short_on_the_disk_is_told_and_gone_on_with_once_there_is_room(
    store: Models, mirror: Mirror, folder: Path
):
    store.add("street/1/street.h5")
    mirror.sync()
    content = np.random.default_rng(4).bytes(3 << 20)
    store.write("street/2/street.h5", content)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # No file may have more bytes: writing fails in the middle, as on a full disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    try:
        mirror.sync()
        with pytest.raises(MirrorError, match="street/2: File too large"):
            mirror.sync()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert there(folder) == {"street/1/street.h5"}
    (part,) = (folder / ".mirror" / "parts").iterdir()
    assert part.stat().st_size == 1 << 20
    mirror.sync()
    assert (folder / "street/2/street.h5").read_bytes() == content
    assert not (folder / ".mirror" / "parts").exists()


def test_what_an_end_in_the_middle_left_is_gone_on_from(
    store: Models, mirror: Mirror, folder: Path
):
    content = np.random.default_rng(3).bytes(3 << 20)
    store.write("street/1/street.h5", content)
    mirror.sync()
    record = folder / ".mirror" / "record.json"
    # As if the process had ended between the last byte and the record.
    record.unlink()
    Mirror(f"file://{store.folder}", folder).sync()
    assert (folder / "street/1/street.h5").read_bytes() == content
    assert "street/1" in record.read_text()


@pytest.fixture
def client(settings: Settings, mirror: Mirror, folder: Path) -> Iterator[Callable[[], LocalClient]]:
    """Return a function that serves what is mirrored."""
    clients: list[LocalClient] = []

    def start() -> LocalClient:
        mirrored = replace(settings.serving, model_repository=folder)
        repository = ModelRepository(mirrored, [Thresholding()], is_mirrored=True)
        clients.append(LocalClient(repository, Lanes(4), timeout_s=20, mirror=mirror))
        return clients[-1]

    yield start
    for one in clients:
        one.close()


def test_what_comes_to_the_store_is_served_and_what_goes_is_not(
    store: Models, client: Callable[[], LocalClient], photo: np.ndarray
):
    store.add("street/1/street.h5", threshold=1)
    served = client()
    served.keep_up(0.05)
    wait_for(served.is_ready, "it is ready")
    assert ask(served, photo, "street").version == 1
    store.add("street/2/street.h5", threshold=1)
    wait_for(lambda: ask(served, photo, "street").version == 2, "version 2 serves")
    shutil.rmtree(store.folder / "street" / "2")
    wait_for(lambda: ask(served, photo, "street").version == 1, "version 1 serves again")
    store.write("street/3/street.h5", "no model")
    wait_for(lambda: "failed" in [one.state for one in served.models()], "version 3 has failed")
    assert ask(served, photo, "street").version == 1


def test_a_store_that_is_away_leaves_what_serves_and_is_told(
    store: Models, client: Callable[[], LocalClient], photo: np.ndarray, folder: Path
):
    store.add("street/1/street.h5", threshold=1)
    served = client()
    served.keep_up(0.05)
    wait_for(served.is_ready, "it is ready")
    assert served.trouble() is None
    # No file can be made where a folder's name is taken by one.
    shutil.rmtree(folder / ".mirror")
    (folder / ".mirror").write_text("")
    wait_for(served.trouble, "it is told")
    assert str(folder) in str(served.trouble())
    assert ask(served, photo, "street").version == 1
    assert served.readiness() == (True, "ready")
    (folder / ".mirror").unlink()
    wait_for(lambda: served.trouble() is None, "it is over")


def test_a_start_without_the_store_serves_what_was_mirrored_before(
    store: Models, mirror: Mirror, folder: Path, settings: Settings
):
    store.add("street/1/street.h5")
    mirror.sync()
    mirrored = replace(settings.serving, model_repository=folder)
    repository = ModelRepository(mirrored, [Thresholding()], is_mirrored=True)
    away = Mirror("none://bucket", folder)
    served = LocalClient(repository, Lanes(4), timeout_s=20, mirror=away)
    assert served.wait_until_loaded(20)
    assert served.is_ready()
    assert "none://bucket" in str(served.trouble())
    served.close()


def test_two_who_mirror_to_the_same_folder_wait_for_each_other(store: Models, folder: Path):
    store.write("street/1/street.h5", bytes(1 << 20))
    mirrors = [Mirror(f"file://{store.folder}", folder) for _ in range(4)]
    errors: list[Exception] = []

    def sync(mirror: Mirror) -> None:
        try:
            for number in range(5):
                store.write(f"street/{number + 1}/street.h5", os.urandom(1000))
                mirror.sync("street")
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=sync, args=(mirror,)) for mirror in mirrors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    time.sleep(0.02)
    mirrors[0].sync("street")
    assert there(folder) == there(store.folder)
    for path in there(folder):
        assert (folder / path).read_bytes() == (store.folder / path).read_bytes()

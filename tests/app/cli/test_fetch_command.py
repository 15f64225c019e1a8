"""`slipway fetch`: models by reference are brought whole and verified, or not at all."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import time
import types
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pathspec
import pytest

from tests.app.cli.conftest import Run
from tests.app.cli.web_store import WebStore
from tests.app.serving.inference_process import wait_for
from tests.app.serving.model_folder import Models

MODEL = json.dumps({"threshold": 128}).encode()
# Some blocks of 16 MiB, the last one not whole.
LARGE = np.random.default_rng(7).bytes(40 << 20)


@pytest.fixture
def store() -> Iterator[WebStore]:
    with WebStore({"bal%20loon.h5": MODEL, "v3.h5": MODEL, "large.h5": LARGE}) as store:
        yield store


def reference(uri: str, content: bytes, **other: object) -> str:
    """Return a `model.yaml` that refers to content at an address."""
    digest = hashlib.sha256(content).hexdigest()
    source = {"uri": uri, "sha256": digest, "bytes": len(content)} | other
    return json.dumps({"source": source})


def everything(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def test_models_by_reference_are_brought_to_where_they_are_served_from(
    run: Run, models: Models, store: WebStore
):
    bare = store.uri("bal%20loon.h5")
    models.write("kite.yaml", reference(bare, MODEL))
    models.write("harbour/3/model.yaml", reference(store.uri("v3.h5"), MODEL))
    status, out, _ = run("models")
    assert status == 1
    assert f"kite.h5 is not here yet ({len(MODEL)} bytes); slipway fetch brings it" in out
    assert "harbour/3/v3.h5 is not here yet" in out
    status, out, err = run("fetch")
    assert (status, err) == (0, "")
    assert f"kite version 1: 0.0 MB from {bare}" in out
    assert (models.folder / "kite.h5").read_bytes() == MODEL
    assert (models.folder / "harbour" / "3" / "v3.h5").read_bytes() == MODEL
    status, out, _ = run("check")
    assert status == 0
    assert "3 of 3 versions can be served" in out


def test_what_is_here_is_not_asked_for_again(run: Run, models: Models, store: WebStore):
    models.write("kite.yaml", reference(store.uri("v3.h5"), MODEL))
    run("fetch")
    store.asked.clear()
    status, out, _ = run("fetch")
    assert (status, out) == (0, "kite version 1: 0.0 MB is here\n")
    assert store.asked == []


def test_it_imports_nothing_that_its_own_lock_does_not_have():
    code = """import sys
before = set(sys.modules)
import app.cli.fetch
print(*{name.partition(".")[0] for name in set(sys.modules) - before})"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    known = sys.stdlib_module_names | {"app", "yaml", "cython_runtime"}
    assert {name for name in ran.stdout.split() if not name.startswith("_")} <= known


def test_a_repository_without_references_has_nothing_to_bring(run: Run, models: Models):
    assert run("fetch") == (0, "", "")


def test_a_reference_that_has_changed_is_not_served_by_the_file_of_before(
    run: Run, models: Models, store: WebStore
):
    models.write("kite.yaml", reference(store.uri("v3.h5"), MODEL))
    run("fetch")
    other = json.dumps({"threshold": 200}).encode()
    assert len(other) == len(MODEL)
    store.files["v3.h5"] = other
    models.write("kite.yaml", reference(store.uri("v3.h5"), other))
    status, out, _ = run("check", "kite")
    assert status == 1
    assert f"kite.h5 has sha256 {hashlib.sha256(MODEL).hexdigest()}, and its source" in out
    assert "slipway fetch brings that one" in out
    assert run("fetch")[0] == 0
    assert run("check", "kite")[0] == 0


@pytest.mark.slow
def test_connections_that_are_cut_are_gone_on_from(run: Run, models: Models, store: WebStore):
    store.cuts = [1 << 20, 0, 17]
    models.write("kite.yaml", reference(store.uri("large.h5"), LARGE))
    status, _, err = run("fetch")
    assert (status, err) == (0, "")
    assert (models.folder / "kite.h5").read_bytes() == LARGE
    starts = [start >> 20 for _, start in store.asked]
    assert starts[:4] == [0, 0, 0, 0]
    assert starts[-2:] == [16, 32]


@pytest.mark.slow
def test_a_fetch_that_was_killed_is_gone_on_with_by_the_next(
    run: Run, models: Models, store: WebStore
):
    store.pause_s = 0.002
    models.write("kite.yaml", reference(store.uri("large.h5"), LARGE))
    first = subprocess.Popen([sys.executable, "-m", "app.cli", "fetch"], stdout=subprocess.DEVNULL)
    wait_for(lambda: ("large.h5", 16 << 20) in store.asked, "a block has come")
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert not (models.folder / "kite.h5").exists()
    store.pause_s = 0
    store.asked.clear()
    assert run("fetch")[0] == 0
    assert (models.folder / "kite.h5").read_bytes() == LARGE
    assert min(start for _, start in store.asked) >= 16 << 20
    assert not list(models.folder.glob(".*.part"))


@pytest.mark.slow
def test_two_fetches_at_once_bring_a_file_once(models: Models, store: WebStore):
    store.pause_s = 0.001
    models.write("kite.yaml", reference(store.uri("large.h5"), LARGE))
    both = [subprocess.Popen([sys.executable, "-m", "app.cli", "fetch"]) for _ in range(2)]
    assert [one.wait(timeout=60) for one in both] == [0, 0]
    assert (models.folder / "kite.h5").read_bytes() == LARGE
    assert sorted(start >> 20 for _, start in store.asked) == [0, 16, 32]


@pytest.mark.slow
def test_a_server_that_sends_no_ranges_will_do(run: Run, models: Models, store: WebStore):
    store.sends_ranges = False
    models.write("kite.yaml", reference(store.uri("large.h5"), LARGE))
    assert run("fetch")[0] == 0
    assert (models.folder / "kite.h5").read_bytes() == LARGE
    assert len(store.asked) == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param(
            {"sha256": "0" * 64},
            f"has sha256 {hashlib.sha256(LARGE).hexdigest()}, and kite.yaml says {'0' * 64}",
            id="digest",
        ),
        pytest.param({"bytes": 17}, f"has {len(LARGE):,} bytes, and kite.yaml says 17", id="size"),
    ],
)
def test_what_is_another_file_than_said_is_one_line_and_leaves_nothing(
    run: Run, models: Models, store: WebStore, change: dict[str, object], told: str
):
    uri = store.uri("large.h5")
    models.write("kite.yaml", reference(uri, LARGE, **change))
    before = everything(models.folder)
    assert run("fetch") == (1, "", f"slipway: kite version 1: {uri} {told}\n")
    assert everything(models.folder) == before


def test_one_that_is_not_there_does_not_keep_the_others_from_being_brought(
    run: Run, models: Models, store: WebStore
):
    gone = store.uri("gone.h5")
    models.write("anchor.yaml", reference(gone, MODEL))
    models.write("kite.yaml", reference(store.uri("v3.h5"), MODEL))
    status, out, err = run("fetch")
    assert status == 1
    assert out.startswith("kite version 1: ")
    told = f"{gone}: it is not there, or not to be seen by whoever asks"
    assert err == f"slipway: anchor version 1: {told}\n"
    assert not list(models.folder.glob(".*.part"))


@pytest.mark.parametrize("status", [401, 403, 410])
def test_a_store_that_lets_nobody_in_is_one_line_and_asked_no_more(
    run: Run, models: Models, store: WebStore, status: int
):
    store.refusal = status
    uri = store.uri("v3.h5")
    models.write("kite.yaml", reference(uri, MODEL))
    before = everything(models.folder)
    began = time.monotonic()
    told = "it is not there, or not to be seen by whoever asks"
    assert run("fetch") == (1, "", f"slipway: kite version 1: {uri}: {told}\n")
    assert everything(models.folder) == before
    assert time.monotonic() - began < 5


def test_a_file_for_which_the_disk_has_no_room_is_not_begun(
    run: Run, models: Models, store: WebStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("shutil.disk_usage", lambda _: types.SimpleNamespace(free=17))
    models.write("kite.yaml", reference(store.uri("v3.h5"), MODEL))
    before = everything(models.folder)
    needs = f"it needs {len(MODEL):,} bytes more, and 17 are free"
    told = f"{models.folder} has no room for it: {needs}"
    assert run("fetch") == (1, "", f"slipway: kite version 1: {told}\n")
    assert store.asked == []
    assert everything(models.folder) == before


def test_the_models_can_be_brought_into_a_copy(
    run: Run, models: Models, store: WebStore, tmp_path: Path
):
    models.write("kite.yaml", reference(store.uri("v3.h5"), MODEL))
    before = everything(models.folder)
    assert run("fetch", "--into", tmp_path / "copy")[0] == 0
    assert everything(models.folder) == before
    status, out, _ = run("check", "--models", tmp_path / "copy")
    assert (status, out.splitlines()[-1]) == (0, "2 of 2 versions can be served")
    for other in (models.folder / "copy", models.folder.parent):
        status, _, err = run("fetch", "--into", other)
        assert status == 2
        assert "name another" in err


def test_a_store_whose_driver_is_not_installed_says_what_installs_it(run: Run, models: Models):
    models.write("kite.yaml", reference("s3://bucket/kite.h5", MODEL))
    needs = "s3:// needs a driver that is not installed; ./setup.sh fetch installs it"
    assert run("fetch") == (1, "", f"slipway: kite version 1: s3://bucket/kite.h5: {needs}\n")


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        pytest.param(
            "kite.yaml", "source: {uri: a}\nsource: {uri: b}\n", "is there twice", id="twice"
        ),
        pytest.param("kite.yaml", "source:\n\turi: a\n", "kite.yaml: not YAML", id="a tab"),
        pytest.param("kite.yaml", "Source: {uri: a}\n", "kite.yaml has no key source", id="Source"),
        pytest.param("kite.yml", "source: {uri: a}\n", "name it kite.yaml", id="yml"),
        pytest.param("kite/1/model.yaml", "source: {\n", "model.yaml: not YAML", id="version"),
        pytest.param("kite/1/model.yml", "source: {}\n", "name it model.yaml", id="version, yml"),
    ],
)
def test_a_reference_that_is_broken_is_a_model_that_fails(
    run: Run, models: Models, name: str, text: str, told: str
):
    models.write(name, text)
    status, out, _ = run("models")
    assert status == 1
    assert told in out
    assert run("check")[0] == 1


def test_a_secret_in_an_address_is_shown_to_nobody(run: Run, models: Models):
    uri = "https://me:hush@127.0.0.1:9/gone.zip?signature=hush"
    models.write("kite.yaml", reference(uri, MODEL))
    models.write("harbour.yaml", reference(uri.replace(".zip", ".h5"), MODEL))
    for command in ("models", "check"):
        status, out, err = run(command)
        assert status == 1
        assert "hush" not in out + err
        assert "'https://127.0.0.1:9/gone.zip'; it must be one of" in out


def test_a_model_of_one_s_own_is_not_lost_to_the_one_that_is_referred_to(
    run: Run, models: Models, store: WebStore
):
    models.write("kite.yaml", reference(store.uri("v3.h5"), MODEL))
    models.write("kite.h5", "trained last night")
    status, out, _ = run("fetch")
    assert status == 0
    assert "the file that was there is .kite.h5.before now" in out
    assert (models.folder / ".kite.h5.before").read_text() == "trained last night"
    assert (models.folder / "kite.h5").read_bytes() == MODEL


def test_what_was_brought_is_ignored_by_git(run: Run, models: Models, store: WebStore):
    models.write("kite [2] #1.yaml", reference(store.uri("v3.h5"), MODEL))
    run("fetch")
    run("fetch")
    lines = (models.folder / ".gitignore").read_text().splitlines()
    names = {path.name for path in models.folder.glob("kite*")}
    assert names == {"kite [2] #1.yaml", "kite [2] #1.h5"}
    # By the rules of git, which not every machine has.
    assert set(pathspec.GitIgnoreSpec.from_lines(lines).match_files(names)) == {"kite [2] #1.h5"}
    assert len((models.folder / ".gitignore").read_text().splitlines()) == 1


def test_an_entry_that_cannot_be_read_keeps_no_model_from_being_fetched(
    run: Run, models: Models, store: WebStore
):
    models.write("kite.yaml", reference(store.uri("v3.h5"), MODEL))
    (models.folder / "old.h5").symlink_to("nowhere")
    assert run("fetch")[0] == 0
    assert (models.folder / "kite.h5").read_bytes() == MODEL


def test_goldens_beside_a_reference_are_no_model(run: Run, models: Models):
    (models.folder / "street" / "1" / "street.h5").unlink()
    models.write("kite.yaml", reference("gs://b/kite.h5", MODEL))
    models.write("golden/kite/a.png", "a")
    assert "golden" not in run("models")[1]


@pytest.mark.slow
def test_a_server_that_cannot_be_reached_is_tried_again_and_told_as_such(run: Run, models: Models):
    store = WebStore({"v3.h5": MODEL})
    models.write("kite.yaml", reference(store.uri("v3.h5"), MODEL))
    status, _, err = run("fetch")
    assert status == 1
    assert "6 attempts; what has come is kept: ClientConnector" in err


GOOD = {"uri": "gs://bucket/kite.h5", "sha256": "0" * 64, "bytes": 1}


@pytest.mark.parametrize(
    ("source", "told"),
    [
        pytest.param(
            {"uri": "gs://b/k.h5"}, "it must be a mapping of uri, sha256, bytes", id="less"
        ),
        pytest.param("gs://bucket/kite.h5", "it must be a mapping", id="no mapping"),
        pytest.param(GOOD | {"md5": "0"}, "it must be a mapping of uri, sha256, bytes", id="more"),
        pytest.param(GOOD | {"uri": "ftp://b/k.h5"}, "uri is 'ftp://b/k.h5'; it must be", id="ftp"),
        pytest.param(
            GOOD | {"uri": "kite.h5"}, "uri is 'kite.h5'; it must be one of gs", id="path"
        ),
        pytest.param(GOOD | {"uri": "gs:///k.h5"}, "uri is 'gs:///k.h5'", id="no bucket"),
        pytest.param(GOOD | {"uri": "gs://b/k.zip"}, "and end in .h5", id="an archive"),
        pytest.param(GOOD | {"uri": "gs://b/.h5"}, "and end in .h5", id="no name"),
        pytest.param(GOOD | {"uri": "GS://b/k.h5"}, "it must be one of gs://", id="capitals"),
        pytest.param(GOOD | {"uri": "https://b/a%00.h5"}, "it must be one of gs", id="NUL"),
        pytest.param(GOOD | {"uri": 3}, "uri is 3; it must be", id="a number"),
        pytest.param(GOOD | {"sha256": "0" * 63}, "it must be 64 digits 0-9 and a-f", id="short"),
        pytest.param(GOOD | {"sha256": 10**63}, "it must be 64 digits", id="digits without quotes"),
        pytest.param(GOOD | {"bytes": 0}, "bytes is 0; it must be a whole number from 1", id="0"),
        pytest.param(GOOD | {"bytes": True}, "bytes is True; it must be a whole", id="true"),
        pytest.param(GOOD | {"bytes": 1 << 60}, "it must be a whole number from 1 to", id="huge"),
    ],
)
def test_a_reference_that_is_of_no_use_names_the_field_the_value_and_what_is_allowed(
    run: Run, models: Models, source: object, told: str
):
    models.write("kite.yaml", json.dumps({"source": source}))
    status, out, err = run("fetch")
    assert (status, out) == (1, "")
    (line,) = err.splitlines()
    assert line.startswith("slipway: kite version 1: kite.yaml: source")
    assert told in line
    assert told in run("models")[1]

"""A model by way of S3 and of Azure Blob Storage: pushed, referred to, and brought through cuts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.chance import seed
from tests.large_model import write_large
from tests.stores.cutting import cutting
from tests.stores.other_clouds import Store, running

pytestmark = pytest.mark.slow

Slipway = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module", params=["s3", "az"])
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    """Return a store that has started."""
    with running(request.param, tmp_path_factory.mktemp("store")) as store:
        yield store


@pytest.fixture
def slipway(tmp_path: Path, store: Store) -> Slipway:
    """Return a function that runs the command over a repository of its own."""
    (tmp_path / "models").mkdir()
    own = {"MODEL_REPOSITORY": str(tmp_path / "models"), "XDG_CACHE_HOME": str(tmp_path / "cache")}

    def run(*words: object, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | own | store.variables() | variables
        command = [sys.executable, "-m", "app.cli", *map(str, words)]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=120
        )

    return run


def test_a_model_is_pushed_once_and_brought_through_cut_connections(
    slipway: Slipway, store: Store, root: Path, tmp_path: Path
):
    models = tmp_path / "models"
    config = yaml.safe_load((root / "models/shapes/1/model.yaml").read_text())["config"]
    (models / "kite.yaml").write_text(yaml.safe_dump({"config": config}))
    weights = write_large(tmp_path / "trained.h5", 32)
    push = ("push-model", weights, f"{store.scheme}://models/seen", "--name", "kite")
    pushed = slipway(*push)
    assert pushed.returncode == 0, pushed.stderr
    uri = yaml.safe_load((models / "kite.yaml").read_text())["source"]["uri"]
    assert uri.startswith(f"{store.scheme}://models/seen/kite/")
    assert f"{uri} is there already" in slipway(*push).stderr

    with cutting("127.0.0.1", store.port, 8 << 20, 3, seed()) as way:
        fetched = slipway("fetch", **store.variables(way.server_address[1]))
        assert way.cuts == []
    assert fetched.returncode == 0, fetched.stderr
    assert (models / "kite.h5").read_bytes() == weights.read_bytes()


def test_what_is_not_there_is_one_line(slipway: Slipway, store: Store, tmp_path: Path):
    uri = f"{store.scheme}://models/gone.h5"
    source = {"uri": uri, "sha256": "0" * 64, "bytes": 1}
    (tmp_path / "models" / "kite.yaml").write_text(yaml.safe_dump({"source": source}))
    fetched = slipway("fetch")
    told = "it is not there, or not to be seen by whoever asks"
    assert (fetched.returncode, fetched.stdout) == (1, "")
    assert fetched.stderr.splitlines()[-1] == f"slipway: kite version 1: {uri}: {told}"


def test_a_bucket_that_is_not_there_is_one_line(slipway: Slipway, store: Store, root: Path):
    weights = root / "models" / "shapes" / "1" / "shapes.h5"
    pushed = slipway("push-model", weights, f"{store.scheme}://gone", "--name", "kite")
    assert pushed.returncode == 1
    assert pushed.stderr.startswith("asking kite version 1\nslipway: ")
    assert len(pushed.stderr.splitlines()) == 2
    assert f"{store.scheme}://gone/kite/" in pushed.stderr

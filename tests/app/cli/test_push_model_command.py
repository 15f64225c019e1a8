"""`slipway push-model`: what is refused before anything is sent. tests/stores has the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.app.cli.conftest import Run
from tests.app.serving.model_folder import POINTER, Models


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        pytest.param([], 2, "name a bucket: slipway push-model FILE.h5 gs://my-bucket", id="none"),
        pytest.param(["my-bucket"], 2, "my-bucket is none; name a bucket", id="no address"),
        pytest.param(["https://a.b/c"], 2, "https://a.b/c is none; name", id="not written to"),
        pytest.param(["gs://b", "--name", "a/b"], 2, "the model's name is 'a/b'; it", id="name"),
        pytest.param(["gs://b", "--version", "0"], 2, "--version '0': must be", id="version"),
        pytest.param(
            ["s3://b"],
            1,
            "s3:// needs a driver that is not installed; ./setup.sh fetch installs",
            id="driver",
        ),
        pytest.param(["gs://b", "--photo", "no.png"], 1, "no.png: No such file", id="photo"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(
    run: Run, models: Models, words: list[str], status: int, told: str
):
    before = sorted(models.folder.rglob("*"))
    got, out, err = run("push-model", models.folder / "street/1/street.h5", *words)
    assert (got, out) == (status, "")
    assert err.splitlines()[-1].startswith("slipway: ")
    assert told in err.splitlines()[-1]
    assert sorted(models.folder.rglob("*")) == before


def test_what_is_no_model_is_not_pushed(run: Run, models: Models, tmp_path: Path):
    pointer = tmp_path / "kite.h5"
    pointer.write_text(POINTER)
    assert "kite.h5 is a Git LFS pointer" in run("push-model", pointer, "gs://b")[2]
    assert "gone.h5 is no model file (*.h5" in run("push-model", tmp_path / "gone.h5", "gs://b")[2]
    models.write("kite.yaml", "config: {")
    told = run("push-model", models.folder / "street/1/street.h5", "gs://b", "--name", "kite")[2]
    assert told.startswith("slipway: kite.yaml: not YAML")

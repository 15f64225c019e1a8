"""`slipway serve` where it cannot start: one line, and nothing has been started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.app.api.server import Server, command_of, free_port
from tests.app.serving.model_folder import Models


def serve(root: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app.cli", "serve", *arguments],
        cwd=root,
        env=os.environ | {"PORT": str(free_port())} | variables,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def _nothing(path: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        pytest.param(_nothing, "there is no folder ", id="absent"),
        pytest.param(Path.touch, "is a file; name the folder that it lies in: ", id="file"),
        pytest.param(
            lambda path: path.symlink_to("/gone"),
            "is a link to /gone, which is not there",
            id="link",
        ),
    ],
)
@pytest.mark.parametrize("is_option", [False, True], ids=["variable", "option"])
def test_a_repository_that_is_no_folder_stops_the_start_with_one_line(
    root: Path, tmp_path: Path, make: Callable[[Path], None], problem: str, is_option: bool
):
    path = tmp_path / "models"
    make(path)
    arguments = ["--models", str(path)] if is_option else []
    told = serve(root, *arguments, MODEL_REPOSITORY="models" if is_option else str(path))
    assert (told.returncode, told.stdout) == (2, "")
    (line,) = told.stderr.splitlines()
    assert line.startswith(f"slipway: MODEL_REPOSITORY='{path}': {problem}")


def test_a_bucket_whose_driver_is_not_installed_stops_the_start_with_one_line(
    root: Path, tmp_path: Path
):
    told = serve(root, MODEL_REPOSITORY="s3://b/models", MODEL_MIRROR=str(tmp_path))
    needs = "s3:// needs a driver that is not installed; ./setup.sh fetch installs it"
    line = f"slipway: MODEL_REPOSITORY='s3://b/models': {needs}\n"
    assert (told.returncode, told.stdout, told.stderr) == (2, "", line)


def test_a_mirror_that_cannot_be_made_stops_the_start_with_one_line(root: Path, tmp_path: Path):
    (tmp_path / "taken").write_text("")
    told = serve(root, MODEL_REPOSITORY="gs://b", MODEL_MIRROR=str(tmp_path / "taken"))
    assert told.returncode == 2
    (line,) = told.stderr.splitlines()
    assert line.startswith(
        f"slipway: MODEL_REPOSITORY='gs://b': its mirror {tmp_path / 'taken'}/gs-b-"
    )
    assert line.endswith("cannot be made: Not a directory; name another place in MODEL_MIRROR")


@pytest.mark.server
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_a_start_without_a_standard_stream_serves_all_the_same(
    root: Path, tmp_path: Path, models: Models, closed: str
):
    shell = ["sh", "-c", f'exec "$0" "$@" {closed}', *command_of("uwsgi")]
    server = Server(tmp_path, models.folder, root, *shell)
    try:
        server.wait_until_ready()
        assert server.ask("/healthz").status == 200
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(20) == 0
        assert "Traceback" not in server.spoken()
    finally:
        server.end()

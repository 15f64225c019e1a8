"""README's commands from nothing, on every Debian and Python that it claims."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import parts
from tests.app.api.server import free_port
from tests.checkout import copy_of
from tests.image.containers import ImageTool

pytestmark = pytest.mark.machine

PIP_CACHE = Path.home() / ".cache" / "pip"


@dataclass(frozen=True)
class Machine:
    """A bare machine: the image that its root is made of, and the Python that is found there."""

    base: str
    python: str
    runs_quick_tests: bool = False


MACHINES = [
    # The quick tests' own run shows the oldest Python, where that is what they run on.
    Machine("debian:bookworm-slim", "3.11", runs_quick_tests=sys.version_info[:2] != (3, 11)),
    Machine("python:3.12-slim-bookworm", "3.12"),
    Machine("debian:trixie-slim", "3.13", runs_quick_tests=True),
]
# A newcomer's folder is named as they like.
FOLDER = "/my clone's ü"
# What else is tested meanwhile takes ports below these.
FIRST_PORT = 27_000
# The last stage is what is kept, and holds no more than it takes to have the others made.
STEPS = """\
FROM {base} AS machine
RUN apt-get -qq update && apt-get -qq install --yes --no-install-recommends make curl >/dev/null
COPY . /slipway
RUN mv /slipway "{folder}" && cd "{folder}" && tests/machines/from_nothing.sh /out {port}
{more}
FROM scratch
COPY --from=machine /etc/hostname /
"""
# The linters' word is the same on every machine, the function runs on Google's, and what is plain
# HTTP is shown by the server itself.
QUICK_TESTS = (
    f'RUN cd "{FOLDER}" && ./setup.sh dev && '
    "PYTEST_ADDOPTS='--ignore tests/cloud_function --ignore tests/app/api' "
    "make -o lint test >/out/tests.txt 2>&1 || "
    "{ tail -60 /out/tests.txt; exit 1; }"
)


@pytest.fixture(scope="session")
def checkout(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a user's copy, of which the build gets all."""
    folder = copy_of(root, tmp_path_factory.mktemp("checkout") / "slipway")
    (folder / ".dockerignore").unlink()
    return folder


@pytest.fixture
def start_from_nothing(
    checkout: Path, tmp_path: Path
) -> Callable[[Machine], tuple[str, Any, Path]]:
    """Return a function that does so on a machine: what was said, answered, and the rest."""
    tool = ImageTool(parts.image_tool(), tmp_path)

    def start(machine: Machine) -> tuple[str, Any, Path]:
        out = tmp_path / "out"
        out.mkdir()
        more = QUICK_TESTS if machine.runs_quick_tests else ""
        steps = tmp_path / "Steps"
        text = STEPS.format(base=machine.base, port=free_port(FIRST_PORT), more=more, folder=FOLDER)
        steps.write_text(text)
        # Downloads are kept for the next machine, where pip of its root looks for them.
        volumes = ["--volume", f"{out}:/out"]
        if PIP_CACHE.is_dir():
            volumes += ["--volume", f"{PIP_CACHE}:/root/.cache/pip"]
        tool.ask("build", "--layers=false", *volumes, "-f", str(steps), str(checkout))
        said = (out / "said.txt").read_text()
        return said, json.loads((out / "answer.json").read_text()), out

    return start


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.base)
def test_make_serve_answers_a_picture_on_a_bare_machine(
    start_from_nothing: Callable[[Machine], tuple[str, Any, Path]], root: Path, machine: Machine
):
    said, answer, out = start_from_nothing(machine)
    assert (out / "python.txt").read_text().startswith(f"{machine.python}.")
    assert "Slipway is ready: open http://127.0.0.1:" in said
    golden = json.loads((root / "models/shapes/1/golden/scene-500.json").read_text())
    expected = sorted(instance["label"] for instance in golden["instances"])
    assert sorted(instance["label"] for instance in answer["instances"]) == expected
    if machine.runs_quick_tests:
        assert " passed" in (out / "tests.txt").read_text().splitlines()[-1]

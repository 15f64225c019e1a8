"""Holds the README to the truth: its links and every other page's, its commands and code blocks."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
PROTOCOLS = (ROOT / "docs" / "protocols.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()


def _pages() -> list[Path]:
    rooms = ("app", "bench", "clients", "cloud_function", "docs", "kubernetes", "models", "mrcnn")
    rooms += ("terraform", "tests")
    nested = (page for room in rooms for page in (ROOT / room).rglob("*.md"))
    return [ROOT / "README.md", *sorted(page for page in nested if not _is_from_npm(page))]


def _is_from_npm(page: Path) -> bool:
    return "node_modules" in page.parts


def _blocks(language: str, page: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def _lines(page: str) -> Iterator[str]:
    for block in _blocks("sh", page):
        yield from (line.split("  #")[0].strip() for line in block.splitlines() if line)


def _commands() -> Iterator[str]:
    yield from _lines(README)
    for code in re.findall(r"`([^`\n]+)`", README):
        if code.startswith(("make ", ".venv/bin/")):
            yield code


def _id(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", _pages(), ids=_id)
def test_links_lead_somewhere(page: Path):
    targets = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text())
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert missing == []


@pytest.mark.parametrize("command", sorted(set(_commands())))
def test_readme_names_only_commands_that_exist(command: str):
    program, *words = command.split()
    if program == "make":
        assert re.search(rf"^{words[0]}:", MAKEFILE, re.MULTILINE)
    elif program.startswith(".venv/bin/"):
        from app.cli import main

        assert (Path(sys.prefix) / "bin" / Path(program).name).exists()
        if program == ".venv/bin/python":
            return
        assert program == ".venv/bin/slipway"

        with pytest.raises(SystemExit) as stop:
            main([words[0], "--help"])
        assert stop.value.code == 0
    else:
        assert program == "curl"
        for sent in re.findall(r"@(\S+)", command):
            assert (ROOT / sent).is_file()


@pytest.fixture
def served_port() -> Iterator[int]:
    """Run `make serve` as a person does, on a free port, and stop it with Ctrl-C."""
    port = _free_port()
    with _running(["make", "serve", f"PORT={port}"], port, os.environ):
        yield port


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _running(
    command: Sequence[str | Path], port: int, environment: Mapping[str, str]
) -> Iterator[None]:
    server = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_until_ready(server, port)
        yield
    finally:
        os.killpg(server.pid, signal.SIGINT)
        server.wait(timeout=30)


def _wait_until_ready(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert server.poll() is None, "make serve ended"
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).close()
        except OSError:
            time.sleep(0.5)
        else:
            return
    pytest.fail("not ready within 120 s")


@pytest.mark.server
def test_curl_commands_of_readme_and_protocols_get_answers_from_make_serve(
    served_port: int, tmp_path: Path
):
    lines = [*_commands(), *_lines(PROTOCOLS)]
    commands = [command for command in lines if command.startswith("curl")]
    assert len(commands) >= 8
    for command in commands:
        here = command.replace("localhost:8080", f"127.0.0.1:{served_port}")
        here = here.replace("@models", f"@{ROOT}/models").replace("curl", "curl -sS --fail", 1)
        asked = subprocess.run(here, shell=True, cwd=tmp_path, capture_output=True, check=False)
        assert asked.returncode == 0, asked.stderr.decode()
        if "-o overlay.png" in command:
            assert (tmp_path / "overlay.png").read_bytes().startswith(b"\x89PNG")
        elif "/predict" in command:
            answer = json.loads(asked.stdout)
            assert answer.get("instances") or answer["predictions"]
        elif ":predict" in command or "/infer" in command:
            assert '"versicolor"' in asked.stdout.decode()


@pytest.mark.server
def test_what_was_predicted_is_told_corrected_compared_and_exported_as_readme_says(
    tmp_path: Path, drift_packages: Path
):
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    shutil.copytree(ROOT / "models", checkout / "models")
    (checkout / ".venv").symlink_to(sys.prefix)
    # What it would install is there already, beside the environment.
    (checkout / "setup.sh").write_text("#!/bin/sh\n")
    (checkout / "setup.sh").chmod(0o755)
    (block,) = _blocks("bash")
    port = _free_port()
    story = block.replace("localhost:8080", f"127.0.0.1:{port}")
    variables = os.environ | {
        "PORT": str(port),
        "PREDICTIONS": "open",
        "PREDICTION_LOG": str(tmp_path / "predictions.sqlite"),
        "PYTHONPATH": f"{ROOT}:{drift_packages}",
    }
    serve = ["make", "-C", ROOT, "serve", f"PORT={port}", "PREDICTIONS=open"]
    with _running(serve, port, variables):
        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", story],
            cwd=checkout,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
        )
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr
    assert ran.stdout.count('"prediction_id"') == 10
    assert ran.stdout.count('"joined"') == 3
    assert re.search(r"^iris +1 +10$", ran.stdout, re.MULTILINE), ran.stdout
    assert re.search(r"^1 +3$", ran.stdout, re.MULTILINE), ran.stdout
    assert "versicolor" in ran.stdout
    assert (checkout / "models/iris/1/reference.json").is_file()
    assert "<html" in (checkout / "report.html").read_text().lower()


def test_readme_script_has_the_settings_of_the_demo_model():
    source = next(block for block in _blocks("python") if "ShapesConfig" in block)
    stated = dict(re.findall(r"^    ([A-Z_]+) = (.+)$", source, re.MULTILINE))
    options = yaml.safe_load((ROOT / "models" / "shapes" / "1" / "model.yaml").read_text())
    for name, value in options["config"].items():
        written = ast.literal_eval(stated[name])
        assert (list(written) if isinstance(value, list) else written) == value, name


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(_blocks("python"))))
def test_readme_python_blocks_run(number: int):
    ran = subprocess.run(
        [sys.executable, "-c", _blocks("python")[number]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


def test_the_python_that_is_installed_finds_mrcnn_from_any_folder(tmp_path: Path):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    found = subprocess.run(
        [sys.executable, "-c", "import mrcnn.config; print(mrcnn.config.__file__)"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == str(ROOT / "mrcnn" / "config.py")


def test_every_makefile_verb_fits_on_one_line_and_there_are_at_most_ten():
    verbs = re.findall(r"^([a-z-]+):.* ; ", MAKEFILE, re.MULTILINE)
    declared = re.search(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)
    assert declared is not None
    assert sorted(verbs) == sorted(declared[1].split())
    assert len(verbs) <= 10

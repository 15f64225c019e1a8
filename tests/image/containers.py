"""Builds the image and runs containers of it, by a command that speaks as `docker` does.

`SLIPWAY_IMAGE_TOOL` names it: it has `build` and `run`, and passes `podman WORD…` on to an engine.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any

import pytest
from pycocotools import mask as coco_mask

from tests.app.api.server import Answer, free_port

#: What a cluster that trusts nobody allows: no capability, a file system to read, little memory.
RESTRICTED = (
    *("--read-only", "--tmpfs", "/tmp", "--cap-drop", "all"),
    *("--security-opt", "no-new-privileges", "--memory", "1536m", "--cpus", "1"),
)
READY_S = 180
#: How many models ship.
DEMOS = len([*(Path(__file__).parents[2] / "models").glob("*/1")])


def build_context(root: Path, folder: Path) -> Path:
    """Copy what the image is made of from the checkout to a new folder, free to be changed."""
    folder.mkdir()
    for name in (
        "Dockerfile",
        ".dockerignore",
        "requirements.txt",
        "requirements-without-tensorflow.txt",
        "requirements-xgboost.txt",
        "requirements-records.txt",
        "nginx.conf",
        "uwsgi.ini",
        "LICENSE",
    ):
        shutil.copy2(root / name, folder)
    for room in ("app", "mrcnn", "models"):
        shutil.copytree(root / room, folder / room)
    return folder


class ImageTool:
    """The command that builds and runs, started in a folder that it may leave files in.

    An engine does: where memory ran out, an empty one named `oom`.
    """

    def __init__(self, path: str, folder: Path) -> None:
        self.path, self._folder = str(Path(path).resolve()), folder

    def ask(self, *words: str) -> str:
        """Run it and return what it printed; its complaint, if it fails, is the test's."""
        ran = subprocess.run(
            [self.path, *words], capture_output=True, text=True, check=False, cwd=self._folder
        )
        assert ran.returncode == 0, f"{words}: {ran.stdout[-2000:]}\n{ran.stderr[-4000:]}"
        return ran.stdout

    def status(self, *words: str) -> int:
        """Run it and return its exit status."""
        words = (self.path, *words)
        return subprocess.run(words, capture_output=True, check=False, cwd=self._folder).returncode

    def build(self, tag: str, context: Path, *arguments: str) -> BuiltImage:
        """Build an image with build arguments, each as `NAME=value`."""
        words = [word for argument in arguments for word in ("--build-arg", argument)]
        self.ask("build", "-t", tag, *words, str(context))
        return BuiltImage(self, tag)


def assert_golden(answer: Any, golden: Path) -> None:
    """Compare with a golden answer, as wide as another processor needs."""
    expected = json.loads(golden.read_text())["instances"]
    found = list(answer["instances"])
    assert len(found) == len(expected) > 0
    for instance in expected:
        same = [other for other in found if other["label"] == instance["label"]]
        masks = [{key: one["mask"][key] for key in ("size", "counts")} for one in (instance, *same)]
        overlaps = coco_mask.iou(masks[1:], masks[:1], [0])[:, 0]
        best = same[int(overlaps.argmax())]
        assert overlaps.max() >= 0.99
        assert best["score"] == pytest.approx(instance["score"], abs=1e-2)
        assert best["box"] == pytest.approx(instance["box"], abs=1)
        found.remove(best)


def docker_of(image_tool: str, folder: Path) -> Path:
    """Return a command, in a folder, that is used as `docker` is and made of the image tool.

    Podman keeps the layers that it has built, and refuses to be told of an image that has them.
    """
    command = folder / "docker"
    command.write_text(
        "#!/usr/bin/env bash\n"
        f'tool="{Path(image_tool).resolve()}"\n'
        "words=()\n"
        "while [ $# -gt 0 ]; do\n"
        '    case $1 in --cache-from) shift ;; *) words+=("$1") ;; esac\n'
        "    shift\n"
        "done\n"
        "case ${words[0]} in\n"
        'build | run) exec "$tool" "${words[@]}" ;;\n'
        'push) exec "$tool" podman push --tls-verify=false "${words[@]:1}" ;;\n'
        '*) exec "$tool" podman "${words[@]}" ;;\n'
        "esac\n"
    )
    command.chmod(0o755)
    return command


class BuiltImage:
    """An image that was built."""

    def __init__(self, tool: ImageTool, tag: str) -> None:
        self.tool, self.tag = tool, tag

    def inspected(self) -> Any:
        return json.loads(self.tool.ask("podman", "image", "inspect", self.tag))[0]

    def layers(self) -> list[str]:
        """Return the digests of its layers, the base's first."""
        layers: list[str] = self.inspected()["RootFS"]["Layers"]
        return layers

    def shell(self, script: str, *options: str) -> str:
        """Run a shell script in a container of its own and return what it printed."""
        return self.tool.ask("run", "--rm", "--entrypoint", "sh", *options, self.tag, "-c", script)


class Container:
    """A server in a container, its port published on the loopback."""

    def __init__(self, image: BuiltImage, *options: str, command: tuple[str, ...] = ()) -> None:
        self._tool = image.tool
        self.name = f"slipway-test-{uuid.uuid4().hex[:8]}"
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        published = ("-p", f"127.0.0.1:{port}:8080")
        words = ("run", "-d", "--name", self.name, *published, *options, image.tag, *command)
        self._tool.ask(*words)

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            assert self.state()["Running"], f"it ended: {self.log()}"
            try:
                urllib.request.urlopen(f"{self.url}/readyz", timeout=5).close()
            except OSError:
                time.sleep(0.5)
            else:
                return
        raise AssertionError(f"not ready within {READY_S} s: {self.log()}")

    def status(self, path: str) -> int:
        """Return the status of the answer to a GET."""
        try:
            with urllib.request.urlopen(f"{self.url}{path}", timeout=5) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    def ask(self, path: str, data: bytes | None = None) -> Answer:
        """Send a request, a PNG where there are data, and return whatever comes back."""
        headers = {} if data is None else {"Content-Type": "image/png"}
        request = urllib.request.Request(self.url + path, data, headers)
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                return Answer(response.status, dict(response.headers), response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())

    def predict(self, photo: Path, path: str = "/predict") -> Any:
        request = urllib.request.Request(
            f"{self.url}{path}?masks=rle", photo.read_bytes(), {"Content-Type": "image/png"}
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(error.read()) from error

    def inside(self, *command: str) -> str:
        """Run a command in the running container and return what it printed."""
        return self._tool.ask("podman", "exec", self.name, *command)

    def on_record(self) -> dict[str, int]:
        """Return how many rows the prediction log has of each prediction, in their order."""
        script = (
            "import json, os, sqlite3; log = sqlite3.connect(os.environ['PREDICTION_LOG']); "
            "print(json.dumps(log.execute('SELECT prediction_id, count(*) FROM predictions "
            "GROUP BY prediction_id ORDER BY min(seq)').fetchall()))"
        )
        return dict(json.loads(self.inside("python", "-c", script)))

    def is_healthy(self) -> bool:
        """Say what the image's HEALTHCHECK says, asked now."""
        return self._tool.status("podman", "healthcheck", "run", self.name) == 0

    def log(self) -> list[dict[str, Any]]:
        """Return what it has logged on standard output, where every line has to be an event."""
        lines = self._tool.ask("podman", "logs", self.name).splitlines()
        return [json.loads(line) for line in lines]

    def state(self) -> Any:
        return json.loads(self._tool.ask("podman", "container", "inspect", self.name))[0]["State"]

    def stop(self, grace_s: int) -> None:
        self._tool.ask("podman", "stop", "-t", str(grace_s), self.name)

    def restart(self, grace_s: int) -> None:
        """Stop it and start it again, as what it was, and wait until it is ready."""
        self._tool.ask("podman", "restart", "-t", str(grace_s), self.name)
        self.wait_until_ready()

    def remove(self) -> None:
        self._tool.status("podman", "rm", "-f", "-v", "-t", "0", self.name)

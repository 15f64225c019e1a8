"""A container whose memory runs out: the inference process dies for it, and nobody else does."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.app.api.server import Answer
from tests.app.serving.inference_process import wait_for
from tests.app.serving.model_folder import Models
from tests.image.containers import Container

pytestmark = pytest.mark.image

LIMIT_MIB = 512
# A photo of a megapixel then takes eight times as much as there is.
BYTES_PER_PIXEL = 4096
# The script that serves a test's kind of model, as the image's user finds it.
SERVE = "/tests/tests/app/api/serve_thresholding.py"


def png(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((height, width, 3), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


SMALL, LARGE = png(80, 60), png(1000, 1000)


@pytest.fixture
def server(run: Callable[..., Container], root: Path, tmp_path: Path) -> Iterator[Container]:
    """Return a server with little memory and a model that takes as much as a photo is large."""
    models = Models(tmp_path / "models")
    models.add("street/1/street.h5", bytes_per_pixel=BYTES_PER_PIXEL, delay_s=0.2)
    # The folders above are private to the user that runs the tests.
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    return run(
        *("--memory", f"{LIMIT_MIB}m", "--memory-swap", f"{LIMIT_MIB}m"),
        *("--read-only", "--tmpfs", "/tmp", "--cap-drop", "all"),
        *("-v", f"{root / 'tests'}:/tests/tests:ro", "-v", f"{models.folder}:/models:ro"),
        *("-e", "MODEL_REPOSITORY=/models", "--entrypoint", "python"),
        command=(SERVE,),
    )


def events(server: Container, name: str) -> list[dict[str, object]]:
    return [event for event in server.log() if event["event"] == name]


def processes(server: Container) -> dict[int, str]:
    """Return the container's processes and their commands, but for the one that asks."""
    script = 'for one in /proc/[0-9]*; do echo "${one#/proc/} $(tr "\\0" " " <$one/cmdline)"; done'
    lines = server.inside("sh", "-c", script).splitlines()
    found = dict(line.partition(" ")[::2] for line in lines)
    return {int(one): command for one, command in found.items() if script[:9] not in command}


def others(server: Container) -> set[int]:
    """Return the processes that are not the inference process: they outlive it."""
    return {
        one
        for one, command in processes(server).items()
        if "uwsgi" in command or "nginx" in command or SERVE in command
    }


def settled(server: Container) -> set[int]:
    """Return the others once the one that announces the server has done so and ended."""
    # The command, nginx's master and worker, uWSGI's master and two workers.
    return set(wait_for(lambda: len(found := others(server)) == 6 and found, "six run"))


def assert_asks_to_come_again(answer: Answer) -> None:
    assert answer.status == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == "/problems/inference-unavailable"
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.headers["X-Request-ID"] == answer.json()["request_id"]


def test_a_photo_that_takes_more_memory_than_there_is_costs_the_inference_process_alone(
    server: Container, root: Path
):
    before = settled(server)
    assert server.ask("/predict", SMALL).status == 200
    assert_asks_to_come_again(server.ask("/predict", LARGE))
    readiness = server.ask("/readyz")
    assert readiness.status == 503
    assert readiness.json()["type"] == "/problems/not-ready"
    assert server.ask("/healthz").status == 200
    server.wait_until_ready()
    assert server.ask("/predict", SMALL).status == 200
    assert others(server) == before
    assert server.state()["Running"]
    (death,) = events(server, "inference_died")
    assert death["signal"] == "SIGKILL"
    page = (root / "docs" / "troubleshooting.md").read_text()
    shown = page.split("\n## Memory that runs out\n")[1].split("```")[1].strip()
    assert death["reason"] == shown.replace("…", str(LIMIT_MIB))
    assert death["restart_in_s"] == 1


def test_a_burst_in_which_one_photo_takes_too_much_is_answered_to_the_last(server: Container):
    before = settled(server)
    with ThreadPoolExecutor(12) as pool:
        photos = [SMALL] * 6 + [LARGE] + [SMALL] * 5
        answers = list(pool.map(lambda photo: server.ask("/predict", photo), photos))
    assert {answer.status for answer in answers} <= {200, 503}
    for answer in answers:
        if answer.status == 503:
            assert int(answer.headers["Retry-After"]) >= 1
    assert answers[6].status == 503
    server.wait_until_ready()
    assert server.ask("/predict", SMALL).status == 200
    assert others(server) == before


def test_a_photo_that_kills_again_and_again_waits_longer_and_longer(server: Container):
    for deaths in (1, 2, 3):
        assert_asks_to_come_again(server.ask("/predict", LARGE))
        wait_for(lambda: len(events(server, "inference_died")) == deaths, "it is logged")  # noqa: B023
        server.wait_until_ready()
    waits = [death["restart_in_s"] for death in events(server, "inference_died")]
    assert waits == [1, 2, 4]
    assert server.ask("/predict", SMALL).status == 200

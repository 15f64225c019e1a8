"""The supervisor: the inference process dies, and comes back."""

from __future__ import annotations

import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from app.serving.errors import InferenceUnavailable
from app.serving.supervisor import BackOff
from tests.app.serving.inference_process import InferenceProcess, wait_for
from tests.app.serving.model_folder import Models
from tests.app.serving.pictures import find


@pytest.fixture
def supervisor(start_process, root: Path):
    """Return a function that starts a supervisor of the inference process, or of a command."""
    own = [sys.executable, str(root / "tests/app/serving/thresholding.py")]

    def start(*command: str, **changes: str) -> InferenceProcess:
        return start_process("-m", "app.serving.supervisor", *(command or own), **changes)

    return start


def child(process: InferenceProcess) -> int:
    """Return the supervised process as the log tells it."""
    return process.events("inference_started")[-1]["process"]


def is_running(process: int) -> bool:
    """Say whether the process exists and is no zombie."""
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def test_a_process_killed_in_mid_request_answers_at_once_and_comes_back(
    models: Models, supervisor, photo: np.ndarray
):
    models.add("colours.h5")
    models.add("slow.h5", delay_s=60)
    process = supervisor(DEFAULT_MODEL="colours")
    process.wait_until_ready()
    victim = child(process)
    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(find, process.client, photo, model="slow") for _ in range(2)]
        time.sleep(0.3)
        os.kill(victim, signal.SIGKILL)
        for request in running:
            with pytest.raises(InferenceUnavailable) as refusal:
                request.result(5)
            assert refusal.value.retry_after_s > 0
    assert not process.client.is_ready()
    process.wait_until_ready()
    assert len(find(process.client, photo)) == 2
    assert child(process) != victim
    assert not Path(f"/proc/{victim}").exists(), "a zombie is left"
    (death,) = process.events("inference_died")
    assert (death["signal"], death["restart_in_s"]) == ("SIGKILL", 1)


def test_a_connection_that_went_stale_between_requests_is_made_anew(
    models: Models, supervisor, photo: np.ndarray
):
    models.add("colours.h5")
    process = supervisor()
    process.wait_until_ready()
    find(process.client, photo)
    os.kill(child(process), signal.SIGKILL)
    wait_for(lambda: len(process.events("inference_started")) == 2, "it is started again")
    process.wait_until_ready()
    assert len(find(process.client, photo)) == 2


def test_a_process_whose_threads_all_hang_is_killed_and_started_again(
    start_process, tmp_path: Path
):
    child = tmp_path / "child.py"
    child.write_text(
        "import time\n"
        "from app.serving.heartbeat import Heart\n"
        "heart = Heart()\n"
        "for _ in range(5): heart.beat(); time.sleep(0.1)\n"
        "time.sleep(60)\n"
    )
    script = tmp_path / "supervise.py"
    script.write_text(
        "import sys\n"
        "from app import log\n"
        "from app.serving.supervisor import Supervisor\n"
        "log.configure()\n"
        f"Supervisor([sys.executable, {str(child)!r}], hung_after_s=2).run()\n"
    )
    process = start_process(str(script))
    wait_for(lambda: len(process.events("inference_started")) == 2, "it is started again")
    (event,) = process.events("inference_hangs")
    assert event["silent_s"] >= 2
    (death,) = process.events("inference_died")
    assert (death["signal"], death["reason"]) == ("SIGKILL", "killed by signal 9: it hung")


def test_a_process_that_keeps_dying_is_started_less_and_less_often(supervisor):
    process = supervisor(sys.executable, "-c", "raise SystemExit(7)")
    deaths = wait_for(
        lambda: len(process.events("inference_died")) >= 2 and process.events("inference_died"),
        "it died twice",
    )
    assert [(death["exit_code"], death["restart_in_s"]) for death in deaths] == [(7, 1), (7, 2)]
    started_at = time.monotonic()
    assert process.end() == 0
    assert time.monotonic() - started_at < 1.8, "it waits while it backs off"


def test_back_off_doubles_to_its_limit_and_begins_anew_after_a_healthy_life():
    back_off = BackOff()
    waits: list[float] = []
    for _ in range(7):
        waits.append(back_off.next_s(waits[-1] if waits else None, lived_s=0.1))
    assert waits == [1, 2, 4, 8, 16, 30, 30]
    assert back_off.next_s(30, lived_s=61) == 1


def test_a_supervisor_that_is_told_to_end_lets_the_process_answer_first(
    models: Models, supervisor, photo: np.ndarray
):
    models.add("slow.h5", delay_s=0.5)
    process = supervisor()
    process.wait_until_ready()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(find, process.client, photo)
        time.sleep(0.2)
        process.process.terminate()
        assert len(running.result(5)) == 2
    assert process.process.wait(5) == 0
    assert not is_running(child(process))
    assert process.events("inference_died") == []


def test_a_process_whose_supervisor_was_killed_ends_too(models: Models, supervisor):
    models.add("colours.h5")
    process = supervisor()
    process.wait_until_ready()
    orphan = child(process)
    process.process.kill()
    process.process.wait()
    wait_for(lambda: not is_running(orphan), "the process ends", 5)


def test_a_repository_that_is_not_there_ends_the_supervisor_with_one_line(
    supervisor, models: Models
):
    models.folder.rmdir()
    process = supervisor()
    assert process.process.wait(10) == 2
    (event,) = process.events("bad_setting")
    assert event["error"].startswith(f"MODEL_REPOSITORY='{models.folder}': there is no folder ")
    assert process.events("inference_started") == []


def test_a_bad_setting_ends_the_supervisor_with_one_line(start_process):
    process = start_process("-m", "app.serving.supervisor", PORT="http")
    assert process.process.wait(10) == 2
    assert process.events("bad_setting")[0]["error"].startswith("PORT='http': must be")

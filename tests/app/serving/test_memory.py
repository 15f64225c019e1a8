"""What is known of the memory: its limit, who was killed for it, and who is to be killed first."""

from __future__ import annotations

import os
import re
import signal
import sys
from pathlib import Path

import pytest

from app.serving.cgroups import Cgroups
from app.serving.memory import MemoryGroup, be_killed_first
from tests.app.serving.inference_process import wait_for
from tests.app.serving.model_folder import Models

V1 = "4:memory:/pod/one\n0::/\n"
UNLIMITED_V1 = str((1 << 63) - 4096)


@pytest.mark.parametrize(
    ("own", "files", "limit_mib", "kills"),
    [
        pytest.param("0::/", {}, None, 0, id="no group"),
        pytest.param("0::/", {"memory.max": "max"}, None, 0, id="no limit"),
        pytest.param(
            "0::/",
            {"memory.max": "536870912", "memory.events": "oom 3\noom_kill 2\noom_group_kill 0"},
            512,
            2,
            id="version 2",
        ),
        pytest.param(
            "0::/pod/one",
            {"pod/one/memory.max": "max", "pod/memory.max": "1073741824", "pod/memory.events": "x"},
            1024,
            0,
            id="the limit of the group above",
        ),
        pytest.param(
            V1,
            {
                "memory/memory.limit_in_bytes": "268435456",
                "memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 7",
            },
            256,
            7,
            id="version 1 as a container sees it",
        ),
        pytest.param(
            V1, {"memory/memory.limit_in_bytes": UNLIMITED_V1}, None, 0, id="version 1, no limit"
        ),
        pytest.param("0::/", {"memory.max": "?", "memory.events": "oom_kill"}, None, 0, id="?"),
    ],
)
def test_a_control_group_tells_its_limit_and_its_kills(
    tmp_path: Path, own: str, files: dict[str, str], limit_mib: int | None, kills: int
):
    for place, content in files.items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(content + "\n")
    (tmp_path / "own").write_text(own)
    memory = MemoryGroup(Cgroups(tmp_path, tmp_path / "own"))
    assert memory.limit_mib() == limit_mib
    assert memory.kills() == kills


def test_who_was_killed_for_memory_is_told_the_limit_and_what_to_do(tmp_path: Path):
    (tmp_path / "own").write_text("0::/")
    (tmp_path / "memory.max").write_text(str(512 << 20))
    (tmp_path / "memory.events").write_text("oom_kill 1")
    memory = MemoryGroup(Cgroups(tmp_path, tmp_path / "own"))
    assert memory.why_killed(0).startswith("the memory of 512 MiB ran out; give")
    assert memory.why_killed(1).startswith("probably out of memory; give")


@pytest.mark.parametrize(
    ("before", "after"),
    [pytest.param("0", "300"), pytest.param("-997", "-697"), pytest.param("900", "1000")],
)
def test_the_kernel_prefers_the_process_by_as_much_as_it_may(
    tmp_path: Path, before: str, after: str
):
    score = tmp_path / "oom_score_adj"
    score.write_text(before + "\n")
    be_killed_first(score)
    assert score.read_text() == after


def test_the_inference_process_goes_before_its_supervisor(
    start_process, models: Models, root: Path
):
    models.add("colours.h5")
    script = str(root / "tests/app/serving/thresholding.py")
    process = start_process("-m", "app.serving.supervisor", sys.executable, script)
    process.wait_until_ready()
    child = process.events("inference_started")[0]["process"]
    scores = [
        int(Path(f"/proc/{one}/oom_score_adj").read_text()) for one in (child, process.process.pid)
    ]
    assert scores[0] > scores[1]
    os.kill(child, signal.SIGKILL)
    (death,) = wait_for(lambda: process.events("inference_died"), "it is logged")
    assert re.match("killed by signal 9: probably out of memory; give", death["reason"])

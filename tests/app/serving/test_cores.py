"""How many cores may be used, by affinity and by the quota of a container."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.serving.cgroups import Cgroups
from app.serving.cores import available_cores


@pytest.mark.parametrize(
    ("files", "own", "expected"),
    [
        pytest.param({}, "0::/", 8, id="no quota"),
        pytest.param({"cpu.max": "max 100000"}, "0::/", 8, id="unlimited"),
        pytest.param({"cpu.max": "250000 100000"}, "0::/", 3, id="2.5 cores"),
        pytest.param({"cpu.max": "10000 100000"}, "0::/", 1, id="a tenth of a core"),
        pytest.param({"a/b/cpu.max": "200000 100000"}, "0::/a/b", 2, id="own group"),
        pytest.param(
            {"a/cpu.max": "300000 100000", "a/b/cpu.max": "max 100000"}, "0::/a/b", 3, id="above"
        ),
        pytest.param(
            {"cpu/cpu.cfs_quota_us": "400000", "cpu/cpu.cfs_period_us": "100000"},
            "2:cpuset:/\n1:cpu,cpuacct:/\n",
            4,
            id="version 1",
        ),
        pytest.param(
            {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"},
            "1:cpu,cpuacct:/",
            8,
            id="version 1 without a quota",
        ),
        pytest.param({"cpu.max": "nonsense"}, "0::/", 8, id="nonsense"),
    ],
)
def test_the_quota_limits_the_cores(
    tmp_path: Path, monkeypatch, files: dict[str, str], own: str, expected: int
):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    for place, content in files.items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(content + "\n")
    (tmp_path / "own").write_text(own)
    assert available_cores(Cgroups(tmp_path, tmp_path / "own")) == expected


def test_this_machine_has_cores():
    assert 1 <= available_cores() <= len(os.sched_getaffinity(0))

"""Holds docs/rollout.md to the code: reasons, log events and annotations, all and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rollout import state
from rollout.decision import TOLD


@pytest.fixture
def page(root: Path) -> str:
    return (root / "docs" / "rollout.md").read_text()


@pytest.fixture
def code(root: Path) -> str:
    sources = sorted((root / "cloud_function").rglob("*.py"))
    return "\n".join(path.read_text() for path in sources)


def _section(page: str, title: str) -> str:
    return page.partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_every_reason_of_a_decision_is_documented_and_no_other(page: str, root: Path):
    source = (root / "cloud_function" / "rollout" / "decision.py").read_text()
    calls = r'(?:_skip|_refuse|Decision)\(\s*(?:Action\.\w+, )?"([a-z-]+)"'
    reasons = set(re.findall(calls, source))
    section = _section(page, "What is rolled out")
    slugs = r"`([a-z]+(?:-[a-z]+)+|held|paused|superseded|quarantined)`"
    documented = set(re.findall(slugs, section))
    others = {"newer", "forced", "rolling"}
    assert documented - reasons == set()
    assert reasons - documented - others == set()
    assert reasons >= TOLD


def test_every_log_event_is_documented_and_no_other(page: str, code: str):
    written = set(re.findall(r'(?:log\.event|self\._log)\(\s*"([a-z_-]+)"', code))
    kinds = {"rolled-back", "failed"}
    rows = re.findall(r"^\| (`.+?`) \|", _section(page, "The log"), re.MULTILINE)
    documented = {name for row in rows for name in re.findall("`(.+?)`", row)}
    assert documented == written | kinds


def test_every_annotation_is_documented_and_no_other(page: str):
    rows = re.findall(r"^\| (`.+?`) \|", _section(page, "What is remembered"), re.MULTILINE)
    documented = {name for row in rows for name in re.findall("`(.+?)`", row)}
    written = {name.removeprefix(state.PREFIX) for name in state.written(state.State())}
    assert documented == written


def test_every_command_is_documented_and_no_other(page: str, code: str):
    commands = set(re.findall(r'\badd\(\s*"([a-z]+)"', code))
    rows = re.findall(r"^\| `([a-z]+)[^|]*\|", _section(page, "By hand"), re.MULTILINE)
    assert set(rows) == commands

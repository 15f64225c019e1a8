"""A corpus of inputs made to do harm: each is answered, in time, with a problem that tells nothing.

Small: they are made by code, of small pictures, against small limits.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from tests.app.api.hostile.corpus import GROUPS
from tests.app.api.hostile.sending import check, served


@pytest.fixture(scope="module")
def hostile_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with served(tmp_path_factory.mktemp("hostile")) as app:
        yield app


@pytest.mark.parametrize("group", GROUPS)
def test_nothing_hostile_gets_through_or_breaks_the_server(hostile_app: Flask, group: str):
    faults = []
    for hostile in GROUPS[group]():
        try:
            check(hostile.send(hostile_app), hostile.statuses)
        except Exception as error:
            faults.append(f"{hostile.id}: {type(error).__name__}: {error}"[:1000])
    assert not faults, "\n".join(faults)


@pytest.mark.slow
def test_the_corpus_sent_again_and_again_takes_no_more_memory(root: Path):
    # One arena: what several threads leave free in theirs is no leak, and differs from run to run.
    outcome = subprocess.run(
        [sys.executable, "-m", "tests.app.api.hostile.passes", "3"],
        cwd=root,
        env=os.environ | {"MALLOC_ARENA_MAX": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr[-3000:]
    first, second, third = (int(line) for line in outcome.stdout.split())
    assert max(second, third) < 1.05 * first + (4 << 20)

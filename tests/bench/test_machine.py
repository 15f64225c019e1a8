"""Under which load sides were measured, and that no ratio is told of sides that differ in it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from bench.machine import Load, _own_s, difference, stated, watched
from bench.mask_rcnn import OURS, PEAK, row_of, table
from tests.bench.test_mask_rcnn import contender

CORES = os.cpu_count() or 1


def test_sides_beside_which_others_did_as_much_are_compared():
    sides = {"ours": [Load(1, 0.1), Load(1, 0.3)], "theirs": [Load(2, 0.2)]}
    assert difference(sides) is None


def test_sides_beside_which_others_did_more_are_not_compared_and_both_are_named():
    reason = difference({"ours": [Load(1, 0.0)], "theirs": [Load(2, 0.2 * CORES)]})
    assert reason is not None
    assert reason.startswith(f"no ratio: others kept {0.2 * CORES:.2f} cores busy beside theirs")
    assert "0.00 beside ours" in reason


def test_a_table_of_sides_that_differ_has_no_ratio():
    rows = [
        row_of(one, both) for both in [[contender(OURS, [2]), contender(PEAK, [1])]] for one in both
    ]
    assert "ratio" in table(rows)
    shown = table(rows, comparable=False)
    assert "ratio" not in shown
    assert "%" not in shown
    assert "ms, median" in shown


def test_what_a_bench_has_started_is_not_the_work_of_others():
    before = _own_s(os.getpid())
    spend = "import time\nwhile time.process_time() < 0.4: pass"
    subprocess.run([sys.executable, "-c", spend], check=True)
    assert _own_s(os.getpid()) - before >= 0.35


def test_load_is_stated_for_each_side():
    loads: list[Load] = []
    with watched(loads):
        pass
    assert loads[0].average == pytest.approx(os.getloadavg()[0], abs=1)
    line = stated({"ours": [Load(0.5, 0.04)], "theirs": [Load(2.25, 0.06)]})
    assert line.startswith("load average 0.5 to 2.2")
    assert line.endswith("ours 0.04, theirs 0.06")

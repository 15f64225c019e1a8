"""A benchmark's table, as Markdown, and its figures as a file."""

from __future__ import annotations

import datetime
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from bench.contender import ROOT
from bench.environment import cpu_model
from bench.machine import Load, stated

RESULTS = ROOT / "bench" / "results"


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """Return rows that have the same keys as a Markdown table."""
    lines = [list(rows[0]), ["---", *["---:"] * (len(rows[0]) - 1)]]
    lines += [
        [f"{value:.1f}" if isinstance(value, float) else str(value) for value in row.values()]
        for row in rows
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def show(
    name: str,
    rows: Sequence[Mapping[str, object]],
    asked: Mapping[str, object],
    loads: Mapping[str, Sequence[Load]],
) -> None:
    """Print the table, the load under which each side was measured, and where all of it lies."""
    print(table(rows))
    print(f"\n{stated(loads)}")
    print(f"written to {save(name, rows, asked, loads).relative_to(ROOT)}")


def save(
    name: str,
    rows: Sequence[Mapping[str, object]],
    asked: Mapping[str, object],
    loads: Mapping[str, Sequence[Load]],
    **more: object,
) -> Path:
    """Write what was measured as JSON; returns the path."""
    now = datetime.datetime.now(datetime.UTC)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}-{now:%Y%m%dT%H%M%SZ}.json"
    report = {
        "date": now.isoformat(timespec="seconds"),
        "cpu": cpu_model(),
        "python": platform.python_version(),
        "asked": asked,
        "rows": rows,
        "loads": {side: [asdict(load) for load in several] for side, several in loads.items()},
    }
    path.write_text(json.dumps(report | more, indent=1, default=str) + "\n")
    return path

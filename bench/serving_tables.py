"""What `bench.serving` has measured, as tables of Markdown, and whether its goals hold."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.peers.sides import BASE64, FLASK, IRIS, OURS, PICTURE
from bench.report import RESULTS, table

#: What is held to goals: many clients. With one a server mostly waits for it.
_HELD = (16, 128)
_TIMES = 1.5
_P99_AT, _P99_SHARE = 128, 0.5


@dataclass(frozen=True)
class Line:
    """One run of wrk."""

    side: str
    asked: str
    clients: int
    rate: float
    not_200: int
    broken: int
    p50_ms: float
    p95_ms: float
    p99_ms: float


@dataclass
class Outcome:
    """What came of one side."""

    name: str
    workers: int
    title: str
    start_s: float = 0.0
    mib: float = 0.0
    trouble: str | None = None
    wrong: dict[str, str] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)

    def line(self, asked: str, clients: int) -> Line | None:
        """Return a run, where it was."""
        runs = [one for one in self.lines if (one.asked, one.clients) == (asked, clients)]
        return runs[0] if runs else None


def newest() -> str:
    """Return the tables of the newest result that was written; exits where there is none."""
    files = sorted(RESULTS.glob("serving-*.json"))
    if not files:
        sys.exit(f"{RESULTS} has no serving-*.json: run without --markdown first")
    report = json.loads(files[-1].read_text())
    lines = [Line(**row) for row in report["rows"]]
    outcomes = [
        Outcome(**told | {"lines": [line for line in lines if line.side == told["title"]]})
        for told in report["outcomes"]
    ]
    facts = [report["date"], report["cpu"], *report["facts"]]
    return printed(outcomes, facts, report["stated"], reason=report["reason"])


def printed(
    outcomes: Sequence[Outcome],
    facts: Sequence[str],
    stated: str,
    *,
    reason: str | None,
) -> str:
    """Return all tables, what is missing, the goals, and the load beneath them."""
    parts = [
        table([_row(outcome, asked) for outcome in outcomes if _has(outcome, asked)])
        for asked in (IRIS, BASE64, PICTURE)
        if any(_has(outcome, asked) for outcome in outcomes)
    ]
    parts.append(
        table(
            [
                {"": one.title, "to the first answer, s": one.start_s, "MiB": f"{one.mib:.0f}"}
                for one in outcomes
                if one.lines
            ]
        )
    )
    missing = [f"- {one.title}: {one.trouble}" for one in outcomes if one.trouble]
    missing += [
        f"- {one.title}, {asked}: {wrong}" for one in outcomes for asked, wrong in one.wrong.items()
    ]
    if missing:
        parts.append("\n".join(["Without a result:", "", *missing]))
    parts.append(reason or table(goals(outcomes)))
    parts.append(f"{'; '.join([*facts, stated])}.")
    return "\n\n".join(parts)


def goals(outcomes: Sequence[Outcome]) -> list[dict[str, object]]:
    """Return each goal with what was found, and whether it holds.

    Of a peer that number of workers counts which was best at it.
    """
    clients_held = [number for number in _HELD if _best(outcomes, [OURS], [IRIS], number)]
    rows = []
    for clients in clients_held:
        for asked, peers_asked in ((IRIS, [IRIS]), (PICTURE, [PICTURE, BASE64])):
            ours = _best(outcomes, [OURS], [asked], clients)
            peer = _best(outcomes, _peers(outcomes), peers_asked, clients)
            rows.append(_goal(f"{asked}: a second, of the best peer's", ours, peer, _TIMES))
        flask = _best(outcomes, [FLASK], [IRIS], clients)
        ours = _best(outcomes, [OURS], [IRIS], clients)
        rows.append(_goal(f"{IRIS}: a second, of the plain route's", ours, flask, 1.0))
    ours = _best(outcomes, [OURS], [IRIS], _P99_AT)
    peer = _best(outcomes, _peers(outcomes), [IRIS], _P99_AT)
    if ours and peer:
        share = ours.p99_ms / peer.p99_ms
        rows.append(
            {
                "goal": f"{IRIS}: p99, of that peer's",
                "clients": _P99_AT,
                "beside": peer.side,
                "is": f"{share:.2f}",
                "wanted": f"at most {_P99_SHARE}",
                "holds": "yes" if share <= _P99_SHARE else "no",
            }
        )
    return [row for row in rows if row] or [{"goal": "none is for these sides and clients"}]


def _goal(what: str, ours: Line | None, other: Line | None, least: float) -> dict[str, object]:
    if ours is None or other is None:
        return {}
    ratio = ours.rate / other.rate
    return {
        "goal": what,
        "clients": ours.clients,
        "beside": other.side,
        "is": f"{ratio:.2f}",
        "wanted": f"at least {least}",
        "holds": "yes" if ratio >= least else "no",
    }


def _best(
    outcomes: Sequence[Outcome], names: Sequence[str], asked: Sequence[str], clients: int
) -> Line | None:
    lines = [
        line
        for outcome in outcomes
        if outcome.name in names
        for line in outcome.lines
        if line.asked in asked and line.clients == clients and line.rate
    ]
    return max(lines, key=lambda line: line.rate, default=None)


def _peers(outcomes: Sequence[Outcome]) -> list[str]:
    return [one.name for one in outcomes if one.name not in (OURS, FLASK)]


def _has(outcome: Outcome, asked: str) -> bool:
    return any(line.asked == asked for line in outcome.lines)


def _row(outcome: Outcome, asked: str) -> dict[str, object]:
    """Return one side's line: by clients its rate, and its p50, p95 and p99."""
    row: dict[str, object] = {asked: outcome.title}
    lines = [line for line in outcome.lines if line.asked == asked]
    for line in lines:
        clients = f"{line.clients} client{'s' * (line.clients != 1)}"
        row[f"{clients}: a second"] = f"{line.rate:.0f}"
        percentiles = (line.p50_ms, line.p95_ms, line.p99_ms)
        row[f"{clients}: p50, p95, p99, ms"] = ", ".join(f"{one:.1f}" for one in percentiles)
    row["not 200"] = sum(line.not_200 + line.broken for line in lines)
    return row

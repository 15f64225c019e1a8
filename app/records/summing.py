"""The prediction log at a glance: how many predictions when, their scores, how many were right."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.records.asking import Filter, Read, samples
from app.records.database import moment

#: The most rows that are looked at, the newest.
MOST_ROWS = 100_000
#: How many parts the scores from 0 to 1 are counted in.
SCORE_PARTS = 20
_MOST_STEPS = 60
# What a person reads off an axis: seconds to weeks.
_STEPS_S = (1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600, 7 * 24 * 3600)


@dataclass(frozen=True)
class Summary:
    """The newest rows that a filter lets through, counted.

    Args:
        rows: how many there are.
        is_whole: whether that is all, or `MOST_ROWS` of more.
        step_s: how long each step of time is.
        rate: of each step of time its beginning and how many predictions were made.
        scores: how many rows have a score in each of `SCORE_PARTS` equal parts of 0 to 1.
        agreement: of each step, model and version how many predictions were right, and wrong.
    """

    rows: int
    is_whole: bool
    step_s: int
    rate: list[dict[str, Any]]
    scores: list[int]
    agreement: list[dict[str, Any]]


#: Of a log that has nothing.
EMPTY = Summary(0, True, _STEPS_S[0], [], [0] * SCORE_PARTS, [])


def summary(read: Read, wanted: Filter) -> Summary:
    """Return what the log has of a filter; raises RecordsError."""
    with read() as connection:
        found = samples(connection, wanted, MOST_ROWS)
    if not found:
        return EMPTY
    times = np.array([one[0] for one in found], np.int64)
    step_s = _step_s(int(times.max() - times.min()) / 1e6)
    # One row of each prediction.
    firsts = [*{one[3]: one for one in found}.values()]
    scores = np.array([one[1] for one in found if one[1] is not None], float)
    parts, _ = np.histogram(scores.clip(0, 1), SCORE_PARTS, (0, 1))
    return Summary(
        len(found),
        len(found) < MOST_ROWS,
        step_s,
        _rate(times, np.array([one[0] for one in firsts], np.int64), step_s),
        parts.tolist(),
        _agreement(firsts, step_s),
    )


def _step_s(span_s: float) -> int:
    return next((step for step in _STEPS_S if span_s <= step * _MOST_STEPS), _STEPS_S[-1])


def _rate(rows: Any, predictions: Any, step_s: int) -> list[dict[str, Any]]:
    """Return every step from the first to the last, those without a prediction too."""
    first, last = int(rows.min()) // (step_s * 10**6), int(rows.max()) // (step_s * 10**6)
    # Years at weeks are not all shown.
    first = max(first, last - 10 * _MOST_STEPS)
    steps = predictions // (step_s * 10**6) - first
    counts = np.bincount(steps[steps >= 0], minlength=last - first + 1)
    return [
        {"at": moment((first + index) * step_s * 10**6), "predictions": int(count)}
        for index, count in enumerate(counts)
    ]


def _agreement(firsts: list[Any], step_s: int) -> list[dict[str, Any]]:
    counts: dict[tuple[int, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for at, _, agrees, _, model, version in firsts:
        if agrees is not None:
            counts[at // (step_s * 10**6), model, version][agrees] += 1
    return [
        {
            "at": moment(step * step_s * 10**6),
            "model": model,
            "version": version,
            "agreed": agreed,
            "disagreed": disagreed,
        }
        for (step, model, version), (disagreed, agreed) in sorted(counts.items())
    ]

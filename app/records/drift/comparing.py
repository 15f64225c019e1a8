"""Which columns of two windows can be compared, and when a distance between them counts as drift.

Two windows of one distribution are never alike: below a number of values the distance that chance
makes is as large as one that is to be told. What it takes is in `docs/drift.md`, measured.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.records.drift.window import CLASS, INSTANCES, Window
from app.records.errors import RecordsError

#: Predictions that both windows need.
LEAST = 1000

# Of classes, the most frequent ones of the reference; the others count as one.
_MOST_CLASSES, _OTHERS = 20, "others"
# A class column needs so many values for each class, as a part of what other columns need.
_OF_A_CLASS = 0.1


@dataclass(frozen=True, eq=False)
class Pair:
    """A column of both windows."""

    reference: Sequence[float | str]
    current: Sequence[float | str]
    is_class: bool


@dataclass(frozen=True, eq=False)
class Comparable:
    """The columns that can be compared, and why the others cannot."""

    columns: Mapping[str, Pair]
    left_out: Mapping[str, str]


def comparable(reference: Window, current: Window, least: int = LEAST) -> Comparable:
    """Return what of two windows can be compared; raises RecordsError where that is nothing."""
    for name, window in (("the reference", reference), ("the window", current)):
        if window.predictions < least:
            raise RecordsError(
                f"{name} has {window.predictions} predictions of {window.span.model} "
                f"{window.span.version}; at least {least} are needed"
            )
    columns: dict[str, Pair] = {}
    left_out: dict[str, str] = {}
    for name in {**reference.columns, **current.columns}:
        pair = Pair(reference.columns.get(name, ()), current.columns.get(name, ()), name == CLASS)
        if name == INSTANCES and {*pair.reference, *pair.current} == {1.0}:
            # One answer an input, as the kind of model has it.
            continue
        if pair.is_class:
            pair = _few_classes(pair)
        needed = _needed(pair, least)
        there = min(len(pair.reference), len(pair.current))
        if there < needed:
            left_out[name] = (
                f"{len(pair.reference)} values in the reference and {len(pair.current)} in the "
                f"window; {needed} are needed"
            )
        else:
            columns[name] = pair
    if not columns:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise RecordsError(f"no column can be compared: {reasons}")
    return Comparable(columns, left_out)


def _needed(pair: Pair, least: int) -> int:
    if not pair.is_class:
        return least
    return max(least, round(_OF_A_CLASS * least * len(set(pair.reference))))


def _few_classes(pair: Pair) -> Pair:
    kept = {name for name, _ in Counter(pair.reference).most_common(_MOST_CLASSES)}
    reference, current = (
        [one if one in kept else _OTHERS for one in values]
        for values in (pair.reference, pair.current)
    )
    return Pair(reference, current, is_class=True)

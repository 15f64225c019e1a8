"""`slipway drift`: says whether a model's predictions are still like those of its reference."""

from __future__ import annotations

import argparse
import json
import time
from functools import partial
from pathlib import Path
from typing import Any

from app.cli.terminal import CommandError, table
from app.cli.window import Asked, add_least, add_options, asked_of
from app.records.database import moment
from app.records.drift import reference
from app.records.drift.comparing import Comparable, comparable
from app.records.drift.report import CLASS_THRESHOLD, NUMBER_THRESHOLD, Report, report
from app.records.drift.verdicts import Verdict, note
from app.records.drift.window import Window
from app.records.errors import RecordsError

#: The exit status where a column has drifted; 1 is that it could not be found out.
DRIFTED = 3

_MOST = 20_000


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "drift",
        help="say whether predictions are still like those of a reference",
        description="Compares a version's predictions with its reference, column by column, and "
        f"says how far each is. Exit status {DRIFTED}: one of them is far; 1: it could not be "
        "found out. What it finds is told at /metrics of the server whose log it reads.",
    )
    add_options(parser, since="24h")
    parser.add_argument(
        "--reference", type=Path, metavar="FILE", help="in place of the one beside the model"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="a page of HTML with the figures")
    parser.add_argument("--json", action="store_true", help="the result as one JSON object")
    parser.add_argument(
        "--metrics", type=Path, metavar="FILE", help="the result as Prometheus' text format"
    )
    add_least(parser, "both sides need")
    parser.add_argument(
        "--threshold",
        type=_threshold,
        metavar="DISTANCE",
        help=f"by default {CLASS_THRESHOLD} for classes, {NUMBER_THRESHOLD} for numbers",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Tell what has drifted; 3 where something has."""
    asked = asked_of(arguments)
    before = _reference(asked, arguments.reference)
    now = asked.window(_MOST)
    try:
        compared = comparable(before, now, arguments.least)
        title = f"Drift of {now.span.model} {now.span.version}"
        about = f"{_told(now)}, beside the reference: {_told(before)}."
        result = report(compared, title, about, arguments.threshold)
        verdict = _verdict(now, result)
        if arguments.out is not None:
            arguments.out.write_text(result.page)
        if arguments.metrics is not None:
            _write_metrics(arguments.metrics, verdict)
        if asked.log is not None and asked.log.exists():
            note(asked.log, verdict)
    except RecordsError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"{error.filename}: {error.strerror}") from error
    if arguments.json:
        print(json.dumps(_document(before, now, compared, result)))
    else:
        _print(about, compared, result)
    return DRIFTED if any(one.is_detected for one in result.columns.values()) else 0


def _reference(asked: Asked, told: Path | None) -> Window:
    path = told or asked.reference
    if told is None and not path.exists():
        raise CommandError(
            f"{path} is not there; slipway reference {asked.span.model} makes it of this log"
        )
    try:
        found = reference.read(path)
    except RecordsError as error:
        raise CommandError(str(error)) from error
    if found.span.model != asked.span.model:
        raise CommandError(f"{path} is of the model {found.span.model}, not of {asked.span.model}")
    return found


def _told(window: Window) -> str:
    since, until = (f"{moment(at)}"[:16] + "Z" for at in (window.span.since, window.span.until))
    share = f" of {window.of}" if window.of > window.predictions else ""
    return f"{window.predictions}{share} predictions of {since} to {until}"


def _verdict(window: Window, result: Report) -> Verdict:
    columns = {name: (one.score, one.is_detected) for name, one in result.columns.items()}
    return Verdict(window.span.model, window.span.version, time.time_ns() // 1000, columns)


def _write_metrics(path: Path, verdict: Verdict) -> None:
    from prometheus_client import CollectorRegistry, write_to_textfile

    from app.api.drift_metrics import DriftMetrics

    registry = CollectorRegistry()
    registry.register(DriftMetrics(partial(list, [verdict])))
    write_to_textfile(str(path), registry)


def _document(before: Window, now: Window, compared: Comparable, result: Report) -> dict[str, Any]:
    return {
        "model": now.span.model,
        "version": now.span.version,
        "detected": any(one.is_detected for one in result.columns.values()),
        "columns": {
            name: {
                "score": one.score,
                "threshold": one.threshold,
                "detected": one.is_detected,
                "method": one.method,
                "values": {"reference": one.reference, "current": one.current},
            }
            for name, one in result.columns.items()
        },
        "left_out": dict(compared.left_out),
        "reference": _summary(before),
        "current": _summary(now),
    }


def _summary(window: Window) -> dict[str, Any]:
    return {
        "since": moment(window.span.since),
        "until": moment(window.span.until),
        "predictions": window.predictions,
        "of": window.of,
    }


def _print(about: str, compared: Comparable, result: Report) -> None:
    print(f"{about}\n")
    rows = [
        (
            name,
            f"{one.score:.3f}",
            f"{one.threshold:g}",
            "drifted" if one.is_detected else "as before",
            one.method,
        )
        for name, one in sorted(result.columns.items(), key=lambda item: -item[1].score)
    ]
    print(table([("column", "distance", "threshold", "", "measured as"), *rows], right=" >>"))
    for name, reason in compared.left_out.items():
        print(f"{name} is left out: {reason}")


def _threshold(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 100:
        raise argparse.ArgumentTypeError(f"{text!r}: must be a number above 0, at most 100")
    return value

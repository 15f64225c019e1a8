"""Which predictions `slipway reference` and `slipway drift` look at: whose, of when, from where."""

from __future__ import annotations

import argparse
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from app.cli.folder import add_option, settings_with, version_in
from app.cli.terminal import CommandError
from app.names import REFERENCE
from app.records.drift.comparing import LEAST
from app.records.drift.parquet import from_parquet
from app.records.drift.window import Span, Window, from_log
from app.records.errors import RecordsError
from app.serving.layout import Found
from app.serving.vacancy import check_here
from app.settings import Settings
from app.variables import repository

# Fewer make no distribution.
_FEWEST = 10
_AGO = re.compile(r"(\d{1,6})([mhdw])")
_SECONDS = {"m": 60, "h": 3600, "d": 86400, "w": 604800}
_MOMENTS = "30m, 24h, 7d, 4w ago, or a time such as 2026-03-01 or 2026-03-01T08:00:00Z"


def moment(text: str) -> int:
    """Return microseconds since 1970 of a time, or of one so long ago; for argparse."""
    if match := _AGO.fullmatch(text):
        return round((time.time() - int(match[1]) * _SECONDS[match[2]]) * 1e6)
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: must be {_MOMENTS}") from None
    return round((told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp() * 1e6)


def add_options(parser: argparse.ArgumentParser, since: str) -> None:
    """Add what says whose predictions are meant; `since` is what holds unless told."""
    parser.add_argument("model", metavar="MODEL", help="its name in the model repository")
    parser.add_argument("--version", type=int, help="of the model, by default the highest")
    parser.add_argument(
        "--since", type=moment, metavar="WHEN", default=since, help=f"{_MOMENTS}; else {since} ago"
    )
    parser.add_argument("--until", type=moment, metavar="WHEN", default="0m", help="else now")
    parser.add_argument(
        "--from",
        dest="source",
        type=_place,
        metavar="PLACE",
        help="the folder or the bucket that PREDICTION_SINK is sent to, in place of this "
        "machine's log",
    )
    parser.add_argument(
        "--log", type=Path, metavar="FILE", help="the prediction log, in place of $PREDICTION_LOG"
    )
    add_option(parser)


def add_least(parser: argparse.ArgumentParser, who: str) -> None:
    """Add how many predictions are enough, and for whom."""
    parser.add_argument(
        "--least",
        type=_least,
        default=LEAST,
        metavar="N",
        help=f"predictions that {who}, by default {LEAST}; chance alone moves fewer",
    )


def _least(text: str) -> int:
    if not (text.isdecimal() and _FEWEST <= int(text) <= 10**6):
        raise argparse.ArgumentTypeError(
            f"{text!r}: must be a whole number from {_FEWEST} to 1000000"
        )
    return int(text)


@dataclass(frozen=True)
class Asked:
    """What a command was asked for: a version, and a time."""

    found: Found
    span: Span
    log: Path | None
    settings: Settings
    source: Path | str | None

    @property
    def reference(self) -> Path:
        """The file beside the model that drift is told against."""
        found = self.found
        is_bare = found.folder == self.settings.serving.model_repository
        return found.folder / (f"{found.name}.{REFERENCE}" if is_bare else REFERENCE)

    def window(self, most: int) -> Window:
        """Return about `most` of the predictions; raises CommandError."""
        try:
            if self.source is not None:
                return from_parquet(self.source, self.span, most)
            if self.log is None:
                raise CommandError(
                    "PREDICTION_LOG='off': predictions are not recorded; --log FILE or --from "
                    "PLACE says where some are"
                )
            return from_log(self.log, self.span, most)
        except RecordsError as error:
            raise CommandError(str(error)) from error


def asked_of(arguments: argparse.Namespace) -> Asked:
    """Return what is asked for; raises CommandError."""
    if arguments.since >= arguments.until:
        raise CommandError("--since is not before --until", 2)
    settings = settings_with(arguments)
    check_here(settings.serving)
    found = version_in(settings.serving.model_repository, arguments.model, arguments.version)
    span = Span(found.name, str(found.version), arguments.since, arguments.until)
    log = arguments.log or settings.records.prediction_log
    return Asked(found, span, log, settings, arguments.source)


def _place(text: str) -> Path | str:
    try:
        return repository(text)
    except ValueError as allowed:
        raise argparse.ArgumentTypeError(f"{text!r}: must be {allowed}") from None

"""`slipway predictions …`: the prediction log of this machine, followed, handed out, asked, erased.

It reads the file while a server writes it; nothing but `erase` writes.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from app.api.predictions.access import ULID
from app.api.predictions.parameters import FilterParameters, parse
from app.api.problems import ProblemError
from app.cli.terminal import Columns, CommandError, counted, table
from app.records import asking
from app.records.asking import Filter, Told
from app.records.database import reading
from app.records.erasing import erase
from app.records.errors import RecordsError
from app.records.forms import FORMS, line
from app.records.outbox import Outbox
from app.settings import Settings

_LOOK_EACH_S = 0.25
# Wide enough for what comes later, too: a line that is written cannot be moved.
_HEADS = ("made", "prediction", "model", "class", "score", "input", "ms", "truth")
_WIDEST = ("0000-00-00 00:00:00", "0" * 26, "0" * 16, "0" * 16, "0.000", "0" * 12, "00000.0")
_MOST_TOLD = 10_000
_FILTERS = ("model", "version", "class", "label", "since", "until", "min-score", "max-score")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "predictions",
        help="follow, hand out, ask and erase what was predicted",
        description="What was predicted, from the prediction log's file on this machine.",
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    tail = _action(actions, "tail", run_tail, "show the last rows, and those that come")
    tail.add_argument("-n", metavar="ROWS", type=int, default=10, help="how many; 10")
    tail.add_argument("--no-follow", action="store_true", help="end after the last row")
    tail.add_argument("--json", action="store_true", help="a line of JSON each")
    _add_filters(tail)
    export = _action(actions, "export", run_export, "write rows to a file, the oldest first")
    export.add_argument("--format", choices=tuple(FORMS), help="by default as FILE ends, or csv")
    export.add_argument("--out", metavar="FILE", type=Path, help="by default standard output")
    _add_filters(export)
    sql = _action(actions, "sql", run_sql, "ask in SQL, of predictions, feedback and gaps")
    sql.add_argument("statement", metavar="STATEMENT", help="one that only reads")
    sql.add_argument("--json", action="store_true", help="a line of JSON for each row")
    erasing = _action(actions, "erase", run_erase, "erase one prediction and its feedback")
    erasing.add_argument("prediction_id", metavar="ID")


def _action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace], int],
    text: str,
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    parser.add_argument(
        "--log", metavar="FILE", type=Path, help="instead of $PREDICTION_LOG, or its default"
    )
    parser.set_defaults(run=run)
    return parser


def _add_filters(parser: argparse.ArgumentParser) -> None:
    for name in _FILTERS:
        parser.add_argument(f"--{name}", metavar=name.rpartition("-")[2].upper(), dest=_dest(name))


def _dest(name: str) -> str:
    return f"filter_{name.replace('-', '_')}"


def run_tail(arguments: argparse.Namespace) -> int:
    """Print the last rows, and each that comes until Ctrl-C."""
    path, wanted = _log(arguments), _filter(arguments)
    if arguments.n < 0:
        raise CommandError(f"-n {arguments.n}: must be a whole number from 0 on", 2)
    columns = Columns([_HEADS, (*_WIDEST, "differs")], right="    > >")
    if not arguments.json:
        print(columns.line(_HEADS), flush=True)
    with _telling():
        with reading(path) as connection:
            seq = asking.newest(connection)
            rows = asking.before(connection, wanted, seq + 1, arguments.n)
        rows.reverse()
        while True:
            for one in rows:
                text = line(one.fields).decode().rstrip() if arguments.json else ""
                print(text or columns.line(_cells(one)), flush=True)
            if arguments.no_follow:
                return 0
            rows, seq = _coming(path, wanted, seq)


def _coming(path: Path, wanted: Filter, seq: int) -> tuple[list[Told], int]:
    """Return the rows that come after a place, once there are any, and how far they go."""
    while True:
        with reading(path) as connection:
            newest = asking.newest(connection)
            # A log that was begun anew is followed from its beginning.
            rows = asking.after(connection, wanted, seq if seq <= newest else 0, asking.MOST_ROWS)
        if len(rows) == asking.MOST_ROWS:
            return rows, rows[-1].seq
        if rows:
            return rows, max(newest, rows[-1].seq)
        seq = newest
        time.sleep(_LOOK_EACH_S)


def _cells(one: Told) -> tuple[object, ...]:
    told = one.fields
    score, agrees = told["score"], told["agrees"]
    return (
        told["created_at"][:19].replace("T", " "),
        told["prediction_id"],
        f"{told['model_name']} {told['model_version']}",
        told["label"] if told["label"] is not None else told["predicted_class"],
        "" if score is None else f"{score:.3f}",
        told["input_shape"],
        f"{told['processing_time_ms']:.1f}",
        "" if agrees is None else "agrees" if agrees else "differs",
    )


def run_export(arguments: argparse.Namespace) -> int:
    """Write all rows that are meant, a page at a time."""
    path, wanted, out = _log(arguments), _filter(arguments), arguments.out
    ending = out.suffix.lstrip(".") if out else ""
    form = FORMS[arguments.format or (ending if ending in FORMS else "csv")]
    with _telling():
        pages = asking.pages(lambda: reading(path), wanted, newest_first=False, rows=None)
        counter = _Counter(pages)
        if out is None:
            for piece in form.write(counter):
                sys.stdout.buffer.write(piece)
            return 0
        draft = out.with_name(f".{out.name}.draft")
        try:
            with draft.open("wb") as file:
                for piece in form.write(counter):
                    file.write(piece)
            draft.replace(out)
        finally:
            draft.unlink(missing_ok=True)
    print(f"{counted(counter.rows, 'row')} in {out}", file=sys.stderr)
    return 0


class _Counter:
    """Pages of rows that are counted as they go by."""

    def __init__(self, pages: Iterator[list[Told]]) -> None:
        self.rows, self._pages = 0, pages

    def __iter__(self) -> Iterator[list[Told]]:
        for page in self._pages:
            self.rows += len(page)
            yield page


def run_sql(arguments: argparse.Namespace) -> int:
    """Print what a statement finds."""
    path = _log(arguments)
    with _telling(), reading(path) as connection:
        connection.execute("PRAGMA query_only=ON")
        try:
            found = connection.execute(arguments.statement)
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise CommandError(f"the statement does not work: {error}", 2) from error
        heads = [column[0] for column in found.description or ()]
        if arguments.json:
            for row in found:
                print(line(dict(zip(heads, map(_plain, row), strict=True))).decode(), end="")
            return 0
        rows = found.fetchmany(_MOST_TOLD + 1)
        if heads:
            print(table([heads, *([_shown(cell) for cell in row] for row in rows[:_MOST_TOLD])]))
        if len(rows) > _MOST_TOLD:
            print(f"slipway: the first {_MOST_TOLD:,} rows; LIMIT, or --json", file=sys.stderr)
    return 0


def _plain(cell: Any) -> Any:
    return cell.hex() if isinstance(cell, bytes) else cell


def _shown(cell: Any) -> str:
    return "" if cell is None else str(_plain(cell))


def run_erase(arguments: argparse.Namespace) -> int:
    """Erase a prediction here, and say what is left elsewhere."""
    settings, prediction_id = Settings.from_environment(), arguments.prediction_id
    if not re.fullmatch(ULID, prediction_id):
        raise CommandError(f"{prediction_id!r} is no prediction's id, which is a ULID", 2)
    with _telling():
        records = Outbox(_log(arguments, settings), settings.records)
        try:
            erased = erase(records, settings.records, prediction_id)
        finally:
            records.close()
    erasures = (("row", erased.rows), ("truth", erased.feedback), ("input", erased.inputs))
    counts = ", ".join(counted(count, noun) for noun, count in erasures)
    print(f"erased: {counts} of {prediction_id}")
    for told in erased.elsewhere:
        print(f"still to be done: {told}")
    return 0 if erased.rows or erased.feedback else 1


def _log(arguments: argparse.Namespace, settings: Settings | None = None) -> Path:
    """Return the file; raises CommandError where there is none."""
    given: Path | None = arguments.log
    path = given or (settings or Settings.from_environment()).records.prediction_log
    if path is None:
        raise CommandError("PREDICTION_LOG is 'off': predictions are not recorded; --log FILE", 2)
    if not path.is_file():
        raise CommandError(f"{path}: there is no prediction log; --log FILE names another")
    return path


def _filter(arguments: argparse.Namespace) -> Filter:
    """Return which rows are meant; raises CommandError."""
    given = {name: getattr(arguments, _dest(name)) for name in _FILTERS}
    told = [(name.replace("-", "_"), value) for name, value in given.items() if value is not None]
    try:
        return parse(FilterParameters, told).filter()
    except ProblemError as error:
        raise CommandError(error.detail, 2) from None


@contextlib.contextmanager
def _telling() -> Iterator[None]:
    try:
        yield
    except RecordsError as error:
        raise CommandError(str(error)) from error

"""`slipway check`: whether a server would serve every version of every model.

Each is loaded by the server's own code, one after the other and alone. No server is started, and
nothing is written.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import io
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app import log
from app.cli.asking import ASKING_ERRORS, ask_once, reason_of
from app.cli.folder import add_option, settings_with
from app.cli.terminal import Columns, CommandError, counted, ending_at_once, shortened
from app.serving.errors import ModelNotFound
from app.serving.layout import Found, find_models
from app.serving.leftovers import find_versions
from app.serving.vacancy import check_here, no_model
from app.settings import Settings

_HEADS = ("model", "version", "state", "load s", "predict ms", "MiB", "result")
_RIGHT = " > >>>"
_LONGEST_REASON = 100


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "check",
        help="load every version, ask it once, reproduce its goldens",
        description="Loads every version of every model as a server would, predicts once, on the "
        "model's own sample or else on noise, and reproduces its goldens. Needs no server and "
        "writes nothing. Exit status 1: one of them cannot be served.",
    )
    parser.add_argument("names", metavar="NAME", nargs="*", help="a model; by default all of them")
    parser.add_argument("--verbose", action="store_true", help="the log, on stderr")
    add_option(parser)
    parser.set_defaults(run=run)


@dataclass(frozen=True)
class _Outcome:
    """What came of one version."""

    found: Found
    result: str
    is_served: bool = False
    loaded_s: float | None = None
    predicted_ms: float | None = None
    memory_mib: int | None = None

    def cells(self) -> tuple[str, ...]:
        """Return its row of the table."""
        return (
            self.found.name,
            str(self.found.version or "-"),
            "ready" if self.is_served else "failed",
            "-" if self.loaded_s is None else f"{self.loaded_s:.1f}",
            "-" if self.predicted_ms is None else f"{self.predicted_ms:.0f}",
            "-" if self.memory_mib is None else str(self.memory_mib),
            shortened(self.result, _LONGEST_REASON),
        )


def run(arguments: argparse.Namespace) -> int:
    """Print what came of each version; 1 where one cannot be served."""
    settings = settings_with(arguments)
    check_here(settings.serving)
    found = _wanted(settings.serving.model_repository, arguments.names)
    log.configure(settings.log_level, sys.stderr if arguments.verbose else io.StringIO())
    widest = [(one.name, one.version, "failed", "", "", "99999", "") for one in found]
    columns = Columns([_HEADS, *widest], right=_RIGHT)
    print(columns.line(_HEADS), flush=True)
    outcomes: list[_Outcome] = []
    with ending_at_once():
        for number, one in enumerate(found, start=1):
            what = f"{_title(one)} ({number} of {len(found)})"
            with _progress(what, is_verbose=arguments.verbose):
                outcomes.append(_outcome(settings, one))
            print(columns.line(outcomes[-1].cells()), flush=True)
            # Networks hold on to themselves in circles: the next one may need the memory.
            gc.collect()
    return _conclude(outcomes, None if arguments.names else _default_problem(settings))


def _wanted(folder: Path, names: Sequence[str]) -> list[Found]:
    """Return the versions to check; raises CommandError."""
    found = find_versions(folder)
    if not found:
        raise CommandError(str(no_model(folder)))
    there = sorted({one.name for one in found})
    for name in names:
        if name not in there:
            raise CommandError(str(ModelNotFound(name, there)), 2)
    return [one for one in found if not names or one.name in names]


def _title(found: Found) -> str:
    return f"{found.name} version {found.version}" if found.version else found.name


@contextlib.contextmanager
def _progress(what: str, *, is_verbose: bool) -> Iterator[None]:
    """Say on stderr what is being checked: as a line, or to a person for as long as it takes."""
    is_for_a_person = sys.stderr.isatty() and not is_verbose
    if is_verbose:
        print(f"checking {what}", file=sys.stderr, flush=True)
    elif is_for_a_person:
        print(f"\r\033[Kchecking {what}", end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        if is_for_a_person:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def _outcome(settings: Settings, found: Found) -> _Outcome:
    """Load one version alone, as the server does, and ask it once."""
    # Here: it brings HDF5, which a help text does without.
    from app.serving.local_client import LocalClient

    with contextlib.closing(LocalClient.start(settings.serving, find=lambda _: [found])) as client:
        client.wait_until_loaded()
        (status,) = client.models()
        if status.error is not None:
            return _Outcome(found, status.error)
        sample = next(iter(found.samples()), None)
        what = f"samples/{sample.name}" if sample else "noise"
        try:
            asked = ask_once(client, found, sample, settings.limits)
        except ASKING_ERRORS as error:
            return _Outcome(found, f"{what}: {reason_of(error)}", loaded_s=status.loaded_s)
        goldens, told = status.description["goldens"], asked.face.summary(asked.outcome).found
        reproduced = f"{counted(goldens, 'golden')}, " if goldens else ""
        return _Outcome(
            found,
            f"{reproduced}{told} in {what}",
            is_served=True,
            loaded_s=status.loaded_s,
            predicted_ms=asked.prediction.inference_ms,
            memory_mib=_resident_mib(),
        )


def _resident_mib() -> int:
    """Return the memory that this process has, with the one model that it holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20


def _default_problem(settings: Settings) -> str | None:
    """Say that DEFAULT_MODEL names a model that is not there: the server would not be ready."""
    name = settings.serving.default_model
    there = [found.name for found in find_models(settings.serving.model_repository)]
    if name is None or name in there:
        return None
    return f"DEFAULT_MODEL={name!r}: {ModelNotFound(name, there)}"


def _conclude(outcomes: Sequence[_Outcome], problem: str | None) -> int:
    """Print what the table had no room for, and the last line; return the exit status."""
    failed = [outcome for outcome in outcomes if not outcome.is_served]
    for outcome in failed:
        if shortened(outcome.result, _LONGEST_REASON) != outcome.result:
            print(f"\n{_title(outcome.found)}: {outcome.result}")
    print()
    if failed:
        titles = ", ".join(_title(outcome.found) for outcome in failed)
        print(f"{len(failed)} of {len(outcomes)} versions cannot be served: {titles}")
    else:
        print(f"{len(outcomes)} of {len(outcomes)} versions can be served")
    if problem:
        print(problem)
    return 1 if failed or problem else 0

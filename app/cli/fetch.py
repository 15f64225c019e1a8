"""`slipway fetch`: brings the files that models by reference name, before they are served or built.

What comes is verified and moved into place whole; what a cut left is gone on from. Files that Git
LFS has not brought are brought by it, where it is there.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from app import log
from app.cli.folder import add_option, settings_with
from app.cli.ignored import ignore
from app.cli.progress import Progress
from app.cli.terminal import CommandError, ending_at_once, megabytes, printable
from app.serving.fetching import FetchError, Wanted, bring, find_wanted
from app.serving.leftovers import find_versions
from app.serving.mirroring import Mirror, MirrorError
from app.serving.references import shown
from app.serving.strays import LONGEST_START, is_pointer, pointer_text
from app.serving.vacancy import check_folder, check_repository

_AT_ONCE = 4


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "fetch",
        help="bring the files of models by reference",
        description="Brings the file of each model whose model.yaml has a `source`, to the place "
        "where it is served from. Several at once, each gone on with after a cut, verified by size "
        "and sha256. Where MODEL_REPOSITORY is a bucket, all of it first. Exit status 1: one of "
        "them is not there.",
    )
    parser.add_argument(
        "--into",
        metavar="FOLDER",
        type=Path,
        help="copy the models there first, and bring them there",
    )
    add_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Bring what is missing; 1 where something still is."""
    settings = settings_with(arguments).serving
    folder = settings.model_repository
    if settings.model_bucket is not None:
        check_repository(settings)
        _mirror(settings.model_bucket, folder)
    check_folder(folder)
    if arguments.into is not None:
        _copy(folder, arguments.into)
        folder = arguments.into
    try:
        problems = _pull_pointers(folder)
        wanted, wrong = find_wanted(folder)
    except OSError as error:
        raise CommandError(f"{error.filename}: {error.strerror}") from error
    with ending_at_once():
        problems += wrong + _bring_all(wanted)
    for line in problems:
        print(f"slipway: {printable(line)}", file=sys.stderr)
    return 1 if problems else 0


def _mirror(bucket: str, folder: Path) -> None:
    """Bring what lies in a bucket, as a server would; raises CommandError."""
    log.configure("error", io.StringIO())
    try:
        with ending_at_once():
            Mirror(bucket, folder).sync()
    except MirrorError as error:
        raise CommandError(str(error)) from error
    print(f"{bucket} is mirrored in {folder}")


def _copy(folder: Path, into: Path) -> None:
    """Copy a repository; raises CommandError."""
    there, here = into.resolve(), folder.resolve()
    if there.is_relative_to(here) or here.is_relative_to(there):
        raise CommandError(f"--into {into}: lies in {folder}, or has it in it; name another", 2)
    hidden = shutil.ignore_patterns(".*")
    try:
        shutil.copytree(folder, into, dirs_exist_ok=True, ignore=hidden)
    except (OSError, shutil.Error) as error:
        raise CommandError(f"--into {into}: {' '.join(str(error).split())}") from error


def _pull_pointers(folder: Path) -> list[str]:
    """Have Git LFS bring what it has left as pointers; return a line for each that stays one."""
    paths = [found.path for found in find_versions(folder) if found.path is not None]
    pointers = [path for path in paths if _is_pointer(path)]
    if pointers and shutil.which("git-lfs"):
        for path in pointers:
            # Such a path is one from the top of the work tree, which the folder may be a part of.
            top = _git(folder, "rev-parse", "--show-prefix").stdout.strip()
            name = f"{top}{path.relative_to(folder)}"
            print(f"fetching: {name}, by git lfs pull", file=sys.stderr, flush=True)
            _git(folder, "lfs", "pull", f"--include={name}")
    return [pointer_text(path.name) for path in pointers if _is_pointer(path)]


def _git(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", *words], cwd=folder, stdout=subprocess.PIPE, text=True, check=False
    )


def _is_pointer(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return is_pointer(file.read(LONGEST_START))
    except OSError:
        return False


def _bring_all(wanted: Sequence[Wanted]) -> list[str]:
    """Bring files, several at once; return a line for each that could not be brought."""
    if not wanted:
        return []
    progress = Progress("fetching", sum(one.source.size_bytes for one in wanted))

    def run_one(one: Wanted) -> str | None:
        started_at = time.monotonic()
        try:
            had_other = one.target.exists() and not one.is_here()
            is_new = bring(one, progress.add)
        except (FetchError, OSError) as error:
            return f"{one.title}: {error}"
        size, took_s = megabytes(one.source.size_bytes), time.monotonic() - started_at
        how = f"from {shown(one.source.uri)}, {took_s:.1f} s" if is_new else "is here"
        if is_new and had_other:
            how += f"; the file that was there is {one.aside.name} now"
        progress.line(f"{one.title}: {size} {how}")
        return None

    with progress, ThreadPoolExecutor(_AT_ONCE) as threads:
        problems = [line for line in threads.map(run_one, wanted) if line]
    for one in wanted:
        # A folder that cannot be written to need not be git's.
        with contextlib.suppress(OSError):
            if one.target.exists():
                ignore(one.target)
    return problems

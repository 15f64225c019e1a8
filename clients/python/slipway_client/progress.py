"""A bar for a person who waits: on a terminal, and where rich is installed (extra `progress`)."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sized


@contextlib.contextmanager
def progress_of(items: object, *, is_wanted: bool) -> Iterator[Callable[[bool], None]]:
    """Show how many of `items` are done; what is yielded is called for each: whether it failed."""
    bar = _rich_bar(items) if is_wanted and sys.stderr.isatty() else None
    if bar is None:
        yield lambda failed: None
        return
    with bar as advance:
        yield advance


def _rich_bar(items: object) -> contextlib.AbstractContextManager[Callable[[bool], None]] | None:
    try:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )
    except ImportError:
        return None
    columns = (
        TextColumn("predictions"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[failures]}"),
    )

    @contextlib.contextmanager
    def shown() -> Iterator[Callable[[bool], None]]:
        failures = 0
        with Progress(*columns, console=Console(stderr=True)) as bar:
            total = len(items) if isinstance(items, Sized) else None
            task = bar.add_task("", total=total, failures="")

            def advance(failed: bool) -> None:
                nonlocal failures
                failures += failed
                bar.update(task, advance=1, failures=f"{failures} failed" if failures else "")

            yield advance

    return shown()

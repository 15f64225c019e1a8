"""`slipway evaluate`: how good a model's answers are where it is known what is right."""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from app.cli.folder import add_model, add_option, settings_with, version_in
from app.cli.progress import PictureProgress
from app.cli.source import source_of
from app.cli.terminal import CommandError, counted, ending_at_once, table
from app.kinds.kind import (
    Accuracy,
    Evaluable,
    Labelled,
    LabelsError,
    ModelError,
    ModelSource,
)
from app.kinds.options import problem_of
from app.serving.layout import Found
from app.serving.vacancy import check_here
from app.settings import Settings

# Of the categories so many are told, the worst ones first; --json has all.
_MOST_TOLD = 10


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "evaluate",
        help="say how good a model's answers are on labelled pictures",
        description="Asks a model for every picture of a COCO annotation file, as a server would, "
        "and prints COCO's average precisions, what runs and how long a picture takes. With "
        "--against another version is asked too, or the same one in another precision, and the "
        "differences are printed in points.",
    )
    add_model(parser)
    parser.add_argument(
        "--data",
        type=Path,
        metavar="COCO.json",
        required=True,
        help="what is on the pictures: images, annotations, categories",
    )
    parser.add_argument(
        "--images", type=Path, metavar="FOLDER", required=True, help="where the pictures lie"
    )
    parser.add_argument(
        "--precision",
        metavar="PRECISION",
        help="in place of the one in model.yaml, as int8, bf16 or f32",
    )
    parser.add_argument(
        "--against",
        metavar="VERSION|PRECISION",
        help="a number is another version, as a server runs it; a word the same version in that "
        "precision, as f32",
    )
    parser.add_argument(
        "--limit", type=_count, metavar="N", help="only the first N pictures of the file"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="all figures as one JSON object")
    add_option(parser)
    parser.set_defaults(run=run)


@dataclass(frozen=True)
class _Contestant:
    """A version with what evaluates it; `precision` is the one that it is to have, if any."""

    found: Found
    precision: str | None
    kind: Evaluable
    source: ModelSource

    @property
    def title(self) -> str:
        """Return which one it is, for people."""
        wanted = f" as {self.precision}" if self.precision else ""
        return f"version {self.found.version}{wanted}"


@dataclass(frozen=True)
class _Judged:
    """What came of one."""

    version: int
    accuracy: Accuracy

    @property
    def title(self) -> str:
        """Return what ran, as short as a column's head."""
        return f"version {self.version}, {self.accuracy.precision}"


def run(arguments: argparse.Namespace) -> int:
    """Evaluate one, or both, and print what came of it."""
    settings = settings_with(arguments)
    check_here(settings.serving)
    if not arguments.images.is_dir():
        raise CommandError(f"--images {arguments.images}: there is no such folder", 2)
    if arguments.json is not None and not arguments.json.parent.is_dir():
        raise CommandError(f"--json {arguments.json}: there is no such folder", 2)
    labelled = Labelled(arguments.data, arguments.images, arguments.limit)
    contestants = [
        _contestant(settings, found, precision) for found, precision in _wanted(settings, arguments)
    ]
    judged = []
    with ending_at_once():
        for one in contestants:
            title = one.title if len(contestants) > 1 else ""
            judged.append(_Judged(one.found.version, _accuracy(settings, one, labelled, title)))
            # Networks hold on to themselves in circles: the next one may need the memory.
            gc.collect()
    _print(arguments.model, judged)
    if arguments.json is not None:
        document = _document(arguments, judged)
        try:
            arguments.json.write_text(json.dumps(document, indent=2) + "\n")
        except OSError as error:
            raise CommandError(f"--json {arguments.json}: {error.strerror}") from error
    return 0


def _wanted(
    settings: Settings, arguments: argparse.Namespace
) -> Iterator[tuple[Found, str | None]]:
    """Yield what is evaluated, and what it is compared with; raises CommandError."""
    folder, name = settings.serving.model_repository, arguments.model
    found = version_in(folder, name, arguments.version)
    yield found, arguments.precision
    against = arguments.against
    if against is None:
        return
    if not against.isdecimal():
        yield found, against
        return
    other = version_in(folder, name, int(against))
    if other.version == found.version and arguments.precision is None:
        raise CommandError(
            f"--against {against}: is the version that is evaluated; --against f32 compares it "
            "with itself in float32",
            2,
        )
    yield other, None


def _contestant(settings: Settings, found: Found, precision: str | None) -> _Contestant:
    """Find out what can evaluate a version; raises CommandError."""
    # Here: it brings HDF5, which a help text does without.
    from app.kinds.registry import kinds

    with _told_in_a_line(found):
        kind, source = source_of(settings, found)
        if not isinstance(kind, Evaluable):
            able = ", ".join(one.name for one in kinds() if isinstance(one, Evaluable))
            raise ModelError(
                f"is of the kind {kind.name}, which cannot be evaluated with COCO; {able} can"
            )
    if precision is not None:
        wanted = {"precision": precision}
        if problem := problem_of(wanted, kind.options):
            raise CommandError(problem, 2)
        source = replace(source, options={**source.options, **wanted})
    return _Contestant(found, precision, kind, source)


def _accuracy(settings: Settings, one: _Contestant, labelled: Labelled, title: str) -> Accuracy:
    """Ask the model's kind; raises CommandError."""
    with _told_in_a_line(one.found), PictureProgress(title) as progress:
        return one.kind.evaluate(one.source, labelled, settings.limits, progress.tell)


@contextlib.contextmanager
def _told_in_a_line(found: Found) -> Iterator[None]:
    """Make a CommandError of what is wrong with a version or with the labelled pictures."""
    try:
        yield
    except ModelError as error:
        raise CommandError(f"{found.name} version {found.version}: {error}") from error
    except LabelsError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"{error.filename or found.folder}: {error.strerror}") from error


def _print(model: str, judged: Sequence[_Judged]) -> None:
    results = [one.accuracy for one in judged]
    first = results[0]
    pictures, instances = counted(first.pictures, "picture"), counted(first.instances, "instance")
    print(f"{model}, {pictures} with {instances}")
    for each in judged:
        print(f"{each.title} on {each.accuracy.program}: {each.accuracy.reason}")
    for remark in dict.fromkeys(remark for one in results for remark in one.remarks):
        print(remark)
    if len({tuple(one.by_class) for one in results}) > 1:
        print("the two do not know the same categories: their figures are of different instances")
    if len(judged) > 1 and len({(one.title, one.accuracy.program) for one in judged}) == 1:
        print("both are the same: nothing is compared")
    print(f"\n{_figures(judged)}\n\n{_categories(judged)}")


def _figures(judged: Sequence[_Judged]) -> str:
    """Return the average precisions in points, and the time, a column each."""
    results = [one.accuracy for one in judged]
    titles = [one.title for one in judged]
    rows: list[tuple[str, ...]] = [("", *titles, *_of_two(judged, "points"))]
    for sort, statistics in results[0].precisions.items():
        for name in statistics:
            values = [one.precisions[sort].get(name) for one in results]
            rows.append((f"{sort} {name}", *_points(values)))
    times = [one.picture_ms for one in results]
    ratio = _of_two(judged, f"x {times[0] / times[-1]:.2f}")
    rows.append(("ms a picture", *(f"{time:.1f}" for time in times), *ratio))
    return table(rows, right=" ".ljust(len(rows[0]), ">"))


def _categories(judged: Sequence[_Judged]) -> str:
    """Return the categories with the largest loss, or of one alone with the least precision."""
    first, *others = (one.accuracy.by_class for one in judged)
    rows = []
    for name, (count, value) in first.items():
        values = [value, *(other.get(name, (0, None))[1] for other in others)]
        other = values[-1] if others else None
        rows.append((value - other if other is not None else value, name, count, values))
    worst = sorted(rows, key=lambda row: row[0])[:_MOST_TOLD]
    titles = [f"mask AP, {one.title}" for one in judged]
    heads = ("category", "instances", *titles, *_of_two(judged, "points"))
    told = [(name, str(count), *_points(values)) for _, name, count, values in worst]
    lines = table([heads, *told], right=" ".ljust(len(heads), ">"))
    rest = len(rows) - len(worst)
    return f"{lines}\nand {rest} more, which --json tells" if rest else lines


def _of_two(judged: Sequence[_Judged], cell: str) -> tuple[str, ...]:
    return (cell,) if len(judged) > 1 else ()


def _points(values: Sequence[float | None]) -> tuple[str, ...]:
    """Return average precisions in points, and of two the difference."""
    cells = tuple("-" if value is None else f"{100 * value:.2f}" for value in values)
    if len(values) < 2:
        return cells
    first, second = values
    return (*cells, "-" if first is None or second is None else f"{100 * (first - second):+.2f}")


def _document(arguments: argparse.Namespace, judged: Sequence[_Judged]) -> dict[str, Any]:
    def told(one: Accuracy) -> dict[str, Any]:
        by_class = {
            name: {"instances": count, "mask": value}
            for name, (count, value) in one.by_class.items()
        }
        return {**asdict(one), "by_class": by_class}

    return {
        "model": arguments.model,
        "data": str(arguments.data),
        "evaluated": [{"version": one.version, **told(one.accuracy)} for one in judged],
    }


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: must be a whole number from 1 on")
    return int(text)

"""`slipway quantize`: makes a model's form in eight bits, and says how near its answers are."""

from __future__ import annotations

import argparse
import gc
import sys
from dataclasses import dataclass
from pathlib import Path

from app.cli.folder import add_model, add_option, settings_with, version_in
from app.cli.picture_files import pictures_in
from app.cli.progress import PictureProgress
from app.cli.source import source_of
from app.cli.terminal import CommandError, ending_at_once, megabytes, printable
from app.kinds.kind import (
    Kind,
    Labelled,
    LabelsError,
    LoadedModel,
    ModelError,
    ModelSource,
    Quantizable,
    Quantization,
)
from app.serving.layout import Found, find_models
from app.serving.vacancy import check_here
from app.settings import Settings

#: The exit status where the form is too far from the model to be used by itself.
TOO_FAR = 3

#: Half of them make it, half judge it.
_LEAST_PICTURES = 4
# What is said of one model alone.
_OF_ONE = ("version", "images", "labels", "worst")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "quantize",
        help="make a model's form in eight bits, two or three times as fast",
        description="Makes the form in eight bits of a model from every second picture of a "
        "folder, compares on the others what it finds with what the model finds, and writes it "
        "beside the model. A server then runs it, if it is near enough. Pictures are "
        "to be like those that the model will see; fifty or more. With --labels every second "
        "labelled picture judges, by the average precision that is lost. Judged too is what else "
        "saves time: frames without the padding of a square, and bfloat16 where eight bits are "
        "too far and this processor has it. Exit status "
        f"{TOO_FAR}: it is too far from the model, and used only where `precision: int8` says so. "
        "Without MODEL it makes the forms of all that are served, whose model.yaml names pictures "
        "(`quantize`) and beside which there is none of these weights and settings; exit status 1 "
        "then says that one could not be made, and one that is too far is no failure.",
    )
    add_model(parser, "by default all whose model.yaml names pictures")
    parser.add_argument(
        "--images",
        type=Path,
        metavar="FOLDER",
        help="pictures, in any depth; by default those that its model.yaml names",
    )
    parser.add_argument(
        "--labels", type=Path, metavar="COCO.json", help="what is on the pictures, or some of them"
    )
    parser.add_argument(
        "--worst",
        type=_picture,
        metavar="FILE.png",
        help="the pictures on which the two are farthest from each other, side by side",
    )
    add_option(parser)
    parser.set_defaults(run=run)


@dataclass(frozen=True)
class _Pictures:
    """From which pictures a form is made, and what is on them."""

    paths: list[Path]
    labelled: Labelled | None


def run(arguments: argparse.Namespace) -> int:
    """Make it and say what came of it; 3 where it is too far from the model."""
    settings = settings_with(arguments)
    check_here(settings.serving)
    if arguments.model is None:
        given = [name for name in _OF_ONE if getattr(arguments, name) is not None]
        if given:
            raise CommandError(f"--{given[0]} is said of one model: name it", 2)
        return _make_all(settings)
    pictures = None
    if arguments.images is not None:
        pictures = _pictures(arguments.images, arguments.labels, "--images")
    elif arguments.labels is not None:
        raise CommandError("--labels are of the pictures in a folder: --images FOLDER", 2)
    found = version_in(settings.serving.model_repository, arguments.model, arguments.version)
    made = _made(settings, found, pictures)
    if arguments.worst is not None:
        try:
            made.worst.save(arguments.worst)
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}") from error
    _tell(made)
    return TOO_FAR if made.shortfall else 0


def _make_all(settings: Settings) -> int:
    """Make what is missing of all that is served; 1 where something could not be made.

    A version that is served no more costs no time: its pictures are looked at when it is again.
    """
    # Here: it brings HDF5, which a help text does without.
    from app.serving.arrivals import entry_of

    wanted = [
        found
        for found in find_models(settings.serving.model_repository)
        if "quantize" in entry_of(found).options
    ]
    if not wanted:
        print("no model that is served names pictures: `quantize` in its model.yaml does")
    status = 0
    for found in wanted:
        title = f"{found.name} version {found.version}"
        try:
            if current := _current(settings, found):
                print(f"{title}: {current.name} is here, of these weights and settings", flush=True)
            else:
                _tell(_made(settings, found, None, title), title)
        except CommandError as error:
            print(f"slipway: {printable(str(error))}", file=sys.stderr, flush=True)
            status = 1
        # Networks hold on to themselves in circles: the next one may need the memory.
        gc.collect()
    return status


def _tell(made: Quantization, title: str = "") -> None:
    before = f"{title}: " if title else ""
    size = megabytes(made.path.stat().st_size)
    print(f"{before}{made.path}, {size}: {made.told}")
    for remark in made.remarks:
        print(f"{before}{remark}")
    if made.shortfall:
        told = f"too far, and used only where `precision: int8` says so: {made.shortfall}"
    else:
        told = "near enough: a server runs it"
    print(f"{before}{told}", flush=True)


def _pictures(images: Path, labels: Path | None, what: str) -> _Pictures:
    """Return what is in a folder, and what is known of it; raises CommandError."""
    paths = pictures_in(images, _LEAST_PICTURES, "and fifty say more", what)
    return _Pictures(paths, None if labels is None else Labelled(labels, images))


def _named_in(source: ModelSource, options: Path | None) -> _Pictures:
    """Return the pictures that a `model.yaml` names; raises CommandError."""
    named = source.options.get("quantize")
    if options is None or not named:
        title = f"{source.name} version {source.version}"
        told = "--images FOLDER, or `quantize` in its model.yaml"
        raise CommandError(f"{title} names no pictures to make it from: {told}", 2)
    labels = named.get("labels")
    return _pictures(
        source.folder / named["images"],
        None if labels is None else source.folder / labels,
        f"{options.name}: quantize: images",
    )


def _current(settings: Settings, found: Found) -> Path | None:
    """Return the form that is there, if it is of these weights and settings, and may be used.

    Goldens that have come since may keep it from that. Raises CommandError.
    """
    try:
        kind, source = source_of(settings, found)
        form = kind.form_of(source) if isinstance(kind, Quantizable) else None
        if form is None or form.problem or _golden_problem(kind, kind.load(source), source):
            return None
    except (ModelError, OSError) as error:
        raise _failure(found, error) from error
    return form.path


def _failure(found: Found, error: Exception) -> CommandError:
    """Return what a person is told of it."""
    if isinstance(error, ModelError):
        return CommandError(f"{found.name} version {found.version}: {error}")
    if isinstance(error, OSError):
        # What is written piece by piece, on a full disk, is not named.
        return CommandError(f"{error.filename or found.folder}: {error.strerror}")
    return CommandError(str(error))


def _made(
    settings: Settings, found: Found, pictures: _Pictures | None, title: str = ""
) -> Quantization:
    """Ask the model's kind for it; raises CommandError."""
    try:
        with ending_at_once():
            return _quantized(settings, found, pictures, title)
    except (ModelError, LabelsError, OSError) as error:
        raise _failure(found, error) from error


def _picture(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp"):
        raise argparse.ArgumentTypeError(f"{text!r}: a .png, .jpg or .webp file is needed")
    return path


def _quantized(
    settings: Settings, found: Found, pictures: _Pictures | None, title: str
) -> Quantization:
    """Make it; raises CommandError, ModelError, LabelsError, or OSError."""
    # Here: it brings HDF5, which a help text does without.
    from app.kinds.registry import kinds

    kind, source = source_of(settings, found)
    if not isinstance(kind, Quantizable):
        able = ", ".join(one.name for one in kinds() if isinstance(one, Quantizable))
        raise ModelError(f"is of the kind {kind.name}, which has no form in eight bits; {able} has")
    chosen = pictures or _named_in(source, found.options_path)

    def check(model: LoadedModel) -> str | None:
        return _golden_problem(kind, model, source)

    with PictureProgress(title) as progress:
        return kind.quantize(
            source, chosen.paths, settings.limits, progress.tell, check, chosen.labelled
        )


def _golden_problem(kind: Kind, model: LoadedModel, source: ModelSource) -> str | None:
    """Say which golden a model does not give; None where it gives all."""
    from app.serving.goldens import GoldenError, reproduce_goldens

    try:
        reproduce_goldens(kind.face_of(source.options), model, source)
    except GoldenError as error:
        return str(error)
    return None

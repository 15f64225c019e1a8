"""`slipway quantize`: makes a model's form in eight bits, and says how near its answers are."""

from __future__ import annotations

import argparse
from pathlib import Path

from app.cli.folder import add_option, settings_with, version_in
from app.cli.picture_files import pictures_in
from app.cli.progress import PictureProgress
from app.cli.source import source_of
from app.cli.terminal import CommandError, ending_at_once, megabytes
from app.kinds.kind import (
    Labelled,
    LabelsError,
    LoadedModel,
    ModelError,
    Quantizable,
    Quantization,
)
from app.serving.layout import Found
from app.serving.vacancy import check_here
from app.settings import Settings

#: The exit status where the form is too far from the model to be used by itself.
TOO_FAR = 3

#: Half of them make it, half judge it.
_LEAST_PICTURES = 4


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "quantize",
        help="make a model's form in eight bits, two or three times as fast",
        description="Makes the form in eight bits of a model from every second picture of a "
        "folder, compares on the others what it finds with what the model finds, and writes it "
        "beside the model. A server that starts then runs it, if it is near enough. Pictures are "
        "to be like those that the model will see; fifty or more. With --labels every second "
        "labelled picture judges, by the average precision that is lost. Exit status "
        f"{TOO_FAR}: it is too far from the model, and used only where `precision: int8` says so.",
    )
    parser.add_argument("model", metavar="MODEL", help="its name in the model repository")
    parser.add_argument("--version", type=int, help="of the model, by default the highest")
    parser.add_argument(
        "--images", type=Path, metavar="FOLDER", required=True, help="pictures, in any depth"
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


def run(arguments: argparse.Namespace) -> int:
    """Make it and say what came of it; 3 where it is too far from the model."""
    settings = settings_with(arguments)
    check_here(settings.serving)
    pictures = pictures_in(arguments.images, _LEAST_PICTURES, "and fifty say more")
    labelled = None
    if arguments.labels is not None:
        labelled = Labelled(arguments.labels, arguments.images)
    found = version_in(settings.serving.model_repository, arguments.model, arguments.version)
    try:
        with ending_at_once():
            made = _quantized(settings, found, pictures, labelled)
        if arguments.worst is not None:
            made.worst.save(arguments.worst)
    except ModelError as error:
        raise CommandError(f"{found.name} version {found.version}: {error}") from error
    except LabelsError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        # What is written piece by piece, on a full disk, is not named.
        raise CommandError(f"{error.filename or found.folder}: {error.strerror}") from error
    print(f"{made.path}, {megabytes(made.path.stat().st_size)}: {made.told}")
    for remark in made.remarks:
        print(remark)
    if made.shortfall:
        print(f"too far, and used only where `precision: int8` says so: {made.shortfall}")
        return TOO_FAR
    print("near enough: a server that starts runs it")
    return 0


def _picture(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp"):
        raise argparse.ArgumentTypeError(f"{text!r}: a .png, .jpg or .webp file is needed")
    return path


def _quantized(
    settings: Settings, found: Found, pictures: list[Path], labelled: Labelled | None
) -> Quantization:
    """Ask the model's kind; raises ModelError, LabelsError, or OSError."""
    # Here: they bring HDF5, which a help text does without.
    from app.kinds.registry import kinds
    from app.serving.goldens import GoldenError, reproduce_goldens

    kind, source = source_of(settings, found)
    if not isinstance(kind, Quantizable):
        able = ", ".join(one.name for one in kinds() if isinstance(one, Quantizable))
        raise ModelError(f"is of the kind {kind.name}, which has no form in eight bits; {able} has")
    face = kind.face_of(source.options)

    def check(model: LoadedModel) -> str | None:
        try:
            reproduce_goldens(face, model, source)
        except GoldenError as error:
            return str(error)
        return None

    with PictureProgress() as progress:
        return kind.quantize(source, pictures, settings.limits, progress.tell, check, labelled)

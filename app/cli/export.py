"""`slipway export`: writes a model for other programs, runs it as they do, and compares."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from app.cli.folder import add_model, add_option, settings_with, version_in
from app.cli.picture_files import pictures_in
from app.cli.progress import PictureProgress
from app.cli.source import source_of
from app.cli.terminal import CommandError, ending_at_once, megabytes
from app.kinds.kind import Export, Exportable, Exported, ModelError
from app.serving.layout import Found
from app.serving.vacancy import check_here
from app.settings import Settings

#: The exit status where the answers of what was written are too far from the model's.
TOO_FAR = 3


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "export",
        help="write a model as one graph that other programs run",
        description="Writes a model as one graph, with a picture as its only input, into a folder "
        "that TensorFlow Serving, OpenVINO or ONNX Runtime runs without this project. "
        "Then runs it so, and compares its answers with the model's. Exit status "
        f"{TOO_FAR}: they are too far apart, or nothing was found that could be compared.",
    )
    add_model(parser)
    parser.add_argument(
        "--to", choices=["saved_model", "openvino", "onnx"], required=True, help="the format"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", required=True, help="is made, and written whole"
    )
    parser.add_argument(
        "--replace", action="store_true", help="let go of what lies there; else it is refused"
    )
    parser.add_argument(
        "--precision",
        choices=["f32", "int8"],
        default="f32",
        help="int8, to openvino and onnx: the form that `slipway quantize` has made",
    )
    parser.add_argument(
        "--masks",
        choices=["picture", "box"],
        default="picture",
        help="those it draws: over the whole picture, 0 or 1, or small over their boxes, 0 to 1",
    )
    parser.add_argument(
        "--images",
        type=Path,
        metavar="FOLDER",
        help="pictures to compare on, by default the model's samples, else some that are drawn",
    )
    add_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write it and say how near it is; 3 where it is too far from the model."""
    if arguments.precision == "int8" and arguments.to == "saved_model":
        raise CommandError(f"--precision int8: --to {arguments.to} has float32 alone", 2)
    path = _place(arguments.out, replaces=arguments.replace)
    settings = settings_with(arguments)
    check_here(settings.serving)
    given = None if arguments.images is None else pictures_in(arguments.images, 1)
    found = version_in(settings.serving.model_repository, arguments.model, arguments.version)
    wanted = Export(arguments.to, path, arguments.precision, arguments.masks, arguments.replace)
    try:
        pictures = found.samples() if given is None else given
        with ending_at_once():
            made = _exported(settings, found, wanted, pictures)
    except ModelError as error:
        raise CommandError(f"{found.name} version {found.version}: {error}") from error
    except OSError as error:
        # What is written piece by piece, on a full disk, is not named.
        raise CommandError(f"{error.filename or path}: {error.strerror}") from error
    size = sum(each.stat().st_size for each in path.rglob("*") if each.is_file())
    print(f"{path}, {megabytes(size)}: {made.told}")
    if made.shortfall:
        print(f"not proven to answer as the model does: {made.shortfall}")
        return TOO_FAR
    print("it answers as the model does, without anything of this project in the process")
    return 0


def _place(path: Path, *, replaces: bool) -> Path:
    """Return where it is written; raises CommandError before any work is done in vain."""
    if os.path.lexists(path) and not replaces:
        raise CommandError(f"--out {path}: is there already; --replace lets go of it", 2)
    if not path.absolute().parent.is_dir():
        raise CommandError(f"--out {path}: there is no folder {path.parent}", 2)
    if not path.name or (path.is_dir() and not path.is_symlink() and path.samefile(Path.cwd())):
        raise CommandError(f"--out {path}: a folder to be made has to be named", 2)
    return path


def _exported(settings: Settings, found: Found, wanted: Export, pictures: list[Path]) -> Exported:
    """Ask the model's kind; raises ModelError, or OSError."""
    # Here: they bring HDF5, which a help text does without.
    from app.kinds.registry import kinds

    kind, source = source_of(settings, found)
    if not isinstance(kind, Exportable):
        able = ", ".join(one.name for one in kinds() if isinstance(one, Exportable))
        raise ModelError(
            f"is of the kind {kind.name}, which other programs run as it is; {able} can be exported"
        )
    with PictureProgress() as progress:
        return kind.export(source, wanted, pictures, settings.limits, progress.tell)

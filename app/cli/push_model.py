"""`slipway push-model FILE BUCKET`: brings a model to a bucket, and writes what refers to it.

Only a model that has answered goes: it is loaded by the server's own code, with the options that it
will be served with, and what it answers on the photos given becomes its goldens. What lies beside
the file and belongs to it goes with it. Git then has a few lines of YAML, and the goldens.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import os
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from app import log
from app.cli.folder import add_option, settings_with
from app.cli.ignored import ignore
from app.cli.progress import Progress
from app.cli.terminal import CommandError, counted, ending_at_once, megabytes
from app.cli.trial import Trial
from app.cli.uploading import upload
from app.serving.layout import MODELS_TEXT, VERSION, is_model_file
from app.serving.references import Reference, Source, SourceError
from app.serving.stores import StoreError, store_of, words_of
from app.serving.strays import no_content
from app.serving.vacancy import check_folder
from app.serving.yaml_mapping import MappingError, read_mapping
from app.settings import Settings

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
# What this command alone writes.
_WRITTEN = ("source", "companions")
_BUCKET = re.compile(r"(gs|s3|az)://[^/\s]+(/\S*)?")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "push-model",
        help="bring a model's file to a bucket, and write the YAML that refers to it",
        description="Loads the model, asks it, uploads its file unless it is there already, and "
        "writes NAME.yaml among the models, which `slipway fetch` and the build go by. What stands "
        "there before, and in NAME.labels.txt, counts. With --version it is NAME/N/model.yaml. A "
        "form in eight bits that lies beside the file, and is of it, goes with it.",
    )
    parser.add_argument("file", metavar="FILE.h5", type=Path)
    parser.add_argument(
        "bucket",
        metavar="BUCKET",
        nargs="?",
        help="gs://bucket, s3://bucket or az://container, a folder in it too; by default "
        "gs://$gcp_bucket_name",
    )
    parser.add_argument("--name", help="the model's name; by default the file's")
    parser.add_argument("--version", metavar="N", help="a version with a folder of its own")
    parser.add_argument(
        "--photo",
        metavar="PHOTO",
        type=Path,
        action="append",
        default=[],
        help="what the model answers on it becomes a golden; may be given again and again",
    )
    add_option(parser)
    parser.set_defaults(run=run)


@dataclass(frozen=True)
class _Model:
    """A model that is pushed: its file, and where what refers to it lies in the repository."""

    name: str
    version: int
    file: Path
    place: str
    """The folder in the bucket that has its files, each below its digest."""
    source: Source
    folder: Path
    stem: str | None
    """What its files are called there, if not as in the bucket."""
    options: Path
    labels: Path
    golden: str
    """The folder of its goldens, as a `model.yaml` names it."""


def run(arguments: argparse.Namespace) -> int:
    """Ask the model, upload its file and write the YAML, in that order; raises CommandError."""
    settings = settings_with(arguments)
    serving = settings.serving
    if serving.model_bucket is not None:
        told = "the YAML is written to a folder; name it: --models FOLDER"
        raise CommandError(f"MODEL_REPOSITORY={serving.model_bucket!r}: {told}", 2)
    check_folder(serving.model_repository)
    model = _model(arguments, settings)
    before = _mapping(model.options)
    log.configure(settings.log_level, io.StringIO())
    with ending_at_once():
        trial, photos = _trial(model, before, arguments.photo)
        goldens, beside = _asked(trial, photos, settings)
        reference = _reference(model, beside)
        _tell_left_out(before, reference, model.options)
        _upload(model.file, model.source)
        for file, source in zip(beside, reference.companions, strict=True):
            _upload(file, source)
    written = _write(model, before, goldens, reference)
    size, count = megabytes(model.source.size_bytes), counted(len(goldens), "new golden")
    print(f"{model.name} version {model.version}: {size} at {model.source.uri}, {count}")
    for source in reference.companions:
        print(f"with it: {megabytes(source.size_bytes)} at {source.uri}")
    print(f"next: {shlex.join(['git', 'add', *map(str, written)])}")
    return 0


def _model(arguments: argparse.Namespace, settings: Settings) -> _Model:
    """Return what is to be pushed, and to where; raises CommandError."""
    file: Path = arguments.file
    name = file.stem if arguments.name is None else arguments.name
    if not _NAME.fullmatch(name):
        allowed = "letters, digits, dots, dashes and underscores, 100 at most"
        raise CommandError(f"the model's name is {name!r}; it must be {allowed}: --name NAME", 2)
    version = arguments.version
    if version is not None and not VERSION.fullmatch(version):
        raise CommandError(f"--version {version!r}: must be a whole number from 1 on", 2)
    if version is None and name == "model":
        raise CommandError("model.yaml is no model's own YAML here: --name NAME", 2)
    bucket = arguments.bucket or f"gs://{settings.serving.bucket_name or ''}"
    if not _BUCKET.fullmatch(bucket):
        told = "name a bucket: slipway push-model FILE.h5 gs://my-bucket"
        raise CommandError(f"{bucket} is none; {told}" if arguments.bucket else told, 2)
    place = f"{bucket.rstrip('/')}/{name}"
    source = _source_of_model(file, place)
    repository = settings.serving.model_repository
    if version is None:
        options, labels = repository / f"{name}.yaml", repository / f"{name}.labels.txt"
        place_of = (repository, name, options, labels, f"golden/{name}")
        return _Model(name, 1, file, place, source, *place_of)
    folder = repository / name / version
    place_of = (folder, None, folder / "model.yaml", folder / "labels.txt", "golden")
    return _Model(name, int(version), file, place, source, *place_of)


def _source_of_model(file: Path, place: str) -> Source:
    """Return what refers to a model's file at a place; raises CommandError."""
    try:
        if not file.is_file() or not is_model_file(file):
            raise CommandError(f"{file} is no model file ({MODELS_TEXT})")
        if problem := no_content(file):
            raise CommandError(problem)
        return Source.of(_referring(file, place))
    except OSError as error:
        raise CommandError(f"{file}: cannot be read: {error.strerror}") from error
    except SourceError as error:
        raise CommandError(str(error)) from error


def _referring(file: Path, place: str) -> dict[str, Any]:
    """Return what a YAML says of a file at a place; raises OSError."""
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    # By its contents: another file never takes the place of one that something refers to.
    uri = f"{place}/{digest[:16]}/{file.name}"
    return {"uri": uri, "sha256": digest, "bytes": file.stat().st_size}


def _mapping(options: Path) -> dict[Any, Any]:
    """Return what a `model.yaml` says so far; raises CommandError."""
    try:
        return read_mapping(options) if options.exists() else {}
    except MappingError as error:
        raise CommandError(str(error)) from error


def _trial(
    model: _Model, before: dict[Any, Any], photos: Sequence[Path]
) -> tuple[Trial, list[Path]]:
    """Return what is asked, and the photos; raises CommandError where two have one name.

    Another file than before answers the photos of the goldens that there are, too: theirs are of
    the old one.
    """
    names = [photo.name for photo in photos]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise CommandError(f"--photo: two are called {twice}; their goldens would be one file", 2)
    known = before.get("golden") or []
    told = before.get("source")
    is_same = isinstance(told, dict) and told.get("sha256") == model.source.sha256
    old = [] if is_same else [model.folder / entry["input"] for entry in known]
    given = {f"{model.golden}/{name}" for name in names}
    kept = [entry for entry in known if is_same and entry["input"] not in given]
    options = {key: value for key, value in before.items() if key not in (*_WRITTEN, "golden")}
    trial = Trial(
        model.name,
        model.version,
        model.file,
        model.folder,
        model.options.name,
        options | ({"golden": kept} if kept else {}),
        model.labels if model.labels.exists() else None,
    )
    return trial, [*photos, *(photo for photo in old if photo.name not in names)]


def _asked(
    trial: Trial, photos: Sequence[Path], settings: Settings
) -> tuple[dict[Path, str], list[Path]]:
    """Return the model's answer on each photo, and the files that go with its own.

    What lies beside it has no say in the answers, unless the options ask for it by name, and goes
    where the model is served with it, too. Raises CommandError where the model cannot be served.
    """
    print(f"asking {trial.name} version {trial.version}", file=sys.stderr, flush=True)
    there = trial.companions(settings)
    going = [one.path for one in there if one.is_needed]
    answers = trial.answers(settings, photos, going)
    for one in there:
        if one.is_needed:
            continue
        if problem := one.problem or trial.problem_with(settings, [*going, one.path], answers):
            print(f"{one.path.name} is left behind: {problem}", file=sys.stderr)
        else:
            going.append(one.path)
    return answers, going


def _reference(model: _Model, beside: Sequence[Path]) -> Reference:
    """Return what refers to the file and to those that go with it; raises CommandError."""
    try:
        companions = tuple(
            Source.of(_referring(path, model.place), "companions", (path.name,)) for path in beside
        )
    except OSError as error:
        raise CommandError(f"{error.filename}: {error.strerror}") from error
    except SourceError as error:
        raise CommandError(str(error)) from error
    return Reference(model.source, companions)


def _tell_left_out(before: dict[Any, Any], reference: Reference, options: Path) -> None:
    """Say of what the YAML refers to so far that it lies no longer beside this very file."""
    with contextlib.suppress(SourceError):
        old = Reference.of(before)
        if old is None or old.source.sha256 != reference.source.sha256:
            return
        for one in old.companions:
            if not any(new.file_name == one.file_name for new in reference.companions):
                print(f"{options.name} refers to {one.file_name} no longer", file=sys.stderr)


def _upload(file: Path, source: Source) -> None:
    """Bring a file to its bucket, unless it is there; raises CommandError."""
    try:
        files, path = store_of(source.uri)
        if _size_at(files, path) == source.size_bytes:
            print(f"{source.uri} is there already", file=sys.stderr)
            return
        with Progress("uploading", source.size_bytes) as progress:
            upload(files, file, source.uri, path, progress.add)
        files.invalidate_cache()
        size_bytes = _size_at(files, path)
    except StoreError as error:
        raise CommandError(str(error)) from error
    except Exception as error:
        # Each driver has errors of its own.
        raise CommandError(f"{source.uri}: {words_of(error)}") from error
    if size_bytes != source.size_bytes:
        told = f"{size_bytes:,} bytes are there of {source.size_bytes:,}"
        raise CommandError(f"{source.uri}: {told}; run it again")


def _size_at(files: Any, path: str) -> int:
    """Return how many bytes lie at a path; 0 where nothing does."""
    try:
        return int(files.info(path)["size"])
    except FileNotFoundError:
        return 0


def _write(
    model: _Model, before: dict[Any, Any], goldens: dict[Path, str], reference: Reference
) -> list[Path]:
    """Write goldens, YAML and what git is to ignore; return what git is to have."""
    model.folder.mkdir(parents=True, exist_ok=True)
    entries, written = list(before.get("golden") or []), [model.options]
    for photo, answer in goldens.items():
        entry = next((one for one in entries if model.folder / one["input"] == photo), None)
        if entry is None:
            name = f"{model.golden}/{photo.name}"
            entry = {"input": name, "output": f"{name}.json"}
            place = model.folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            if not (place.exists() and place.samefile(photo)):
                shutil.copyfile(photo, place)
            entries = [one for one in entries if one["input"] != name] + [entry]
        (model.folder / entry["output"]).write_text(answer)
    if goldens:
        written.append(model.folder / model.golden)
    new: dict[str, Any] = {"golden": entries} if entries else {}
    new["source"] = _entry(reference.source)
    if reference.companions:
        new["companions"] = [_entry(one) for one in reference.companions]
    text = _composed(model.options, new)
    draft = model.options.with_name(f".{model.options.name}.draft")
    draft.write_text(text)
    os.replace(draft, model.options)
    for _, target in reference.targets(model.folder, model.stem):
        ignored = ignore(target)
    return [*written, ignored]


def _entry(source: Source) -> dict[str, Any]:
    """Return what a YAML says of a file."""
    return {"uri": source.uri, "sha256": source.sha256, "bytes": source.size_bytes}


def _composed(options: Path, new: dict[str, Any]) -> str:
    """Return a YAML's text with keys anew, the rest as its owner wrote it where that can be."""
    addition = yaml.safe_dump(new, sort_keys=False)
    if not options.exists():
        return addition
    text = options.read_text("utf-8-sig")
    for key in {*new, *_WRITTEN}:
        text = re.sub(rf"^{key}:.*\n?(?:^(?:[ \t-].*)?\n)*(?:^[ \t-].*)?", "", text, flags=re.M)
    text += ("" if not text or text.endswith("\n") else "\n") + addition
    kept = {key: value for key, value in read_mapping(options).items() if key not in _WRITTEN}
    wanted = {**kept, **new}
    with contextlib.suppress(yaml.YAMLError):
        if yaml.safe_load(text) == wanted:
            return text
    return yaml.safe_dump(wanted, sort_keys=False)

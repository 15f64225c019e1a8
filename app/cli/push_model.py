"""`slipway push-model FILE BUCKET`: brings a model to a bucket, and writes what refers to it.

Only a model that has answered goes: it is loaded by the server's own code, with the options that it
will be served with, and what it answers on the photos given becomes its goldens. Git then has a few
lines of YAML, and the goldens.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from app import log
from app.cli.asking import ASKING_ERRORS, ask_once, reason_of
from app.cli.folder import add_option, settings_with
from app.cli.ignored import ignore
from app.cli.progress import Progress
from app.cli.terminal import CommandError, counted, ending_at_once, megabytes
from app.cli.uploading import upload
from app.serving.layout import MODELS_TEXT, VERSION, Found, is_model_file
from app.serving.references import Source, SourceError, target_of
from app.serving.stores import StoreError, store_of, words_of
from app.serving.strays import no_content
from app.serving.vacancy import check_folder
from app.serving.yaml_mapping import MappingError, read_mapping
from app.settings import Settings

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_BUCKET = re.compile(r"(gs|s3|az)://[^/\s]+(/\S*)?")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "push-model",
        help="bring a model's file to a bucket, and write the YAML that refers to it",
        description="Loads the model, asks it, uploads its file unless it is there already, and "
        "writes NAME.yaml among the models, which `slipway fetch` and the build go by. What stands "
        "there before, and in NAME.labels.txt, counts. With --version it is NAME/N/model.yaml.",
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
    source: Source
    folder: Path
    options: Path
    labels: Path
    target: Path
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
        goldens = _goldens(model, before, settings, arguments.photo)
        _upload(model)
    written = _write(model, before, goldens)
    size, count = megabytes(model.source.size_bytes), counted(len(goldens), "new golden")
    print(f"{model.name} version {model.version}: {size} at {model.source.uri}, {count}")
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
    source = _source(file, f"{bucket.rstrip('/')}/{name}")
    repository = settings.serving.model_repository
    if version is None:
        return _Model(
            name,
            1,
            file,
            source,
            repository,
            repository / f"{name}.yaml",
            repository / f"{name}.labels.txt",
            target_of(source, repository, name),
            f"golden/{name}",
        )
    folder = repository / name / version
    options, labels, target = (
        folder / "model.yaml",
        folder / "labels.txt",
        target_of(source, folder),
    )
    return _Model(name, int(version), file, source, folder, options, labels, target, "golden")


def _source(file: Path, place: str) -> Source:
    """Return what refers to a file at a place; raises CommandError."""
    try:
        if not file.is_file() or not is_model_file(file):
            raise CommandError(f"{file} is no model file ({MODELS_TEXT})")
        if problem := no_content(file):
            raise CommandError(problem)
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        size_bytes = file.stat().st_size
    except OSError as error:
        raise CommandError(f"{file}: cannot be read: {error.strerror}") from error
    # By its contents: another file never takes the place of one that something refers to.
    uri = f"{place}/{digest[:16]}/{file.name}"
    try:
        return Source.of({"uri": uri, "sha256": digest, "bytes": size_bytes})
    except SourceError as error:
        raise CommandError(str(error)) from error


def _mapping(options: Path) -> dict[Any, Any]:
    """Return what a `model.yaml` says so far; raises CommandError."""
    try:
        return read_mapping(options) if options.exists() else {}
    except MappingError as error:
        raise CommandError(str(error)) from error


def _goldens(
    model: _Model, before: dict[Any, Any], settings: Settings, photos: Sequence[Path]
) -> dict[Path, str]:
    """Return the model's answer on each photo; raises CommandError where it cannot be served.

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
    options = {key: value for key, value in before.items() if key not in ("source", "golden")}
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / model.options.name
        draft.write_text(yaml.safe_dump(options | ({"golden": kept} if kept else {})))
        labels = model.labels if model.labels.exists() else None
        found = Found(model.name, model.version, model.folder, model.file, draft, labels)
        print(f"asking {model.name} version {model.version}", file=sys.stderr, flush=True)
        again = [photo for photo in old if photo.name not in names]
        return _answers(settings, found, [*photos, *again])


def _answers(settings: Settings, found: Found, photos: Sequence[Path]) -> dict[Path, str]:
    # Here: it brings HDF5, which a help text does without.
    from app.serving.local_client import LocalClient

    limits, answers = settings.limits, dict[Path, str]()
    with contextlib.closing(LocalClient.start(settings.serving, find=lambda _: [found])) as client:
        client.wait_until_loaded()
        (status,) = client.models()
        if status.error is not None:
            raise CommandError(f"{found.name} cannot be served: {status.error}")
        asked: Sequence[Path | None] = photos or (None,)
        for photo in asked:
            try:
                asked_one = ask_once(client, found, photo, limits)
            except ASKING_ERRORS as error:
                raise CommandError(f"{photo or 'noise'}: {reason_of(error)}") from error
            if photo:
                answer = asked_one.answer(asked_one.face.parameters())
                # What is another in each run says nothing of the model.
                del answer["timing_ms"], answer["prediction_id"]
                answers[photo] = json.dumps(answer, indent=1) + "\n"
    return answers


def _upload(model: _Model) -> None:
    """Bring the file to its bucket, unless it is there; raises CommandError."""
    source = model.source
    try:
        files, path = store_of(source.uri)
        if _size_at(files, path) == source.size_bytes:
            print(f"{source.uri} is there already", file=sys.stderr)
            return
        with Progress("uploading", source.size_bytes) as progress:
            upload(files, model.file, source.uri, path, progress.add)
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


def _write(model: _Model, before: dict[Any, Any], goldens: dict[Path, str]) -> list[Path]:
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
    source = model.source
    new: dict[str, Any] = {"golden": entries} if entries else {}
    new["source"] = {"uri": source.uri, "sha256": source.sha256, "bytes": source.size_bytes}
    text = _composed(model.options, new)
    draft = model.options.with_name(f".{model.options.name}.draft")
    draft.write_text(text)
    os.replace(draft, model.options)
    return [*written, ignore(model.target)]


def _composed(options: Path, new: dict[str, Any]) -> str:
    """Return a YAML's text with keys anew, the rest as its owner wrote it where that can be."""
    addition = yaml.safe_dump(new, sort_keys=False)
    if not options.exists():
        return addition
    text = options.read_text("utf-8-sig")
    for key in new:
        text = re.sub(rf"^{key}:.*\n?(?:^(?:[ \t-].*)?\n)*(?:^[ \t-].*)?", "", text, flags=re.M)
    text += ("" if not text or text.endswith("\n") else "\n") + addition
    wanted = {**read_mapping(options), **new}
    with contextlib.suppress(yaml.YAMLError):
        if yaml.safe_load(text) == wanted:
            return text
    return yaml.safe_dump(wanted, sort_keys=False)

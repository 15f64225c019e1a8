"""`slipway predict FILE…`: the answers of POST /predict without a server, or a server's own."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from PIL import Image

from app import log
from app.cli.asking import ASKING_ERRORS, ask_file, reason_of
from app.cli.distant import DistantError, DistantServer, summary_of
from app.cli.folder import add_option, settings_with
from app.cli.terminal import CommandError, ending_at_once, printable, table
from app.kinds.face import Face, Limits, Parameters, Summary
from app.kinds.registry import faces
from app.serving.client import Ask, InferenceClient
from app.serving.entries import default_candidates, named
from app.serving.errors import ServingError
from app.serving.vacancy import check_here, no_model
from app.settings import Settings


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("predict", help="ask a model about files, without a server")
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path, help="a photo, or JSON")
    parser.add_argument("--model", help="by default the one that a server would choose")
    parser.add_argument("--min-score", type=_score, metavar="SCORE", help="from 0 to 1")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, with masks")
    parser.add_argument(
        "--render",
        metavar="OUT",
        help="draw what was found: OUT is a picture file; for several photos a folder, or a "
        "pattern with {stem}, as in out/{stem}.png",
    )
    parser.add_argument("--url", metavar="URL", help="ask that server, as http://localhost:8080")
    parser.add_argument("--verbose", action="store_true", help="the log, on stderr")
    add_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print what is on each photo; 1 where one of them could not be taken."""
    targets = _targets(arguments.files, arguments.render)
    if arguments.url is not None:
        if arguments.models is not None:
            raise CommandError("--url and --models: a server has models of its own", 2)
        server = DistantServer(arguments.url, arguments.model, arguments.min_score)
        return _each(arguments.files, targets, partial(_predict_there, server, arguments.json))
    settings = settings_with(arguments)
    check_here(settings.serving)
    limits = settings.limits
    log.configure(settings.log_level, sys.stderr if arguments.verbose else io.StringIO())
    with ending_at_once(), contextlib.closing(_load(settings, arguments.model)) as client:
        predict = partial(_predict, client, limits=limits, arguments=arguments)
        return _each(arguments.files, targets, predict)


def _each(
    files: list[Path], targets: list[Path | None], predict: Callable[[Path, Path | None], None]
) -> int:
    """Ask about each file; 1 where one of them could not be taken."""
    failures = 0
    for file, target in zip(files, targets, strict=True):
        try:
            predict(file, target)
        except BrokenPipeError:  # nobody reads on: that is no photo's fault
            raise
        except (*ASKING_ERRORS, DistantError) as error:
            print(f"slipway: {file}: {reason_of(error)}", file=sys.stderr)
            failures += 1
    return 1 if failures else 0


def _score(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= float(text) <= 1:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 to 1")


def _targets(files: list[Path], render: str | None) -> list[Path | None]:
    """Return where each photo's drawing goes; raises CommandError where two go to one file."""
    if render is None:
        return [None] * len(files)
    is_folder = render.endswith("/") or Path(render).is_dir()
    if "{stem}" in render:
        targets = [Path(render.replace("{stem}", file.stem)) for file in files]
    elif is_folder or len(files) > 1:
        targets = [Path(render) / f"{file.stem}.png" for file in files]
    else:
        targets = [Path(render)]
    twice = [target for target in targets if targets.count(target) > 1]
    if twice:
        raise CommandError(f"--render {render}: several photos would be drawn to {twice[0]}", 2)
    for target in targets:
        if target.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp"):
            raise CommandError(f"--render {target}: a .png, .jpg or .webp file is needed", 2)
    return list(targets)


def _load(settings: Settings, name: str | None) -> InferenceClient:
    """Load the model that is asked for, and wait for it; raises CommandError where there is none.

    Without a name it is the one that a server would choose: several, where they have to be loaded
    before one can.
    """
    # Here: they bring HDF5, which a help text does without.
    from app.kinds.registry import kinds
    from app.serving.local_client import LocalClient
    from app.serving.repository import ModelRepository

    folder = settings.serving.model_repository
    repository = ModelRepository(settings.serving, kinds())
    if not repository.entries:
        raise CommandError(no_model(folder) or repository.readiness()[1])
    wanted = name or settings.serving.default_model
    asked_by = "" if name or not wanted else f"DEFAULT_MODEL={wanted!r}: "
    try:
        chosen = named(repository.entries, wanted) if wanted else []
    except ServingError as error:
        raise CommandError(f"{asked_by}{error}") from error
    if not chosen and len(chosen := default_candidates(repository.entries)) > 1:
        repository.examine()
        chosen = default_candidates(repository.entries)
    client = LocalClient.start(settings.serving, find=lambda _: [entry.found for entry in chosen])
    client.wait_until_loaded()
    return client


def _predict(
    client: InferenceClient,
    file: Path,
    target: Path | None,
    *,
    limits: Limits,
    arguments: argparse.Namespace,
) -> None:
    face = faces()[client.choose(Ask(arguments.model)).face]
    parameters = _parameters(face, arguments)
    asked = ask_file(client, arguments.model, None, file, limits=limits, told=parameters.asked())
    if arguments.json:
        print(json.dumps({"file": str(file), **asked.answer(parameters)}))
    else:
        summary, prediction = face.summary(asked.outcome), asked.prediction
        by = prediction.model, prediction.version
        print("\n".join(_as_text(file, summary, by, prediction.inference_ms)), flush=True)
    if target is not None:
        _save(face.drawing(asked.outcome), target)


def _predict_there(server: DistantServer, as_json: bool, file: Path, target: Path | None) -> None:
    sent = file.read_bytes()
    answer = server.answer(sent)
    if as_json:
        print(json.dumps({"file": str(file), **answer}), flush=True)
    else:
        by, inference_ms = (answer["model"], answer["version"]), answer["timing_ms"]["inference"]
        print("\n".join(_as_text(file, summary_of(answer), by, inference_ms)), flush=True)
    if target is not None:
        _save(server.drawing(sent), target)


def _parameters(face: Face, arguments: argparse.Namespace) -> Parameters:
    """Return what is asked for; raises CommandError for what the model's kind does not know."""
    given = {} if arguments.min_score is None else {"min_score": arguments.min_score}
    if unknown := given.keys() - face.parameters.model_fields.keys():
        (name,) = unknown
        raise CommandError(f"--{name.replace('_', '-')}: this kind of model has no such thing", 2)
    return face.parameters.model_validate(given)


def _as_text(file: Path, told: Summary, by: tuple[str, int], inference_ms: float) -> Iterator[str]:
    model, version = by
    yield printable(
        f"{file}: {told.found} on {told.inputs}, {model} version {version}, {inference_ms:.0f} ms"
    )
    if told.rows:
        for line in table(told.rows, right=told.right).splitlines():
            yield f"  {line}"


def _save(drawing: Image.Image | None, target: Path) -> None:
    if drawing is None:
        raise CommandError(f"--render {target}: what this kind of model says is no picture", 2)
    target.parent.mkdir(parents=True, exist_ok=True)
    drawing.save(target)
    print(f"drawn to {target}", file=sys.stderr)

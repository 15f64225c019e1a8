"""Small models over HTTP: requests a second, latency, memory and start, beside other servers.

`python -m bench.serving` serves the demos `iris` and `fashion` with `slipway serve`, with KServe's
Python server, MLServer, BentoML, LitServe and Ray Serve, each with one and with two workers, and
with a plain Flask route under nginx and uWSGI; one after another, on loopback, with wrk as the
client. Each answer is compared with ours before it is measured: a wrong one has no result.
`--prepare` only makes the peers' environments, under build/bench.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from PIL import Image

from app.kinds.image_classifier.train_fashion import read_idx
from bench import wrk
from bench.contender import ROOT
from bench.environment import environment, prepare
from bench.machine import Load, difference, stated, watched
from bench.peers.sides import IRIS, OURS, Question, Side, sides
from bench.report import save
from bench.served import Served, served
from bench.serving_tables import Line, Outcome, newest, printed

# Of the score in an answer.
_TOLERANCE = 1e-3
_WARM_UP_S, _WARM_UP_CLIENTS = 1, 16


def main() -> None:
    arguments = parsed()
    if arguments.markdown:
        print(newest())
        return
    wrk.require()
    with repository() as models:
        chosen = [
            side
            for side in sides(b"" if arguments.prepare else picture(), models)
            if not arguments.only or side.name in arguments.only or side.name == OURS
        ]
        missing = prepared(chosen)
        if arguments.prepare:
            return
        outcomes, loads = measured(chosen, missing, arguments)
    if not loads:
        sys.exit("no side was measured")
    reason = difference(loads)
    lines = [asdict(line) for outcome in outcomes for line in outcome.lines]
    told = [asdict(outcome) | {"lines": None} for outcome in outcomes]
    facts = [f"{arguments.seconds} s each", *versions(chosen)]
    print(printed(outcomes, facts, stated(loads), reason=reason))
    path = save(
        "serving",
        lines,
        vars(arguments),
        loads,
        outcomes=told,
        facts=facts,
        stated=stated(loads),
        reason=reason,
    )
    print(f"\nwritten to {path.relative_to(ROOT)}")


def parsed() -> argparse.Namespace:
    """Return what the command was told."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    names = list(dict.fromkeys(side.name for side in sides(b"", Path())))
    add("--only", nargs="+", choices=names, metavar="NAME", help=f"and ours; of {', '.join(names)}")
    add("--seconds", type=int, default=3, help="of each measurement")
    add("--clients", type=int, nargs="+", default=[1, 16, 128])
    add("--prepare", action="store_true", help="only make the peers' environments")
    add(
        "--markdown", action="store_true", help="print the newest result again, and measure nothing"
    )
    return parser.parse_args()


def picture() -> bytes:
    """Return the first test picture of Fashion-MNIST as a PNG."""
    folder = Path(os.environ.get("SLIPWAY_DATA", "")) / "fashion-mnist"
    if not folder.is_dir():
        sys.exit("SLIPWAY_DATA must name a folder with fashion-mnist/, which has t10k-*-ubyte.gz")
    file = io.BytesIO()
    Image.fromarray(read_idx(folder, "t10k")[0][0].squeeze()).save(file, "PNG")
    return file.getvalue()


@contextlib.contextmanager
def repository() -> Iterator[Path]:
    """Give a folder with the two models, and no others, until the block ends."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("iris", "fashion"):
            shutil.copytree(ROOT / "models" / name, Path(folder) / name)
        yield Path(folder)


def prepared(chosen: list[Side]) -> dict[str, str]:
    """Make the environments that are not there; returns why some cannot be, by name."""
    packages = {side.name: side.packages for side in chosen if side.packages}
    reasons = {name: prepare(name, wanted) for name, wanted in packages.items()}
    missing = {name: reason for name, reason in reasons.items() if reason}
    for name, reason in missing.items():
        print(f"{name} is left out: {reason}", file=sys.stderr)
    return missing


def measured(
    chosen: list[Side], missing: dict[str, str], arguments: argparse.Namespace
) -> tuple[list[Outcome], dict[str, list[Load]]]:
    """Let each have its turn."""
    outcomes: list[Outcome] = []
    loads: dict[str, list[Load]] = {}
    expected: dict[str, tuple[str, float]] = {}
    for side in chosen:
        outcome = Outcome(side.name, side.workers, side.title)
        outcomes.append(outcome)
        if side.name in missing:
            outcome.trouble = missing[side.name]
            continue
        print(side.title, file=sys.stderr)
        load: list[Load] = []
        try:
            with served(side.command, side.variables) as server, watched(load):
                _measure(server, side, outcome, expected, arguments)
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            outcome.trouble = str(error)
            print(f"{side.title}: {error}", file=sys.stderr)
        else:
            loads[side.title] = load
    return outcomes, loads


def _measure(
    server: Served,
    side: Side,
    outcome: Outcome,
    expected: dict[str, tuple[str, float]],
    arguments: argparse.Namespace,
) -> None:
    """Fill in one side's outcome."""
    outcome.start_s = server.first_answer_s(side.questions[IRIS].sent)
    for asked, question in side.questions.items():
        wrong = _wrong(server, asked, question, expected)
        if wrong:
            outcome.wrong[asked] = wrong
            print(f"{side.title}, {asked}: {wrong}", file=sys.stderr)
            continue
        wrk.load(server.port, question.sent, seconds=_WARM_UP_S, clients=_WARM_UP_CLIENTS)
        for clients in arguments.clients:
            result = wrk.load(
                server.port, question.sent, seconds=arguments.seconds, clients=clients
            )
            outcome.lines.append(Line(side.title, asked, **asdict(result)))
    outcome.mib = server.pss_mib()


def _wrong(
    server: Served, asked: str, question: Question, expected: dict[str, tuple[str, float]]
) -> str | None:
    """Return what is wrong with an answer; ours, the first, is what others are held to."""
    try:
        label, score = question.read(question.sent.ask(server.port))
    except (OSError, LookupError, TypeError, ValueError) as error:
        return f"no answer that can be read: {error!r}"
    right_label, right_score = expected.setdefault(asked, (label, score))
    if label == right_label and abs(score - right_score) <= _TOLERANCE:
        return None
    return f"answers {label} {score:.4f} in place of {right_label} {right_score:.4f}"


def versions(chosen: list[Side]) -> list[str]:
    """Return each peer that is installed with its version."""
    found = []
    for name, packages in {side.name: side.packages for side in chosen if side.packages}.items():
        package = packages[0].partition("=")[0].partition("[")[0]
        code = f"import importlib.metadata as m; print(m.version({package!r}))"
        python = environment(name) / "bin" / "python"
        with contextlib.suppress(OSError):
            ran = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
            found.append(f"{name} {ran.stdout.strip()}")
    return found


if __name__ == "__main__":
    main()

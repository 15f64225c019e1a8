"""`slipway reference` and `slipway drift` over a real log, with Evidently as its lock has it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask import Flask

from app.records.outbox import Outbox
from app.records.row import Row
from app.records.settings import RecordSettings
from app.records.shipper.files import Files
from app.records.shipper.sink import Pace
from app.records.shipper.source import PREDICTIONS
from app.serving.contents import sha256_of, stamp_of
from tests.app.records.made import row
from tests.app.serving.model_folder import Models

HOUR_US = 3600 * 1_000_000
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def command(root: Path, models: Models, log: Path, tmp_path: Path) -> Command:
    """Return a function that runs `slipway` in a process of its own."""

    def run(*arguments: object, packages: Path | None = None) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "MODEL_REPOSITORY": str(models.folder),
            "PREDICTION_LOG": str(log),
            "PYTHONPATH": str(packages or root),
        }
        return subprocess.run(
            [sys.executable, "-m", "app.cli", *map(str, arguments)],
            cwd=root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return a log of the model `street`: two weeks ago, by day; lately, at dusk."""
    path = tmp_path / "predictions.sqlite"
    write(path, [*predictions(1200, hours_ago=14 * 24), *predictions(1100, hours_ago=2, dusk=True)])
    return path


def write(path: Path, rows: Sequence[Row]) -> None:
    outbox = Outbox(path, RecordSettings())
    assert outbox.commit(rows, 20)
    outbox.close()


def predictions(count: int, hours_ago: float, *, dusk: bool = False) -> list[Row]:
    """Return what is made of pictures of a street: one or two instances each, or none."""
    chance = np.random.default_rng(count)
    at = time.time_ns() // 1000 - round(hours_ago * HOUR_US)
    rows = []
    for number in range(count):
        fields: dict[str, Any] = {
            "model_version": "1",
            "created_at": at + number,
            "brightness": float(chance.beta(2 if dusk else 5, 5)),
            "input_shape": "480x640x3" if chance.random() < 0.5 else "960x1280x3",
        }
        first = row(**fields, predicted_class=0, class_probabilities=np.zeros(0), detail="{}")
        found = int(chance.integers(0, 3))
        rows += [
            row(
                **fields,
                prediction_id=first.prediction_id,
                instance_index=index,
                predicted_class=int(chance.integers(1, 3)),
                class_probabilities=np.array([0.1, *chance.dirichlet([4, 4])]),
            )
            for index in range(found)
        ] or [first]
    return rows


class Page(HTMLParser):
    """Collects what a page would fetch, and its title."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.title = ""
        self._is_in_title = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.fetched += [value for name in ("src", "href") if (value := given.get(name))]
        self._is_in_title = tag == "title"

    def handle_data(self, data: str) -> None:
        if self._is_in_title:
            self.title += data
            self._is_in_title = False


@pytest.mark.slow
def test_pictures_that_became_darker_are_told_as_drift_and_alarmed(
    command: Command,
    drift_packages: Path,
    start_app: Callable[..., Flask],
    log: Path,
    tmp_path: Path,
):
    made = command("reference", "street", "--until", "7d")
    assert (made.returncode, made.stderr) == (0, "")
    page, metrics = tmp_path / "report.html", tmp_path / "drift.prom"
    options = ["--json", "--out", page, "--metrics", metrics]
    ran = command("drift", "street", *options, packages=drift_packages)
    assert (ran.returncode, ran.stderr) == (3, "")
    told = json.loads(ran.stdout)
    drifted = {name for name, column in told["columns"].items() if column["detected"]}
    assert drifted == {"brightness"}
    assert {*told["columns"]} == {
        *("predicted_class", "score", "instances", "megapixels", "aspect", "brightness")
    }
    assert told["reference"]["predictions"] == 1200
    assert told["current"]["predictions"] == 1100
    shown = Page(page.read_text())
    assert shown.title == "Drift of street 1"
    assert shown.fetched == []
    scraped = start_app(PREDICTION_LOG=str(log)).test_client().get("/metrics").text
    for text in (scraped, metrics.read_text()):
        key = 'column="brightness",model="street",version="1"'
        assert f"slipway_drift_detected{{{key}}} 1.0" in text
        assert f"slipway_drift_score{{{key}}} {told['columns']['brightness']['score']}" in text
        assert 'slipway_drift_detected{column="score",model="street",version="1"} 0.0' in text


@pytest.mark.slow
def test_days_that_are_like_the_reference_are_no_drift(
    command: Command, drift_packages: Path, log: Path
):
    write(log, predictions(1300, hours_ago=60))
    assert command("reference", "street", "--until", "7d").returncode == 0
    ran = command("drift", "street", "--since", "3d", "--until", "1d", packages=drift_packages)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.count("as before") == 6


def test_files_of_the_sink_make_the_reference_that_the_log_makes(
    command: Command, log: Path, tmp_path: Path
):
    sink, kept = tmp_path / "sink", tmp_path / "of-the-sink.json"
    files = Files(sink, PREDICTIONS.name, PREDICTIONS.columns())
    outbox = Outbox(log, RecordSettings())
    pace = Pace(1000, 1 << 30)
    while (batch := PREDICTIONS.batch(outbox, files.name, pace)).rows:
        files.send(batch)
        outbox.confirm(files.name, batch.end)
    outbox.close()
    span = ("--since", "15d", "--until", "7d")
    assert command("reference", "street", *span).returncode == 0
    ran = command("reference", "street", *span, "--from", sink, "--out", kept)
    assert (ran.returncode, ran.stderr) == (0, "")
    of_sink, of_log = (
        json.loads(path.read_text())["columns"]
        for path in (kept, tmp_path / "models" / "street" / "1" / "reference.json")
    )
    assert {name: sorted(column) for name, column in of_sink.items()} == {
        name: sorted(column) for name, column in of_log.items()
    }


def test_a_reference_holds_numbers_and_no_ids(command: Command, models: Models, log: Path):
    assert command("reference", "street", "--until", "7d").returncode == 0
    text = (models.folder / "street" / "1" / "reference.json").read_text()
    columns = json.loads(text)["columns"]
    assert len(columns["brightness"]) == 1200
    assert len(columns["score"]) == len(columns["predicted_class"]) > 1100
    assert {type(one) for one in columns["brightness"]} == {float}
    with Outbox(log, RecordSettings()).read() as connection:
        ids = connection.execute("SELECT prediction_id, request_id FROM predictions").fetchall()
    assert not any(one in text for pair in ids for one in pair)


def test_what_has_too_few_predictions_is_refused_by_their_number(command: Command):
    ran = command("reference", "street", "--since", "3d", "--until", "1d")
    assert ran.returncode == 1
    assert ran.stderr == (
        "slipway: there are 0 predictions of street 1 in that time; a reference needs 1000\n"
    )
    assert command("reference", "street", "--until", "7d").returncode == 0
    ran = command("drift", "street", "--until", "1d")
    assert ran.returncode == 2
    ran = command("drift", "street", "--since", "3d", "--until", "1d")
    assert ran.returncode == 1
    assert ran.stderr == (
        "slipway: the window has 0 predictions of street 1; at least 1000 are needed\n"
    )


def test_a_reference_in_the_folder_that_is_a_model_does_not_make_another_model_of_it(
    tmp_path: Path,
):
    (tmp_path / "saved_model.pb").write_bytes(b"graph")
    before = stamp_of(tmp_path), sha256_of(tmp_path)
    (tmp_path / "reference.json").write_text("{}")
    assert (stamp_of(tmp_path), sha256_of(tmp_path)) == before

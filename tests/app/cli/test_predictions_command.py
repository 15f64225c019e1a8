"""`slipway predictions`: the log's file is read while a server writes it, and asked in SQL."""

from __future__ import annotations

import csv
import hashlib
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.cli import main
from app.ids import new_id
from app.records.outbox import Outbox
from app.records.settings import RecordSettings
from tests.app.records.made import row
from tests.app.serving.inference_process import wait_for


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "predictions.sqlite"


@pytest.fixture
def records(path: Path) -> Outbox:
    """Return a log of three rows, of which the second has another class."""
    records = Outbox(path, RecordSettings())
    classes = (1, 2, 1)
    detail = '{{"label":"{}","score":0.{}}}'
    rows = [
        row(predicted_class=one, detail=detail.format("ab"[one - 1], index + 5))
        for index, one in enumerate(classes)
    ]
    assert records.commit(rows, 5)
    return records


@pytest.fixture
def told(
    records: Outbox, path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs a subcommand on the log: its status, and what it says."""

    def told(action: str, *arguments: str) -> tuple[int, str, str]:
        status = main(["predictions", action, "--log", str(path), *arguments])
        return status, *capsys.readouterr()

    return told


def test_the_last_rows_are_shown_oldest_first(told: Callable[..., tuple[int, str, str]]):
    status, said, _ = told("tail", "-n", "2", "--no-follow")
    heads, first, second = said.splitlines()
    assert (status, heads.split()[:2]) == (0, ["made", "prediction"])
    assert (first.split()[5:7], second.split()[5:7]) == (["b", "0.600"], ["a", "0.700"])


def test_rows_that_come_are_shown_as_they_come(records: Outbox, path: Path):
    command = [sys.executable, "-m", "app.cli", "predictions", "tail", "--json", "-n", "1"]
    tail = subprocess.Popen(
        [*command, "--log", str(path), "--class", "1"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert tail.stdout is not None
        assert json.loads(tail.stdout.readline())["score"] == 0.7
        other, coming = row(predicted_class=2), row(predicted_class=1)
        assert records.commit([other], 5)
        assert records.commit([coming], 5)
        assert json.loads(tail.stdout.readline())["prediction_id"] == coming.prediction_id
        tail.send_signal(signal.SIGINT)
        assert tail.wait(10) == 130
    finally:
        tail.kill()
        tail.communicate()


def test_an_export_has_every_row_that_is_meant(
    told: Callable[..., tuple[int, str, str]], tmp_path: Path
):
    out = tmp_path / "rows.csv"
    status, _, said = told("export", "--out", str(out), "--label", "a")
    assert (status, said) == (0, f"2 rows in {out}\n")
    with out.open(newline="") as file:
        assert [one["score"] for one in csv.DictReader(file)] == ["0.5", "0.7"]
    told("export", "--out", str(tmp_path / "rows.ndjson"))
    lines = (tmp_path / "rows.ndjson").read_text().splitlines()
    assert [json.loads(line)["predicted_class"] for line in lines] == [1, 2, 1]


def test_an_export_as_parquet_is_read_by_others(
    told: Callable[..., tuple[int, str, str]], tmp_path: Path
):
    from pyarrow import parquet

    assert told("export", "--out", str(tmp_path / "rows.parquet"))[0] == 0
    assert parquet.read_table(tmp_path / "rows.parquet")["label"].to_pylist() == ["a", "b", "a"]


def test_the_log_is_asked_in_sql(told: Callable[..., tuple[int, str, str]]):
    question = (
        "SELECT predicted_class, count(*) AS rows, json_extract(class_probabilities, '$[1]') AS p "
        "FROM predictions GROUP BY 1 ORDER BY 1"
    )
    assert told("sql", question)[1].splitlines() == [
        "predicted_class  rows  p",
        "1                2     0.7",
        "2                1     0.7",
    ]
    assert told("sql", "--json", question)[1].splitlines()[0] == (
        '{"predicted_class":1,"rows":2,"p":0.7}'
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["sql", "DELETE FROM main.predictions"], "readonly", id="write"),
        pytest.param(["sql", "SELECT klass FROM predictions"], "klass", id="column"),
        pytest.param(["tail", "--since", "yesterday"], "'since' is 'yesterday'", id="time"),
        pytest.param(["export", "--class", "x"], "'class' is 'x'", id="class"),
        pytest.param(["erase", "7"], "'7' is no prediction's id", id="id"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(
    told: Callable[..., tuple[int, str, str]], arguments: list[str], said: str
):
    status, _, error = told(*arguments)
    assert (status, error.count("\n")) == (2, 1)
    assert said in error


def test_a_log_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "none.sqlite"
    assert main(["predictions", "sql", "--log", str(path), "SELECT 1"]) == 1
    assert capsys.readouterr().err.startswith(f"slipway: {path}: there is no prediction log")
    assert not path.exists()


def test_a_prediction_is_erased_and_bigquery_is_left_to_a_person(
    told: Callable[..., tuple[int, str, str]],
    records: Outbox,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("BIGQUERY_TABLE", "project.dataset.predictions")
    digest = hashlib.sha256(b"a photo").hexdigest()
    kept = path.with_name("inputs") / digest[:2] / digest
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"a photo")
    monkeypatch.setenv("RECORD_INPUTS", "all")
    monkeypatch.setenv("RECORD_INPUTS_TO", str(path.with_name("inputs")))
    detail = {"label": "a-secret-that-nobody-is-to-read", "input": digest}
    secret = row(detail=json.dumps(detail))
    assert records.commit([secret], 5)
    status, said, _ = told("erase", secret.prediction_id)
    assert status == 0
    assert f"erased: 1 row, 0 truths, 1 input of {secret.prediction_id}" in said
    assert not kept.exists()
    assert "DELETE FROM `project.dataset.predictions`" in said
    assert told("sql", "SELECT count(*) AS rows FROM predictions")[1].split() == ["rows", "3"]
    assert told("erase", new_id())[0] == 1
    records.close()
    wait_for(lambda: not path.with_name(f"{path.name}-wal").exists(), "all of it is in the file")
    assert b"a-secret" not in path.read_bytes()

"""Inputs that RECORD_INPUTS has kept: from the request to the folder, and out of it again."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.records.inputs import erase_input, expire, inputs_of, keep_moving
from app.records.outbox import Outbox
from app.records.settings import RecordSettings
from app.records.spool import spool_of
from app.settings import Settings, SettingsError
from tests.app.serving.model_folder import Models

DAY_S = 86400


@pytest.fixture
def settings(tmp_path: Path) -> RecordSettings:
    return RecordSettings(
        prediction_log=tmp_path / "predictions.sqlite",
        inputs_share=1.0,
        inputs_to=tmp_path / "kept",
    )


@pytest.fixture
def client(
    start_app: Callable[..., Flask], arithmetic: Models, settings: RecordSettings
) -> FlaskClient:
    """Return a client of a server that keeps all inputs."""
    return start_app(RECORD_INPUTS="all", RECORD_INPUTS_TO=str(settings.inputs_to)).test_client()


def move(settings: RecordSettings) -> list[Path]:
    """Do what the process does that takes inputs away; return what is kept."""
    stopping = threading.Event()
    stopping.set()
    keep_moving(settings, stopping)
    assert isinstance(settings.inputs_to, Path)
    return sorted(settings.inputs_to.glob("*/*"))


def named(settings: RecordSettings) -> list[str | None]:
    """Return which input each row of the log names."""
    assert settings.prediction_log is not None
    with Outbox(settings.prediction_log, settings).read() as connection:
        found = connection.execute("SELECT detail FROM predictions ORDER BY seq").fetchall()
    return [json.loads(detail).get("input") for (detail,) in found]


def test_a_picture_is_kept_as_it_was_sent_under_the_digest_that_its_rows_name(
    client: FlaskClient, settings: RecordSettings, photo: bytes
):
    assert client.post("/predict?model=street", data=photo).status_code == 200
    digest = hashlib.sha256(photo).hexdigest()
    (kept,) = move(settings)
    assert kept.read_bytes() == photo
    assert kept.name == digest
    assert {*named(settings)} == {digest}
    assert kept.stat().st_mode & 0o077 == 0


def test_values_are_kept_as_json_that_gets_the_same_answer_again(
    client: FlaskClient, settings: RecordSettings
):
    body = {"instances": [{"x": 1.5}]}
    first = client.post("/predict?model=half_plus_two", json=body).get_json()
    (kept,) = move(settings)
    again = client.post(
        "/predict?model=half_plus_two", json={"instances": [json.loads(kept.read_bytes())]}
    ).get_json()
    assert first["predictions"][0]["outputs"] == again["predictions"][0]["outputs"]
    assert len(move(settings)) == 1


def test_of_a_share_the_same_requests_are_kept_wherever_they_go(
    start_app: Callable[..., Flask], settings: RecordSettings, photo: bytes
):
    client = start_app(RECORD_INPUTS="30%", RECORD_INPUTS_TO=str(settings.inputs_to)).test_client()
    kept = []
    for _ in range(2):
        before = len(named(settings)) if settings.prediction_log.exists() else 0
        for number in range(20):
            client.post("/predict", data=photo, headers={"X-Request-ID": f"request-{number}"})
        kept.append([name is not None for name in named(settings)[before:]])
    assert kept[0] == kept[1]
    assert 0 < sum(kept[0]) < len(kept[0])


def test_of_a_request_that_is_refused_in_its_midst_nothing_is_kept(
    client: FlaskClient, settings: RecordSettings, photo: bytes
):
    instances = [{"b64": base64.b64encode(one).decode()} for one in (photo, photo[:100])]
    answer = client.post("/predict?model=street", json={"instances": instances})
    assert answer.status_code == 422
    assert move(settings) == []


def test_a_place_that_is_away_costs_no_prediction_and_gets_the_inputs_later(
    client: FlaskClient, settings: RecordSettings, photo: bytes
):
    assert isinstance(settings.inputs_to, Path)
    settings.inputs_to.write_text("no folder")
    assert client.post("/predict?model=street", data=photo).status_code == 200
    assert move(settings) == []
    settings.inputs_to.unlink()
    assert len(move(settings)) == 1


def test_a_spool_without_room_drops_the_input_and_counts_it(
    client: FlaskClient,
    settings: RecordSettings,
    photo: bytes,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("app.records.spool._MOST_BYTES", len(photo))
    for _ in range(2):
        assert client.post("/predict?model=street", data=photo).status_code == 200
    assert 'slipway_inputs_total{outcome="full"} 1.0' in client.get("/metrics").text
    assert None in named(settings)


def test_inputs_end_with_their_days(client: FlaskClient, settings: RecordSettings, photo: bytes):
    client.post("/predict?model=street", data=photo)
    move(settings)
    assert isinstance(settings.inputs_to, Path)
    assert expire(settings.inputs_to, 30, time.time() + 29 * DAY_S) == 0
    assert expire(settings.inputs_to, 30, time.time() + 31 * DAY_S) == 1
    assert move(settings) == []


@pytest.mark.parametrize("is_moved", [True, False], ids=["kept", "on_its_way"])
def test_an_input_is_erased_wherever_it_is(
    client: FlaskClient, settings: RecordSettings, photo: bytes, *, is_moved: bool
):
    answer = client.post("/predict?model=street", data=photo).get_json()
    if is_moved:
        move(settings)
    assert settings.prediction_log is not None
    with Outbox(settings.prediction_log, settings).read() as connection:
        (digest,) = inputs_of(connection, answer["prediction_id"])
        assert inputs_of(connection, "another") == []
    assert erase_input(settings, digest)
    assert move(settings) == []
    assert not erase_input(settings, digest)


def test_no_input_is_kept_and_none_named_unless_a_setting_says_so(
    start_app: Callable[..., Flask], settings: RecordSettings, photo: bytes
):
    assert start_app().test_client().post("/predict?model=street", data=photo).status_code == 200
    assert {*named(settings)} == {None}
    assert settings.prediction_log is not None
    assert not spool_of(settings.prediction_log).exists()


def test_inputs_are_kept_only_where_it_is_said_where():
    with pytest.raises(SettingsError, match=r"^RECORD_INPUTS=1%: RECORD_INPUTS_TO is not set$"):
        Settings.from_environment({"RECORD_INPUTS": "1%"})

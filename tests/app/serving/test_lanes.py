"""Lanes: each model has a queue and a thread of its own."""

from __future__ import annotations

import contextlib
import gc
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from app.serving.client import Ask
from app.serving.entries import Entry
from app.serving.errors import InferenceOverloaded, InferenceUnavailable, ModelChanged
from app.serving.lanes import Lanes
from app.serving.layout import Found
from app.serving.local_client import LocalClient
from tests.app.serving.gate import Gate, run
from tests.app.serving.inference_process import wait_for
from tests.app.serving.model_folder import Models
from tests.app.serving.pictures import find

Start = Callable[..., LocalClient]


def test_a_model_answers_while_another_is_busy(
    models: Models, local_client: Start, photo: np.ndarray
):
    models.add("slow.h5", delay_s=1.5)
    models.add("quick.h5")
    client = local_client()
    with ThreadPoolExecutor(2) as pool:
        busy = [pool.submit(find, client, photo, "slow") for _ in range(2)]
        wait_for(lambda: client.running_s() > 0, "it is busy")
        for _ in range(5):
            assert len(find(client, photo, "quick")) == 2
        assert not any(future.done() for future in busy)
        assert [len(future.result(10)) for future in busy] == [2, 2]


def test_a_full_queue_is_one_models(models: Models, local_client: Start, photo: np.ndarray):
    models.add("one.h5")
    models.add("other.h5")
    client = local_client(QUEUE_LIMIT="2")
    turns = [client.enter(Ask("one")) for _ in range(2)]
    with pytest.raises(InferenceOverloaded, match="at most 2 may"):
        client.enter(Ask("one"))
    assert len(find(client, photo, "other")) == 2
    for turn in turns:
        turn.close()
    assert len(find(client, photo, "one")) == 2


def test_what_runs_longest_is_what_is_watched(
    models: Models, local_client: Start, photo: np.ndarray
):
    models.add("slow.h5", delay_s=1)
    models.add("quick.h5", delay_s=0.3)
    client = local_client()
    assert client.running_s() == 0
    with ThreadPoolExecutor(2) as pool:
        pool.submit(find, client, photo, "slow")
        wait_for(lambda: client.running_s() > 0.4, "it has run for a while")
        pool.submit(find, client, photo, "quick")
        time.sleep(0.1)
        assert client.running_s() > 0.4


@pytest.mark.parametrize(
    ("options", "values", "least_passes"),
    [
        pytest.param("max_batch: 1", {}, 4, id="one at a time"),
        pytest.param("", {}, 2, id="unless told"),
        pytest.param("", {"most_together": 2}, 3, id="the model gains nothing by more"),
    ],
)
def test_a_model_yaml_says_how_many_share_a_pass_or_the_model_itself(
    models: Models,
    local_client: Start,
    photo: np.ndarray,
    options: str,
    values: dict[str, int],
    least_passes: int,
):
    models.add("street/1/street.h5", delay_s=0.3, **values)
    models.write("street/1/model.yaml", options)
    client = local_client()
    with ThreadPoolExecutor(4) as pool:
        began_at = time.monotonic()
        futures = [pool.submit(find, client, photo)]
        # Else all four might share the first pass.
        wait_for(lambda: client.running_s() > 0, "the first one runs")
        futures += [pool.submit(find, client, photo) for _ in range(3)]
        assert [len(future.result(10)) for future in futures] == [2] * 4
    passes = (time.monotonic() - began_at) / 0.3
    assert least_passes <= passes < least_passes + 1.5


@pytest.fixture
def entry() -> Entry:
    return Entry(Found("gate", 1, Path()), loaded="first")


def test_a_retired_lane_answers_who_has_a_place_and_takes_nobody_else(entry: Entry):
    gate, lanes = Gate(), Lanes(8)
    waiting = lanes.enter(entry, gate, timeout_s=10)
    reading = lanes.enter(entry, gate, timeout_s=10)
    with ThreadPoolExecutor(2) as pool, contextlib.closing(lanes):
        asked = pool.submit(_run, waiting, 1)
        wait_for(lambda: gate.passes, "it runs")
        retired = pool.submit(lanes.retire, "first", 10)
        wait_for(lambda: _is_refused(lanes, entry, gate), "nobody else is let in")
        gate.is_open.set()
        assert asked.result(10) == 1
        assert not retired.done()
        assert _run(reading, 2) == 2
        retired.result(10)
        with pytest.raises(ModelChanged):
            lanes.enter(entry, gate, timeout_s=10)
    assert not [one for one in threading.enumerate() if one.name == "lane gate version 1"]


def test_a_retired_lane_waits_no_longer_than_it_is_told(entry: Entry):
    gate, lanes = Gate(), Lanes(8)
    place = lanes.enter(entry, gate, timeout_s=10)
    lanes.retire("first", 0.1)
    with pytest.raises(InferenceUnavailable, match="stopping"):
        _run(place, 1)
    assert gate.passes == []


def test_a_retired_model_leaves_memory(entry: Entry):
    gate, lanes = Gate(), Lanes(8)
    gate.is_open.set()
    assert _run(lanes.enter(entry, gate, timeout_s=10), 1) == 1
    lanes.retire("first", 10)
    remains = weakref.ref(gate)
    del gate
    gc.collect()
    assert remains() is None


def test_closed_lanes_take_nobody(entry: Entry):
    lanes = Lanes(8)
    lanes.close()
    with pytest.raises(InferenceUnavailable, match="stopping"):
        lanes.enter(entry, Gate(), timeout_s=10)


def _run(place, number: float) -> float:
    with contextlib.closing(place):
        return float(run(place, number).result["y"][0])


def _is_refused(lanes: Lanes, entry: Entry, gate: Gate) -> bool:
    try:
        lanes.enter(entry, gate, timeout_s=10).close()
    except ModelChanged:
        return True
    return False

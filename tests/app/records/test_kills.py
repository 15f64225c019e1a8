"""Whatever part of a server is killed: each answer is on record once, and in BigQuery once."""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random

import pytest

from tests import chance
from tests.app.records.bigquery_double import BigQueryDouble
from tests.app.records.load import Load
from tests.app.records.pod import PARTS, Pod, check

pytestmark = pytest.mark.server


def test_whatever_is_killed_under_load_every_answer_is_on_record_once_and_in_bigquery_once(
    start_pod: Callable[..., Pod], bigquery: BigQueryDouble
):
    pod = start_pod()
    random = Random(chance.seed())
    parts = [*PARTS, *random.sample(PARTS, 3)]
    random.shuffle(parts)
    with Load(pod.port) as load:
        for part in parts:
            time.sleep(random.uniform(0.05, 0.5))
            pod.kill(part)
        time.sleep(0.5)
    assert len(load.answered) > 100
    assert pod.end() == 0
    check(pod, load.answered)
    (left,) = pod.server.events("predictions_left")
    assert left["rows"] == 0

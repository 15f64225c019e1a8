"""BigQuery away: predictions go on as if nothing were, and all rows are there soon after."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.app.records.bigquery_double import BigQueryDouble
from tests.app.records.outage import outage
from tests.app.records.pod import Pod, check
from tests.app.records.proxy import Proxy

pytestmark = pytest.mark.server

_SECONDS = 20


@pytest.fixture
def proxy(bigquery: BigQueryDouble) -> Iterator[Proxy]:
    proxy = Proxy(bigquery.port)
    yield proxy
    proxy.close()


def test_bigquery_being_away_costs_no_prediction_and_no_row_and_little_memory(
    start_pod: Callable[..., Pod], bigquery: BigQueryDouble, proxy: Proxy
):
    pod = start_pod(proxy.host)
    outcome = outage(pod, proxy, _SECONDS, clients=4)
    assert set(outcome.statuses) == {200}
    assert outcome.waited > 100
    assert outcome.caught_up_s < 60
    before, most, _ = outcome.rss_mib
    assert most - before < 40
    assert pod.end() == 0
    check(pod, outcome.answered)
    assert pod.server.events("shipping_failed")
    assert pod.server.events("shipping_recovered")

"""Takes BigQuery away under load: what predictions notice, and how soon all rows are there.

`python -m bench.outages` starts `slipway serve` with a model that takes next to no time, and a
double of BigQuery behind a proxy that cuts connections in the middle of an append, swallows what
comes, refuses, delays, and then is well again.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from bench.contender import ROOT
from bench.machine import Load, watched
from bench.report import show
from tests.app.records.bigquery_double import BigQueryDouble
from tests.app.records.outage import outage
from tests.app.records.pod import Pod, check
from tests.app.records.proxy import Proxy

_KEPT = ("prediction_id", "instance_index", "created_at")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clients", type=int, default=8)
    arguments = parser.parse_args()
    bigquery, loads = BigQueryDouble(kept=_KEPT), list[Load]()
    proxy = Proxy(bigquery.port)
    with watched(loads), tempfile.TemporaryDirectory() as folder:
        with Pod(Path(folder), ROOT, bigquery, proxy.host) as pod:
            outcome = outage(pod, proxy, 60 * arguments.minutes, arguments.clients)
            pod.end()
        logged = pod.logged()
        check(pod, outcome.answered)
    proxy.close()
    bigquery.stop()
    before, most, after = outcome.rss_mib
    row = {
        "minutes away": arguments.minutes,
        "predictions": outcome.statuses.total(),
        "failed": outcome.statuses.total() - outcome.statuses[200],
        "rows on record": len(logged),
        "waited at its return": outcome.waited,
        "all there after, s": outcome.caught_up_s,
        "sent twice": len(bigquery.rows[bigquery.table]) - len(logged),
        "shipper before, MiB": before,
        "at most": most,
        "after": after,
        "shipper, CPU s": outcome.cpu_s,
        "of s": outcome.seconds,
    }
    show("outages", [row], vars(arguments), {"slipway serve": loads})


if __name__ == "__main__":
    main()

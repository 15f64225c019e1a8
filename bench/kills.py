"""Kills one process of a server after the other under load: what is not on record, and once.

`python -m bench.kills` starts `slipway serve` with a model that takes next to no time and a double
of BigQuery, lets clients predict, and kills a worker, inference, the shipper, nginx, uWSGI or the
supervisor with SIGKILL at a random moment. A part that takes the whole server with it has it
started again, as Kubernetes does. In the end every answer has to be on record once, and all that
is on record in BigQuery once, in order.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from bench.contender import ROOT
from bench.machine import Load as Watched
from bench.machine import watched
from bench.report import show
from tests.app.records.bigquery_double import BigQueryDouble
from tests.app.records.load import Load
from tests.app.records.pod import PARTS, Pod, check

_KEPT = ("prediction_id", "instance_index", "created_at")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    bigquery, killed, loads = BigQueryDouble(kept=_KEPT), Counter[str](), list[Watched]()
    with watched(loads), tempfile.TemporaryDirectory() as folder:
        with Pod(Path(folder), ROOT, bigquery) as pod:
            with Load(pod.port, arguments.clients) as load:
                for number in range(1, arguments.kills + 1):
                    time.sleep(chance.uniform(0.05, 1))
                    part = chance.choice(PARTS)
                    pod.kill(part)
                    killed[part] += 1
                    print(f"{number} of {arguments.kills}: {part}", file=sys.stderr)
            pod.end()
        logged = pod.logged()
        check(pod, load.answered)
    sent = len(bigquery.rows[bigquery.table])
    bigquery.stop()
    row = {
        "kills": killed.total(),
        **{part: killed[part] for part in PARTS},
        "answered": len(load.answered),
        "without an answer": load.statuses[0],
        "refused": load.statuses.total() - load.statuses[0] - load.statuses[200],
        "rows on record": len(logged),
        "sent twice": sent - len(logged),
        "missing": 0,
    }
    show("kills", [row], vars(arguments), {"slipway serve": loads})


if __name__ == "__main__":
    main()

"""BigQuery goes away under load, in each of the ways in which networks fail, and comes back."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.app.records.load import Load
from tests.app.records.pod import Pod
from tests.app.records.proxy import CUT, DELAY, DROP, PASS, REFUSE, Proxy
from tests.app.serving.inference_process import wait_for

#: The ways, with their shares of the time.
WAYS = ((CUT, 0.2), (DROP, 0.4), (REFUSE, 0.3), (DELAY, 0.1))


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Args:
        statuses: of all answers; 0 where there was none.
        answered: the rows that each answer's prediction is to have on record.
        waited: rows that had not been sent when BigQuery came back.
        caught_up_s: from then on until all were, while predictions went on.
        rss_mib: what the shipper took: before, at most, after.
        cpu_s: what it worked from the start to the end.
        seconds: that all took.
    """

    statuses: Counter[int]
    answered: dict[str, int]
    waited: int
    caught_up_s: float
    rss_mib: tuple[float, float, float]
    cpu_s: float
    seconds: float


def outage(pod: Pod, proxy: Proxy, seconds: float, clients: int = 8) -> Outcome:
    """Let BigQuery be away for so long."""
    began_at, shipper = time.monotonic(), pod.shipper()
    with Load(pod.port, clients) as load:
        # It has all its modules, and has sent rows.
        wait_for(lambda: pod.bigquery.appends > 4, "it is shipping", 60)
        before = most = rss_mib(shipper)
        for way, share in WAYS:
            proxy.set(way)
            until = time.monotonic() + seconds * share
            while time.monotonic() < until:
                time.sleep(0.25)
                most = max(most, rss_mib(shipper))
        last = pod.written()
        waited, back_at = last - pod.confirmed(), time.monotonic()
        proxy.set(PASS)
        # While predictions go on there are always some that wait.
        wait_for(lambda: pod.confirmed() >= last, "all that waited is there", 120)
        caught_up_s = time.monotonic() - back_at
        after = rss_mib(shipper)
    assert pod.shipper() == shipper, "the shipper has died"
    return Outcome(
        load.statuses,
        load.answered,
        waited,
        caught_up_s,
        (before, max(most, after), after),
        cpu_s(shipper),
        time.monotonic() - began_at,
    )


def rss_mib(process: int) -> float:
    """Return the memory that a process holds."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def cpu_s(process: int) -> float:
    """Return the processor time that a process has taken."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100

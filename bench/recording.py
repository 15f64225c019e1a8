"""What the prediction log adds to an answer: one server with it and one without, in turns.

`python -m bench.recording` serves the demos `iris` and `fashion` twice, and lets wrk ask one and
then the other, again and again, so that what else the machine does is beside both. The figures are
medians of the turns; the difference is that of the two halves of a turn.
"""

from __future__ import annotations

import argparse
from statistics import median

from bench import wrk
from bench.machine import Load, watched
from bench.peers.sides import OURS, UNLOGGED, Side, sides
from bench.report import show
from bench.served import Served, served
from bench.serving import picture, repository

_WARM_UP_S = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=12)
    parser.add_argument("--seconds", type=int, default=3, help="of each half of a turn")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 64])
    arguments = parser.parse_args()
    wrk.require()
    load: list[Load] = []
    with repository() as models:
        chosen = {side.name: side for side in sides(picture(), models)}
        with_log, without = chosen[OURS], chosen[UNLOGGED]
        with (
            served(with_log.command, with_log.variables) as one,
            served(without.command, without.variables) as other,
            watched(load),
        ):
            for server in (one, other):
                server.first_answer_s(next(iter(with_log.questions.values())).sent)
            rows = [
                _compared(
                    (one, other),
                    with_log,
                    asked,
                    clients=clients,
                    turns=arguments.turns,
                    seconds=arguments.seconds,
                )
                for asked in with_log.questions
                for clients in arguments.clients
            ]
    show("recording", rows, vars(arguments), {"both": load})


def _compared(
    servers: tuple[Served, Served],
    side: Side,
    asked: str,
    *,
    clients: int,
    turns: int,
    seconds: int,
) -> dict[str, object]:
    sent = side.questions[asked].sent
    for server in servers:
        wrk.load(server.port, sent, seconds=_WARM_UP_S, clients=clients)
    pairs = []
    for turn in range(turns):
        order = servers if turn % 2 == 0 else servers[::-1]
        results = {
            server.port: wrk.load(server.port, sent, seconds=seconds, clients=clients)
            for server in order
        }
        pairs.append(tuple(results[server.port] for server in servers))
    on, off = zip(*pairs, strict=True)
    added = [a.p50_ms - b.p50_ms for a, b in pairs]
    return {
        "model": asked,
        "clients": clients,
        "p50 without, ms": f"{median(b.p50_ms for b in off):.2f}",
        "with": f"{median(a.p50_ms for a in on):.2f}",
        "added": f"{median(added):.2f}",
        "of turns, from": f"{min(added):.2f}",
        "to": f"{max(added):.2f}",
        "requests a second without": round(median(b.rate for b in off)),
        "with the log": round(median(a.rate for a in on)),
        "not 200, or broken": sum(r.not_200 + r.broken for r in (*on, *off)),
    }


if __name__ == "__main__":
    main()

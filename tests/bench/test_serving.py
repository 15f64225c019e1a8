"""What `bench.serving` makes of its figures; no number is held to."""

from __future__ import annotations

import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from bench import wrk
from bench.peers.sides import FLASK, IRIS, OURS, PICTURE
from bench.served import Sent, served
from bench.serving_tables import Line, Outcome, goals, printed
from tests.app.api.server import is_running
from tests.app.serving.inference_process import wait_for
from tests.parts import command


def outcome(name: str, workers: int, rate: float, p99_ms: float) -> Outcome:
    """Return a side that answers flowers, and half as many pictures."""
    title = f"{name}, {workers}"
    lines = [
        Line(title, asked, 128, times * rate, 0, 0, p99_ms / 3, p99_ms / 2, p99_ms)
        for asked, times in ((IRIS, 1.0), (PICTURE, 0.5))
    ]
    return Outcome(name, workers, title, 3.0, 500.0, lines=lines)


def test_goals_are_held_to_the_best_peer_at_its_own_best_number_of_workers():
    sides = [
        outcome(OURS, 2, 3000, 50),
        outcome(FLASK, 2, 2900, 60),
        outcome("KServe", 1, 1000, 300),
        outcome("KServe", 2, 2100, 90),
        outcome("LitServe", 2, 1800, 400),
    ]
    rows = [(row["beside"], row["is"], row["holds"]) for row in goals(sides)]
    assert rows == [
        ("KServe, 2", "1.43", "no"),
        ("KServe, 2", "1.43", "no"),
        (f"{FLASK}, 2", "1.03", "yes"),
        ("KServe, 2", "0.56", "no"),
    ]


def test_a_side_without_a_result_is_named_with_its_reason():
    absent = Outcome("Ray Serve", 1, "Ray Serve, 1", trouble="no wheel for this Python")
    liar = outcome("LitServe", 1, 10, 10)
    liar.wrong[PICTURE] = "answers bag 0.9000 in place of ankle boot 0.9000"
    shown = printed([outcome(OURS, 2, 20, 5), absent, liar], [], "load average 0.1", reason=None)
    assert "- Ray Serve, 1: no wheel for this Python" in shown
    assert "- LitServe, 1, fashion, picture: answers bag 0.9000 in place of" in shown


def test_sides_beside_which_others_did_more_are_held_to_no_goal():
    sides = [outcome(OURS, 2, 3000, 50), outcome("KServe", 1, 1000, 300)]
    shown = printed(sides, [], "load average 5", reason="no ratio: others kept 1 core busy")
    assert "no ratio: others kept 1 core busy" in shown
    assert "holds" not in shown


def test_a_server_that_ends_is_told_with_its_last_words():
    ends = [sys.executable, "-c", "raise SystemExit('the port is taken')"]
    with (
        served(ends, {}) as server,
        pytest.raises(RuntimeError, match="it ended; the port is taken"),
    ):
        server.first_answer_s(Sent("/", b"", {}))


def test_what_a_server_has_started_in_other_sessions_is_weighed_and_goes_with_it(tmp_path: Path):
    told = tmp_path / "told"
    child = "import time; held = bytearray(80 << 20); time.sleep(60)"
    parent = (
        "import pathlib, subprocess, sys, time\n"
        f"one = subprocess.Popen([sys.executable, '-c', {child!r}], start_new_session=True)\n"
        f"pathlib.Path({str(told)!r}).write_text(str(one.pid)); time.sleep(60)\n"
    )
    with served([sys.executable, "-c", parent], {}) as server:
        wait_for(lambda: told.exists() and server.pss_mib() > 80, "the child holds memory")
        assert is_running(int(told.read_text()))
    wait_for(lambda: not is_running(int(told.read_text())), "the child ends")


class _Half(BaseHTTPRequestHandler):
    """Refuses every second request."""

    protocol_version = "HTTP/1.1"
    count = 0

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).count += 1
        right = body == b"\x00\xff" and self.headers["X-Odd"] == 'a "b" \\'
        self.send_response((200 if right else 500) if self.count % 2 else 429)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_refusals_are_counted_and_are_no_answers():
    command("wrk", "apt-get install wrk brings it")
    server = HTTPServer(("127.0.0.1", 0), _Half)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sent = Sent("/", b"\x00\xff", {"X-Odd": 'a "b" \\'})
    result = wrk.load(server.server_port, sent, seconds=1, clients=1)
    server.shutdown()
    server.server_close()
    assert result.broken == 0
    assert result.not_200 == pytest.approx(_Half.count / 2, abs=2)
    assert result.rate > 1

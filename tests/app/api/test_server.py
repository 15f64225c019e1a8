"""The server as it runs: its workers, the supervised inference process, signals."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import os
import signal
import socket
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.app.api.server import Server, command_of, is_running, under_both
from tests.app.serving.inference_process import wait_for
from tests.app.serving.model_folder import Models

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def shared_server(
    tmp_path_factory: pytest.TempPathFactory, root: Path, web_server: str
) -> Iterator[Server]:
    """Return a server for tests that leave it as it is."""
    folder = tmp_path_factory.mktemp("server")
    models = Models(folder / "models")
    models.add("street/1/street.h5")
    server = Server(folder, models.folder, root, *command_of(web_server))
    server.wait_until_ready()
    yield server
    server.end()


@under_both
def test_a_photo_comes_back_as_instances(shared_server: Server, photo: bytes):
    answer = shared_server.predict(photo).json()
    assert [instance["label"] for instance in answer["instances"]] == ["red", "blue"]
    wait_for(
        lambda: (
            answer["prediction_id"]
            in [event["prediction_id"] for event in shared_server.events("prediction")]
        ),
        "the prediction is in the log",
    )


def test_a_person_is_told_when_the_server_is_ready(shared_server: Server):
    wait_for(lambda: "Slipway is ready" in shared_server.spoken(), "the person is told")
    assert f"Slipway is ready: open {shared_server.url}/\n" in shared_server.spoken()


@under_both
def test_http_workers_serve_predictions_without_importing_a_framework(
    shared_server: Server, photo: bytes
):
    assert shared_server.predict(photo).status == 200
    inference = shared_server.inference_process()
    workers = [process for process in shared_server.family() if process != inference]
    assert len(workers) >= 3
    for process in workers:
        loaded = Path(f"/proc/{process}/maps").read_text()
        assert "tensorflow" not in loaded, process
        assert "h5py" not in loaded, process


@under_both
def test_an_idle_connection_is_kept_as_long_as_it_is_said_and_no_longer(
    start_server: Callable[..., Server],
):
    server = start_server(KEEPALIVE_S="3")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    for pause_s in (0, 1.5):
        time.sleep(pause_s)
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        assert (answer.status, answer.will_close) == (200, False)
        answer.read()
    answered_at = time.monotonic()
    assert connection.sock.recv(1) == b""
    assert 2 < time.monotonic() - answered_at < 10
    connection.close()


@under_both
def test_metrics_add_up_the_workers(start_server: Callable[..., Server], photo: bytes):
    server = start_server(HTTP_PROCESSES="3", HTTP_THREADS="1")
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: server.predict(photo), range(24)))
    assert {answer.status for answer in answers} == {200}
    counter = 'slipway_http_requests_total{method="POST",route="/predict",status="200"}'
    # Each is counted when its answer is on its way.
    wait_for(lambda: server.metric(counter) == 24, "all requests are counted")
    found = 'slipway_instances_found_total{label="red"'
    wait_for(lambda: server.metric(found) == 24, "all instances are counted")


@under_both
def test_metrics_begin_anew_with_every_start(start_server: Callable[..., Server], photo: bytes):
    server = start_server()
    server.predict(photo)
    server.end()
    again = start_server()
    again.predict(photo)
    counted = 'slipway_instances_found_total{label="red"'
    wait_for(lambda: counted in again.ask("/metrics").body.decode(), "the prediction is counted")
    assert again.metric(counted) == 1


@under_both
def test_killing_inference_in_mid_request_gives_503_and_then_recovers(
    start_server: Callable[..., Server], models: Models, photo: bytes
):
    models.add("street/1/street.h5", delay_s=1)
    server = start_server()
    uwsgi = server.family() - {server.inference_process()}
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(server.predict, photo)
        server.await_in_flight(1)
        os.kill(server.inference_process(), signal.SIGKILL)
        broken = pending.result()
    assert broken.status == 503
    assert broken.json()["type"] == "/problems/inference-unavailable"
    assert int(broken.headers["Retry-After"]) >= 1
    assert server.ask("/readyz").status == 503
    assert server.ask("/healthz").status == 200
    assert server.metric("slipway_inference_up") == 0
    server.wait_until_ready()
    assert server.predict(photo).status == 200
    assert uwsgi <= server.family()


@under_both
def test_sigterm_lets_requests_in_flight_finish(
    start_server: Callable[..., Server], models: Models, photo: bytes, web_server: str
):
    models.add("street/1/street.h5", delay_s=0.5)
    server = start_server()
    family = server.family()
    with ThreadPoolExecutor(3) as pool:
        pending = [pool.submit(server.predict, photo) for _ in range(3)]
        server.await_in_flight(3)
        server.process.terminate()
        assert [answer.result().status for answer in pending] == [200, 200, 200]
    assert server.end() == 0
    if web_server == "uwsgi":
        # `slipway serve` ends last of all.
        assert [process for process in family if is_running(process)] == []
    wait_for(lambda: not any(map(is_running, family)), "every process has ended")


@pytest.mark.parametrize(
    "stop",
    [
        pytest.param(lambda server: server.interrupt(), id="Ctrl-C"),
        pytest.param(lambda server: server.process.send_signal(signal.SIGINT), id="SIGINT"),
        pytest.param(lambda server: server.process.send_signal(signal.SIGHUP), id="SIGHUP"),
        pytest.param(lambda server: server.process.kill(), id="SIGKILL"),
    ],
)
def test_whatever_ends_the_server_leaves_no_process_behind(server: Server, stop):
    family = server.family()
    # The command, nginx's master and worker, uWSGI's master and two workers, inference.
    assert len(family) == 7
    stop(server)
    server.process.wait(20)
    wait_for(lambda: not any(map(is_running, family)), "every process has ended")


def test_ctrl_c_while_the_server_is_loaded_ends_it_without_a_traceback(
    start_server: Callable[..., Server], tmp_path: Path
):
    server = start_server(wait=False)

    def is_imported() -> bool:
        maps = (Path(f"/proc/{process}/maps") for process in server.family())
        return any("/numpy/" in text.read_text() for text in maps if text.exists())

    wait_for(is_imported, "the application is being imported")
    server.interrupt()
    assert server.process.wait(20) == 0
    log = (tmp_path / "out.jsonl").read_text() + server.spoken()
    assert "Traceback" not in log


def test_keep_alive_connections_do_not_occupy_workers(
    start_server: Callable[..., Server], photo: bytes
):
    server = start_server(HTTP_PROCESSES="1", HTTP_THREADS="1")
    idle = [http.client.HTTPConnection("127.0.0.1", server.port) for _ in range(5)]
    for connection in idle:
        for _ in range(2):
            connection.request("GET", "/healthz")
            assert connection.getresponse().read() == b'{"status":"ok"}\n'
    assert server.predict(photo).status == 200
    for connection in idle:
        connection.close()


@pytest.mark.alone
def test_large_uploads_need_no_wait_and_their_refusal_arrives(shared_server: Server, photo: bytes):
    large = photo + bytes(4 << 20)
    command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code} %{time_total}"]
    sent = subprocess.run(
        [
            *command,
            "--data-binary",
            "@-",
            "-H",
            "Content-Type: image/png",
            f"{shared_server.url}/predict",
        ],
        input=large,
        capture_output=True,
        check=True,
    )
    status, seconds = sent.stdout.decode().split()
    assert status == "200"
    assert float(seconds) < 0.9
    for _ in range(5):
        refused = shared_server.predict(bytes(50 << 20))
        assert refused.status == 413
        assert refused.json()["type"] == "/problems/body-too-large"


@pytest.mark.alone
def test_a_burst_of_connections_is_taken_at_once(shared_server: Server):
    start = time.monotonic()
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            address = ("127.0.0.1", shared_server.port)
            stack.enter_context(socket.create_connection(address, timeout=5))
        # One that finds no room in the queue waits a second before it tries again.
        assert time.monotonic() - start < 0.9


@pytest.mark.parametrize("padding", [0, 10_000, 29_000])
@pytest.mark.parametrize("body", [100, 40_000, 130_000, 300_000, 2 << 20])
def test_long_headers_are_taken_before_bodies_of_any_size(
    shared_server: Server, photo: bytes, padding: int, body: int
):
    headers = {"Authorization": "Bearer " + "x" * padding, "Content-Type": "image/png"}
    assert shared_server.ask("/predict", photo + bytes(body), **headers).status == 200


def test_bodies_that_wait_for_a_worker_arrive_whole_from_memory_and_from_files(
    start_server: Callable[..., Server], models: Models, photo: bytes
):
    models.add("street/1/street.h5", delay_s=0.2)
    server = start_server(HTTP_PROCESSES="1", HTTP_THREADS="1")
    lengths = [(128 << 10) + more for more in (-1, 0, 1, 16_000)]
    heads = [{"Authorization": "Bearer " + "x" * padding} for padding in (0, 29_000)]

    def send(case: tuple[int, dict[str, str]]) -> int:
        length, head = case
        headers = {"Content-Type": "image/png"} | head
        return server.ask("/predict", lengthened(photo, length), **headers).status

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(send, itertools.product(lengths, heads))) == {200}


def lengthened(png: bytes, length: int) -> bytes:
    """Return a picture of that many bytes whose pixels are the last of them."""
    first_chunk = 8 + 25
    text = b"tEXtof no use\0".ljust(length - len(png) - 8, b"x")
    chunk = (len(text) - 4).to_bytes(4) + text + zlib.crc32(text).to_bytes(4)
    return png[:first_chunk] + chunk + png[first_chunk:]


@under_both
def test_every_line_of_the_log_is_json(server: Server, photo: bytes):
    server.predict(photo)
    server.ask("/nowhere")
    server.end()
    assert server.events("settings")
    assert server.events("model_ready")
    assert server.events("request")


def test_of_nginx_and_uwsgi_the_log_has_nothing_where_nothing_went_wrong(server: Server):
    assert server.end() == 0
    assert server.events("server") == []


def run_serve(root: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `slipway serve` where it cannot start."""
    return subprocess.run(
        [sys.executable, "-m", "app.cli", "serve"],
        cwd=root,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_a_port_in_use_is_one_clear_line(shared_server: Server, root: Path):
    outcome = run_serve(root, PORT=str(shared_server.port))
    assert outcome.returncode == 1
    (line,) = outcome.stderr.splitlines()
    assert f"PORT={shared_server.port}" in line
    assert "in use" in line


def test_a_bad_setting_is_one_clear_line(root: Path):
    outcome = run_serve(root, HTTP_THREADS="many")
    assert outcome.returncode == 2
    (line,) = outcome.stderr.splitlines()
    assert "HTTP_THREADS='many'" in line


def test_a_person_is_told_when_no_model_can_be_served(
    start_server: Callable[..., Server], models: Models
):
    models.write("street/1/street.h5", "nothing")
    server = start_server(wait=False)
    wait_for(lambda: "is not ready" in server.spoken(), "the person is told")
    assert "street version 1 failed" in server.spoken()

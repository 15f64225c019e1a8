"""What nginx does by itself: problems for what reaches no worker, chunks, TLS, slow readers."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.api.problems import ProblemError
from app.settings import Settings
from tests.app.api.server import Server, one_model_served
from tests.app.serving.inference_process import wait_for

pytestmark = pytest.mark.server

SECRET = b"a-password-in-a-header"
LARGEST = Settings.from_environment({}).limits.max_body_bytes


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("front")


@pytest.fixture(scope="module")
def server(folder: Path, root: Path) -> Iterator[Server]:
    with one_model_served(folder, root) as server:
        yield server


@dataclass(frozen=True)
class Said:
    """What a server said before it hung up."""

    status: int
    headers: dict[str, str]
    body: bytes

    def problem(self) -> Any:
        assert self.headers["Content-Type"] == "application/problem+json"
        return json.loads(self.body)


def said(server: Server, request: bytes, *more: bytes) -> Said:
    """Send a request, and after it what belongs to it, as long as the server takes it."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(request)
        with contextlib.suppress(OSError):
            for part in more:
                connection.sendall(part)
        answer = b""
        with contextlib.suppress(OSError):
            while block := connection.recv(1 << 16):
                answer += block
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return Said(int(first.split()[1]), dict(line.split(": ", 1) for line in lines), body)


def line_of(server: Server, request_id: str) -> dict[str, Any]:
    """Return the log's newest line of a request."""
    events = wait_for(
        lambda: [one for one in server.events("request") if one["request_id"] == request_id],
        "it is logged",
    )
    return dict(events[-1])


def request_of(method: str, path: str, *headers: bytes, body: bytes = b"") -> bytes:
    first = f"{method} {path} HTTP/1.1".encode()
    return b"\r\n".join([first, b"Host: x", b"Connection: close", *headers, b"", body])


def chunks(size: int, count: int) -> list[bytes]:
    return [b"%x\r\n%b\r\n" % (size, bytes(size))] * count


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/v1/models/street:predict", "/v1/models/<name>:predict"),
        (
            "/v1/models/street/versions/1:regress",
            "/v1/models/<name>/versions/<version>:regress",
        ),
        ("/v2/models/street/infer", "/v2/models/<name>/infer"),
        ("/v2/models/street/infer/more", "none"),
    ],
)
def test_what_is_refused_before_a_worker_is_counted_under_its_route(
    server: Server, path: str, route: str
):
    head = request_of("POST", path, b"Content-Length: 100000000000")
    assert said(server, head).status == 413
    counted = f'slipway_http_requests_total{{method="POST",route="{route}",status="413"}}'
    wait_for(lambda: counted in server.ask("/metrics").body.decode(), "it is counted")


@pytest.mark.parametrize(
    ("sent", "status", "slug"),
    [
        pytest.param(
            [request_of("GET", "/healthz", b"X: " + SECRET * 4000)],
            *(431, "head-too-large"),
            id="a head that is too long",
        ),
        pytest.param(
            [request_of("GET", "/healthz?" + SECRET.decode() * 4000)],
            *(414, "uri-too-long"),
            id="a query that is too long",
        ),
        pytest.param([SECRET + b"\r\n\r\n"], 400, "bad-request", id="no method"),
        pytest.param(
            [request_of("POST", "/predict", b"Content-Length: " + SECRET)],
            *(400, "bad-request"),
            id="a length that is none",
        ),
        pytest.param(
            [request_of("POST", "/predict", b"Content-Length: 100000000000")],
            *(413, "body-too-large"),
            id="a body that is too long",
        ),
        pytest.param(
            [
                request_of("POST", "/predict", b"Transfer-Encoding: chunked"),
                *chunks(1 << 20, LARGEST // (1 << 20) + 2),
            ],
            *(413, "body-too-large"),
            id="a body that turns out to be too long",
        ),
        pytest.param(
            [request_of("POST", "/predict", b"Transfer-Encoding: gzip")],
            *(501, "not-implemented"),
            id="a body in an unknown coding",
        ),
        pytest.param(
            [request_of("TRACE", "/predict", b"X: " + SECRET)],
            *(405, "method-not-allowed"),
            id="TRACE",
        ),
        pytest.param(
            [b"GET / HTTP/3.0\r\nHost: x\r\n\r\n"],
            *(505, "http-version-not-supported"),
            id="another HTTP",
        ),
    ],
)
def test_what_reaches_no_worker_is_answered_by_a_problem_and_logged(
    server: Server, folder: Path, sent: list[bytes], status: int, slug: str
):
    answer = said(server, *sent)
    problem = answer.problem()
    assert (answer.status, problem["status"]) == (status, status)
    assert (problem["type"], problem["title"]) == (
        f"/problems/{slug}",
        ProblemError(slug, "").title,
    )
    assert problem["detail"]
    assert answer.headers["X-Request-ID"] == problem["request_id"]
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert answer.headers["Cache-Control"] == "no-store"
    assert server.ask(problem["type"]).status == 200
    line = line_of(server, problem["request_id"])
    assert (line["status"], line["problem"], line["client"]) == (status, slug, "127.0.0.1")
    written = [folder / "out.jsonl", folder / "err.txt"]
    assert not any(SECRET in path.read_bytes() for path in written)


def test_a_body_that_is_too_large_is_named_with_its_size_and_the_limit(server: Server):
    told = said(server, request_of("POST", "/predict", b"Content-Length: 100000000000")).problem()
    assert (told["value"], told["limit"]) == (100_000_000_000, LARGEST)
    assert str(LARGEST) in told["detail"]
    head = request_of("POST", "/predict", b"Transfer-Encoding: chunked")
    told = said(server, head, *chunks(1 << 20, LARGEST // (1 << 20) + 2)).problem()
    assert told["limit"] == LARGEST
    assert "value" not in told


@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize(
    ("size", "slug"),
    [
        pytest.param(LARGEST, "image-too-large", id="the limit"),
        pytest.param(LARGEST + 1, "body-too-large", id="one more"),
    ],
)
def test_a_body_of_the_limit_comes_to_the_application_and_of_a_byte_more_does_not(
    server: Server, size: int, slug: str, is_chunked: bool
):
    length = b"Transfer-Encoding: chunked" if is_chunked else b"Content-Length: %d" % size
    head = request_of("POST", "/predict", b"Content-Type: image/png", length)
    parts = [*chunks(size, 1), b"0\r\n\r\n"] if is_chunked else [bytes(size)]
    assert said(server, head, *parts).problem()["type"] == f"/problems/{slug}"


def test_an_upload_of_200_megabytes_gets_to_read_its_refusal(server: Server):
    head = request_of("POST", "/predict", b"Content-Length: 209715200")
    assert said(server, head, *[bytes(1 << 20)] * 200).status == 413


@pytest.mark.parametrize("pieces", [1, 7, 1000])
def test_a_body_in_chunks_is_taken_as_one_with_a_length_is(
    server: Server, photo: bytes, pieces: int
):
    size = -(-len(photo) // pieces)
    parts = [photo[start : start + size] for start in range(0, len(photo), size)]
    body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    head = request_of(
        "POST",
        "/predict",
        b"Content-Type: image/png",
        b"Transfer-Encoding: chunked",
        b"X-Request-ID: in-pieces",
    )
    answer = said(server, head, body)
    assert answer.status == 200
    assert answer.headers["X-Request-ID"] == "in-pieces"
    found = json.loads(answer.body)["instances"]
    assert [instance["label"] for instance in found] == ["red", "blue"]
    assert line_of(server, "in-pieces")["client"] == "127.0.0.1"


def test_a_client_cannot_say_that_it_is_another(server: Server):
    headers = {"X-Real-IP": "192.0.2.1", "X-Forwarded-For": "192.0.2.1", "X-Request-ID": "liar"}
    assert server.ask("/nowhere", **headers).status == 404
    assert line_of(server, "liar")["client"] == "127.0.0.1"


def test_a_target_with_scheme_and_host_is_that_path(server: Server):
    assert said(server, request_of("GET", "http://example.com/healthz")).status == 200


def test_what_nginx_says_is_what_the_application_would_say():
    conf = (Path(__file__).parents[3] / "nginx.conf").read_text()
    statuses = dict(re.findall(r"^ {8}(\d{3}) ([a-z-]+);$", conf, re.MULTILINE))
    titles = dict(re.findall(r"^ {8}([a-z-]+) '\"title\":\"([^\"]+)\"", conf, re.MULTILINE))
    assert len(statuses) >= 12
    for status, slug in statuses.items():
        problem = ProblemError(slug, "")
        assert (str(problem.status), problem.title) == (status, titles[slug]), slug
    assert set(titles) == set(statuses.values())


@pytest.fixture
def certificate(tmp_path: Path) -> dict[str, str]:
    """Return the settings of a server that speaks TLS, with a certificate of its own making."""
    files = {"TLS_CERTIFICATE": tmp_path / "server.pem", "TLS_KEY": tmp_path / "server.key"}
    command = ["openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-days", "2"]
    options = ["-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=models.example.com"]
    names = ["-keyout", files["TLS_KEY"], "-out", files["TLS_CERTIFICATE"]]
    extension = ["-addext", "subjectAltName=DNS:models.example.com"]
    subprocess.run([*command, *options, *names, *extension], check=True, capture_output=True)
    return {name: str(path) for name, path in files.items()}


def test_with_a_certificate_the_port_speaks_https_and_http_2(
    start_server: Callable[..., Server], certificate: dict[str, str], photo: bytes, tmp_path: Path
):
    server = start_server(wait=False, **certificate)
    wait_for(lambda: "Slipway is ready" in server.spoken(), "it is ready")
    assert f"open https://127.0.0.1:{server.port}/" in server.spoken()
    picture = tmp_path / "photo.png"
    picture.write_bytes(photo)
    told = {}
    for version in ("--http1.1", "--http2"):
        command = ["curl", "-sS", version, "--cacert", certificate["TLS_CERTIFICATE"]]
        names = ["--resolve", f"models.example.com:{server.port}:127.0.0.1"]
        url = f"https://models.example.com:{server.port}/predict"
        written = ["-w", "\n%{http_version} %{http_code}", "-F", f"image=@{picture}", url]
        ran = subprocess.run([*command, *names, *written], check=True, capture_output=True)
        body, _, told[version] = ran.stdout.decode().rpartition("\n")
        found = json.loads(body)["instances"]
        assert [instance["label"] for instance in found] == ["red", "blue"]
    assert told == {"--http1.1": "1.1 200", "--http2": "2 200"}
    plain = said(server, request_of("GET", "/healthz"))
    assert (plain.status, plain.problem()["type"]) == (400, "/problems/bad-request")


def test_http_2_may_leave_out_the_length_of_a_body(
    start_server: Callable[..., Server], certificate: dict[str, str], photo: bytes
):
    server = start_server(wait=False, **certificate)
    wait_for(lambda: "Slipway is ready" in server.spoken(), "it is ready")
    command = ["curl", "-skS", "--http2", "-T", "-", "-X", "POST", "-o", "-"]
    options = ["-H", "Content-Type: image/png", f"https://127.0.0.1:{server.port}/predict"]
    ran = subprocess.run([*command, *options], input=photo, check=True, capture_output=True)
    found = json.loads(ran.stdout)["instances"]
    assert [instance["label"] for instance in found] == ["red", "blue"]


def test_a_key_of_another_certificate_stops_the_start(
    start_server: Callable[..., Server], certificate: dict[str, str]
):
    Path(certificate["TLS_KEY"]).write_text("no key")
    server = start_server(wait=False, **certificate)
    assert server.process.wait(20) == 2
    (line,) = server.spoken().splitlines()
    assert line.startswith("slipway: TLS_CERTIFICATE, TLS_KEY: ")
    assert certificate["TLS_KEY"] in line


def test_a_slow_reader_keeps_no_worker(start_server: Callable[..., Server], photo: bytes):
    """Thirty clients ask for a large answer and read none of it, where two threads answer."""
    server = start_server(HTTP_PROCESSES="1", HTTP_THREADS="2")
    large = request_of("GET", "/openapi.json").replace(b"Connection: close\r\n", b"")
    idle = []
    for _ in range(30):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(large * 20)
        idle.append(connection)
    for _ in range(5):
        assert server.predict(photo).status == 200
    server.await_in_flight(0)
    for connection in idle:
        connection.close()

"""Bodies are read strictly, in memory, and to their end, whatever becomes of them."""

from __future__ import annotations

import base64
import io
import tempfile
import tracemalloc

import pytest
from flask.testing import FlaskClient
from PIL import Image

from app.api import uploads
from tests.app.api.server import Server, under_both
from tests.app.api.test_problems import check
from tests.app.pictures.making import encode

FORM = "multipart/form-data; boundary=b"
PART = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'


@pytest.mark.parametrize(
    ("form", "content_type", "text"),
    [
        pytest.param(PART + b"x\r\n--b--", "multipart/form-data", "boundary", id="no boundary"),
        pytest.param(PART + b"x\r\n--b--", FORM.replace("=b", "=ä"), "", id="odd boundary"),
        pytest.param(PART + b"x", FORM, "cannot parse", id="no end"),
        pytest.param(b"hello", FORM, "cannot parse", id="text"),
        pytest.param(
            b"--b\r\nX: y\r\n\r\nx\r\n--b--", FORM, "Content-Disposition", id="part without head"
        ),
        pytest.param(b"--b\r\n\xff: y\r\n\r\nx\r\n--b--", FORM, "utf-8", id="head of any bytes"),
    ],
)
def test_a_broken_form_is_told_what_is_wrong(
    client: FlaskClient, form: bytes, content_type: str, text: str
):
    response = client.post("/predict", data=form, content_type=content_type)
    assert text in check(response, 400, "invalid-form")["detail"]


def test_a_part_without_a_name_is_no_picture(client: FlaskClient):
    head = b"--b\r\nContent-Disposition: form-data"
    form = head + b"\r\n\r\nx\r\n" + head + b'; name="a"\r\n\r\ny\r\n--b--\r\n'
    response = client.post("/predict", data=form, content_type=FORM)
    assert "None, a" in check(response, 400, "missing-input")["detail"]


def test_a_form_has_no_more_parts_than_parameters_need(client: FlaskClient, photo: bytes):
    fields = {f"field{index}": "x" for index in range(uploads.MAX_FORM_PARTS)}
    response = client.post("/predict", data=fields | {"image": (io.BytesIO(photo), "a.png")})
    assert "too many parts" in check(response, 413, "body-too-large")["detail"]


def test_a_file_of_a_form_needs_no_temporary_folder(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    large = encode(Image.effect_noise((1200, 1200), 80), "PNG")
    assert len(large) > uploads.MAX_FORM_FIELD_BYTES
    form = PART + large + b"\r\n--b--\r\n"
    assert client.post("/predict", data=form, content_type=FORM).status_code == 200


@pytest.mark.parametrize("length", ["abc", "-5", "1e3", "0x10", "²", "5 5"])
def test_a_length_that_is_no_number_is_refused(client: FlaskClient, photo: bytes, length: str):
    length = length.encode().decode("latin-1")
    environ = {"CONTENT_LENGTH": length}
    response = client.post("/predict", data=photo, environ_overrides=environ)
    problem = check(response, 400, "invalid-parameter")
    assert problem["field"] == "Content-Length"


@pytest.mark.parametrize("encoding", ["chunked", "gzip, chunked", "Chunked"])
def test_a_body_of_unknown_length_is_asked_for_its_length(client: FlaskClient, encoding: str):
    response = client.post("/predict", headers={"Transfer-Encoding": encoding})
    check(response, 411, "length-required")


def test_a_body_that_ends_too_early_is_refused(client: FlaskClient, photo: bytes):
    environ = {"CONTENT_LENGTH": str(len(photo) + 1)}
    response = client.post("/predict", data=photo, environ_overrides=environ)
    check(response, 400, "incomplete-body")


@pytest.mark.parametrize(
    ("method", "path", "content_type", "status"),
    [
        pytest.param("POST", "/nowhere", "image/png", 404, id="no such path"),
        pytest.param("PUT", "/predict", "image/png", 405, id="method"),
        pytest.param("POST", "/predict", "text/plain", 415, id="type"),
        pytest.param("POST", "/predict", "image/png", 413, id="too large"),
        pytest.param("POST", "/predict", FORM, 413, id="too large a form"),
        pytest.param("POST", "/predict?masks=x", "application/json", 413, id="too large JSON"),
        pytest.param("GET", "/healthz", "image/png", 200, id="of no use"),
    ],
)
def test_what_is_refused_is_read_to_its_end(
    start_app, method: str, path: str, content_type: str, status: int
):
    client = start_app(MAX_IMAGE_BYTES="1000").test_client()
    body = io.BytesIO(bytes(3 << 20))
    response = client.open(
        path,
        method=method,
        input_stream=body,
        content_type=content_type,
        headers={"Content-Length": str(3 << 20)},
    )
    assert response.status_code == status
    assert body.read() == b""


def test_no_more_is_read_than_a_refusal_is_worth(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(uploads, "MAX_DRAIN", 1 << 20)
    body = io.BytesIO(bytes(3 << 20))
    length = {"Content-Length": str(3 << 20)}
    response = client.open("/nowhere", method="POST", input_stream=body, headers=length)
    check(response, 404, "not-found")
    assert body.tell() == 1 << 20


def b64(data: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(data).decode()}


def test_the_pictures_of_a_request_have_a_limit_together(start_app, photo: bytes):
    client = start_app(MAX_REQUEST_PIXELS="10000").test_client()
    response = client.post("/predict", json={"instances": [b64(photo)] * 2})
    assert response.status_code == 200
    response = client.post("/predict", json={"instances": [b64(photo)] * 3})
    problem = check(response, 413, "image-too-large")
    assert (problem["field"], problem["unit"]) == ("instances[2]", "pixels")
    assert (problem["value"], problem["limit"]) == (14_400, 10_000)


def test_a_bad_picture_in_a_list_is_refused_before_another_is_predicted(
    client: FlaskClient, photo: bytes, log_stream: io.StringIO
):
    large = encode(Image.new("1", (9000, 9000)), "PNG")
    response = client.post("/predict", json={"instances": [b64(photo), b64(large)]})
    assert check(response, 413, "image-too-large")["field"] == "instances[1]"
    assert '"event": "prediction"' not in log_stream.getvalue()


def test_the_pictures_of_a_request_are_not_held_together(client: FlaskClient):
    picture = Image.new("1", (2000, 1500))
    body = {"instances": [b64(encode(picture, "PNG"))] * 12}
    tracemalloc.start()
    try:
        assert client.post("/predict", json=body).status_code == 200
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Held together they are 12 times as much, beside what the model needs for one.
    assert peak < 9 * 2000 * 1500 * 3


def test_a_refusal_repeats_no_more_than_is_of_use(client: FlaskClient):
    for document in (
        {"image": b64(b""), "x" * 10**6: 1},
        {"image": b64(b""), "masks": "x" * 10**6},
    ):
        response = client.post("/predict", json=document)
        check(response, 400, "invalid-parameter")
        assert len(response.data) < 3000


@pytest.mark.server
@under_both
def test_over_a_real_connection_every_refusal_of_a_large_body_arrives(server: Server):
    large = bytes(20 << 20)
    for path, content_type, status in (
        ("/nowhere", "image/png", 404),
        ("/healthz", "image/png", 405),
        ("/predict", "text/plain", 415),
        ("/predict", "image/png", 415),
        ("/predict", FORM, 413),
    ):
        for _ in range(3):
            answer = server.ask(path, large, **{"Content-Type": content_type})
            assert (answer.status, answer.json()["status"]) == (status, status)

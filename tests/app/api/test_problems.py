"""What is refused or fails is an RFC 9457 problem that says what to do, and nothing more."""

from __future__ import annotations

import base64
import io
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from app.api import predictions
from app.api.problems import PROBLEMS
from app.api.v2 import repository
from app.application import create_app
from app.serving.errors import InferenceUnavailable, ServingError
from app.settings import Settings
from tests.app.serving.model_folder import Models

INVALID, MISSING = "invalid-parameter", "missing-input"


def check(response, status: int, slug: str) -> dict:
    """Check the form of a problem and return it."""
    problem = response.get_json()
    assert (response.status_code, problem["type"]) == (status, f"/problems/{slug}"), problem
    assert response.content_type == "application/problem+json"
    assert problem["status"] == status
    assert problem["request_id"] == response.headers["X-Request-ID"]
    assert problem["title"]
    assert problem["detail"]
    assert "Traceback" not in response.text
    return problem


@pytest.mark.parametrize(
    ("query", "allowed"),
    [
        pytest.param({"min_score": "1.5"}, "from 0 to 1", id="score above 1"),
        pytest.param({"min_score": "nan"}, "from 0 to 1", id="score not a number"),
        pytest.param({"min_score": ""}, "from 0 to 1", id="score empty"),
        pytest.param({"max_instances": "0"}, "from 1 to 1,000", id="no instances"),
        pytest.param({"max_instances": "1001"}, "from 1 to 1,000", id="too many instances"),
        pytest.param({"max_instances": "2.5"}, "whole number", id="half an instance"),
        pytest.param({"version": "-1"}, "whole number", id="version"),
        pytest.param({"masks": "bitmap"}, "rle, polygon, png, none", id="masks"),
        pytest.param({"render": "jpg"}, "only png", id="render"),
        pytest.param({"format": "xml"}, "json, png, coco", id="format"),
        pytest.param({"image_id": "-1"}, "from 0 to 9,007,199,254,740,928", id="image id"),
        pytest.param({"image_id": "1_0"}, "whole number", id="a number of Python's alone"),
        pytest.param({"render": "png", "format": "coco"}, "contradict", id="two formats"),
        pytest.param({"format": "coco", "masks": "png"}, "rle, none", id="masks of COCO results"),
        pytest.param({"model": ""}, "/models", id="model"),
        pytest.param({"min_scor": "0.5"}, "min_score", id="unknown name"),
        pytest.param({"min_score": ["0.5", "0.6"]}, "more than once", id="twice"),
    ],
)
def test_a_bad_parameter_is_named_with_its_value_and_what_is_allowed(
    client: FlaskClient, photo: bytes, query: dict, allowed: str
):
    response = client.post("/predict", data=photo, query_string=query)
    problem = check(response, 400, "invalid-parameter")
    assert problem["field"] in query
    assert problem["field"] in problem["detail"]
    assert allowed in problem["detail"]


def test_a_long_value_is_not_sent_back_whole(client: FlaskClient, photo: bytes):
    problem = check(client.post(f"/predict?masks={'x' * 10_000}", data=photo), 400, INVALID)
    assert problem["value"] == "x" * 200 + "…"
    assert len(problem["detail"]) < 200


@pytest.mark.parametrize(
    ("body", "accept", "offered"),
    [
        pytest.param({}, "text/csv", 3, id="one picture"),
        pytest.param({}, "image/png;q=0, text/*", 3, id="one picture, not png"),
        pytest.param({"instances": []}, "image/png", 2, id="several pictures"),
    ],
)
def test_an_accept_that_nothing_fits_is_told_what_is_offered(
    client: FlaskClient, photo: bytes, body: dict, accept: str, offered: int
):
    picture = {"b64": base64.b64encode(photo).decode()}
    body = {"instances": [picture]} if body else {"image": picture}
    response = client.post("/predict", json=body, headers={"Accept": accept})
    problem = check(response, 406, "not-acceptable")
    assert (problem["field"], problem["value"]) == ("Accept", accept)
    assert len(problem["allowed"]) == offered
    assert "application/json" in problem["allowed"]
    assert response.headers["Vary"] == "Accept"


def test_image_ids_of_the_longest_list_are_whole_numbers_to_every_reader(
    client: FlaskClient, photo: bytes
):
    picture = {"b64": base64.b64encode(photo).decode()}
    body = {"instances": 2 * [picture], "format": "coco", "image_id": 2**53 - 64}
    results = client.post("/predict", json=body).json
    assert {each["image_id"] for each in results} == {2**53 - 64, 2**53 - 63}
    problem = check(client.post("/predict", json=body | {"image_id": 2**53 - 63}), 400, INVALID)
    assert (problem["field"], problem["value"]) == ("image_id", 2**53 - 63)
    assert "9,007,199,254,740,928" in problem["detail"]


def test_a_list_of_too_many_pictures_is_told_how_many_it_has(client: FlaskClient):
    problem = check(client.post("/predict", json={"instances": 65 * [{"b64": ""}]}), 400, MISSING)
    assert (problem["field"], problem["value"], problem["limit"]) == ("instances", 65, 64)
    assert "65" in problem["detail"]


def test_a_list_of_pictures_cannot_be_drawn(client: FlaskClient, photo: bytes):
    body = {"instances": [{"b64": base64.b64encode(photo).decode()}]}
    for parameter in ("render", "format"):
        response = client.post(f"/predict?{parameter}=png", json=body)
        assert check(response, 400, INVALID)["field"] == parameter


@pytest.mark.parametrize(
    ("body", "slug"),
    [
        pytest.param("{", "invalid-json", id="no json"),
        pytest.param("[" * 100_000, "invalid-json", id="deep json"),
        pytest.param("[]", "missing-input", id="list"),
        pytest.param("{}", "missing-input", id="empty"),
        pytest.param('{"image": "aGk="}', "missing-input", id="string"),
        pytest.param('{"image": {"b64": 7}}', "missing-input", id="number"),
        pytest.param('{"image": {"b64": "", "b": ""}}', "missing-input", id="more than b64"),
        pytest.param('{"image": {"b64": "#"}}', "invalid-base64", id="base64"),
        pytest.param('{"image": {"b64": "ä"}}', "invalid-base64", id="not ascii"),
        pytest.param('{"instances": []}', "missing-input", id="no instances"),
        pytest.param('{"instances": [1]}', "missing-input", id="number as instance"),
        pytest.param('{"instances": [], "image": {}}', "missing-input", id="both"),
        pytest.param(
            '{"image": {"b64": ""}, "masks": ["rle"]}', "invalid-parameter", id="list as parameter"
        ),
        pytest.param(
            '{"image": {"b64": ""}, "min_score": true}', "invalid-parameter", id="true as score"
        ),
        pytest.param('{"image": {"b64": ""}, "version": null}', INVALID, id="null as parameter"),
        pytest.param('{"image": {"b64": ""}, "image_id": 1e999}', "invalid-json", id="huge number"),
        pytest.param(
            '{"image": {"b64": ""}, "masks": "\\ud800"}', "invalid-json", id="half a pair"
        ),
        pytest.param('{"image": {"b64": ""}, "\\udfff": 1}', "invalid-json", id="half a name"),
        pytest.param('{"image": {"b64": ""}, "min_score": NaN}', "invalid-json", id="nan"),
        pytest.param('{"image": {"b64": ""}, "min_score": -Infinity}', "invalid-json", id="inf"),
        pytest.param('{"masks": "rle", "masks": "png"}', "invalid-json", id="name twice"),
        pytest.param('{"image": {"b64": "", "b64": ""}}', "invalid-json", id="inner name twice"),
        pytest.param('{"version": 1' + "0" * 5000 + "}", "invalid-json", id="digits without end"),
        pytest.param('{"image": {"b64": ""}}'.encode("utf-16"), "invalid-json", id="utf-16"),
        pytest.param(b'{"image": {"b64": "\xff"}}', "invalid-json", id="no utf-8"),
    ],
)
def test_json_of_another_shape_is_refused(client: FlaskClient, body: str, slug: str):
    check(client.post("/predict", data=body, content_type="application/json"), 400, slug)


def test_a_form_without_the_field_image_is_told_which_fields_it_has(client: FlaskClient):
    response = client.post("/predict", data={"file": (io.BytesIO(b"x"), "a.png"), "note": "hi"})
    problem = check(response, 400, "missing-input")
    assert "file, note" in problem["detail"]


@pytest.mark.parametrize("name", [pytest.param(n, id=n) for n in ("min_score", "masks", "second")])
def test_a_file_that_is_not_the_picture_is_refused_and_not_left_out(
    client: FlaskClient, photo: bytes, name: str
):
    form = {"image": (io.BytesIO(photo), "a.png"), name: (io.BytesIO(b"1"), "b.txt")}
    problem = check(client.post("/predict", data=form), 400, INVALID)
    assert problem["field"] == name
    assert f"'{name}' is a file" in problem["detail"]


def test_a_form_whose_image_is_text_is_told_that_its_at_sign_is_missing(client: FlaskClient):
    response = client.post("/predict", data={"image": "a.png"}, content_type="multipart/form-data")
    problem = check(response, 400, "missing-input")
    told = "the field `image` is the text 'a.png', not a file: put @ before its name"
    assert problem["detail"] == f"{told}; curl: -F image=@FILE"
    assert (problem["field"], problem["value"]) == ("image", "a.png")


def test_an_empty_body_is_told_how_to_send_a_picture(client: FlaskClient):
    problem = check(client.post("/predict"), 400, "missing-input")
    assert "multipart" in problem["detail"]


def test_another_content_type_is_refused(client: FlaskClient, photo: bytes):
    response = client.post("/predict", data=photo, content_type="application/x-www-form-urlencoded")
    check(response, 415, "unsupported-media-type")


def test_text_is_no_picture(client: FlaskClient):
    problem = check(client.post("/predict", data=b"hello"), 415, "image-unrecognised")
    assert "JPEG" in problem["detail"]


def test_a_damaged_picture_is_unprocessable(client: FlaskClient):
    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(buffer, "PNG")
    response = client.post("/predict", data=buffer.getvalue()[:-500])
    check(response, 422, "image-unreadable")


def test_the_bad_one_of_several_instances_is_named(client: FlaskClient):
    response = client.post("/predict", json={"instances": [{"b64": "aGVsbG8="}]})
    assert check(response, 415, "image-unrecognised")["field"] == "instances[0]"


def test_too_many_bytes_or_pixels_are_told_with_the_limit(start_app, photo: bytes):
    client = start_app(MAX_IMAGE_BYTES="100").test_client()
    problem = check(client.post("/predict", data=photo), 413, "image-too-large")
    assert (problem["unit"], problem["value"], problem["limit"]) == ("bytes", len(photo), 100)
    client = start_app(MAX_IMAGE_PIXELS="4799").test_client()
    problem = check(client.post("/predict", data=photo), 413, "image-too-large")
    assert (problem["unit"], problem["value"], problem["limit"]) == ("pixels", 4800, 4799)


def test_a_body_over_the_limit_is_refused_before_it_is_parsed(start_app):
    client = start_app(MAX_IMAGE_BYTES="100").test_client()
    form_type = "multipart/form-data; boundary=b"
    response = client.post("/predict", data=bytes(2 << 20), content_type=form_type)
    problem = check(response, 413, "body-too-large")
    assert problem["value"] > problem["limit"] > 100


def test_a_picture_as_text_of_a_form_is_told_how_to_send_it(client: FlaskClient):
    field = 'Content-Disposition: form-data; name="image"\r\n\r\n' + "x" * 600_000
    form = f"--b\r\n{field}\r\n--b--\r\n"
    response = client.post("/predict", data=form, content_type="multipart/form-data; boundary=b")
    assert "-F image=@FILE" in check(response, 413, "body-too-large")["detail"]


def test_an_unknown_model_is_told_which_there_are(client: FlaskClient, photo: bytes):
    problem = check(client.post("/predict?model=strete", data=photo), 404, "model-not-found")
    assert (problem["value"], problem["allowed"]) == ("strete", ["street"])


def test_an_unknown_version_is_told_which_there_are(client: FlaskClient, photo: bytes):
    problem = check(client.post("/predict?version=7", data=photo), 404, "version-not-found")
    assert (problem["value"], problem["allowed"]) == (7, [1])


def test_among_several_models_one_has_to_be_named(start_app, models: Models, photo: bytes):
    models.add("harbour.h5")
    client = start_app().test_client()
    problem = check(client.post("/predict", data=photo), 400, "model-ambiguous")
    assert problem["allowed"] == ["harbour", "street"]


def test_a_model_that_is_loading_asks_to_come_back(start_app, models: Models, photo: bytes):
    models.add("street/1/street.h5", load_s=0.5)
    client = start_app(wait=False).test_client()
    response = client.post("/predict", data=photo)
    problem = check(response, 503, "model-not-ready")
    assert "loading" in problem["detail"]
    assert response.headers["Retry-After"] == "5"


def test_a_model_that_fails_on_a_picture_tells_no_trace(start_app, models: Models, photo: bytes):
    models.add("street/1/street.h5", fails=True)
    problem = check(start_app().test_client().post("/predict", data=photo), 500, "inference-failed")
    assert "street" in problem["detail"]
    assert "File" not in problem["detail"]


def test_a_prediction_that_takes_too_long_is_given_up(start_app, models: Models, photo: bytes):
    models.add("street/1/street.h5", delay_s=0.6)
    client = start_app(INFERENCE_TIMEOUT_S="0.2").test_client()
    check(client.post("/predict", data=photo), 504, "inference-timeout")


def test_wherever_predictions_are_asked_for_an_empty_request_is_refused_with_the_reason(
    app: Flask, client: FlaskClient
):
    rules = [
        rule.rule
        for rule in app.url_map.iter_rules()
        if "POST" in rule.methods
        and rule.endpoint not in repository.ENDPOINTS | predictions.ENDPOINTS
    ]
    assert len(rules) > 10
    for rule in rules:
        path = re.sub(r"<version>", "1", re.sub(r"<name>", "str%C3%A4et", rule)).replace(
            "<label>", "x"
        )
        response = client.post(path)
        assert response.status_code in (400, 404), (path, response.text)
        assert client.put(path).status_code in (400, 405), path


class _BrokenClient:
    """A client of an inference process that is not there, or of a program with a bug."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def enter(self, *_: object, **__: object) -> None:
        raise self._error

    models = choose = enter


@pytest.mark.parametrize(
    ("error", "status", "slug"),
    [
        pytest.param(InferenceUnavailable("gone", 7), 503, "inference-unavailable", id="gone"),
        pytest.param(ServingError("odd"), 500, "inference-failed", id="unknown serving error"),
        pytest.param(KeyError("secret"), 500, "internal-error", id="bug"),
    ],
)
def test_every_failure_of_the_server_is_a_problem(
    photo: bytes, error: Exception, status: int, slug: str
):
    broken = create_app(Settings.from_environment({}), _BrokenClient(error))
    response = broken.test_client().post("/predict", data=photo)
    problem = check(response, status, slug)
    assert "secret" not in problem["detail"]
    if slug == "inference-unavailable":
        assert response.headers["Retry-After"] == "7"


@pytest.mark.parametrize(
    ("method", "path", "status", "slug"),
    [
        pytest.param("GET", "/nowhere", 404, "not-found", id="no such path"),
        pytest.param("GET", "/predict", 405, "method-not-allowed", id="method"),
        pytest.param("GET", "/static/nothing.js", 404, "not-found", id="static file"),
        pytest.param("GET", "/models/nobody", 404, "model-not-found", id="model"),
        pytest.param("GET", "/samples/street/../../x", 404, "not-found", id="outside"),
    ],
)
def test_what_flask_refuses_is_a_problem_too(client: FlaskClient, method, path, status, slug):
    response = client.open(path, method=method)
    check(response, status, slug)
    assert ("Allow" in response.headers) == (status == 405)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        pytest.param("GET", "/predict", ["OPTIONS", "POST"], id="page opened"),
        pytest.param("PUT", "/predict", ["OPTIONS", "POST"], id="curl -T"),
        pytest.param("POST", "/models", ["GET", "HEAD", "OPTIONS"], id="read only"),
    ],
)
def test_a_method_that_does_not_fit_is_told_which_do(client: FlaskClient, method, path, allowed):
    problem = check(client.open(path, method=method), 405, "method-not-allowed")
    assert problem["detail"] == f"the method is {method}; {path} takes {', '.join(allowed)}"
    assert (problem["field"], problem["value"]) == ("method", method)
    assert problem["allowed"] == allowed


@pytest.mark.parametrize("path", ["/predictt", "/models/", "/static/nothing.js", "/a'ö"])
def test_a_path_that_is_not_there_is_named(client: FlaskClient, path: str):
    problem = check(client.get(path), 404, "not-found")
    assert problem["detail"] == f"there is nothing at {path!r}; /docs lists what there is"
    assert (problem["field"], problem["value"]) == ("path", path)


@pytest.mark.parametrize("given", ["abc-123", "01J9ZZ:7/x=+._"])
def test_a_well_formed_request_id_is_kept(client: FlaskClient, given: str):
    response = client.get("/healthz", headers={"X-Request-ID": given})
    assert response.headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "ä", '"}'])
def test_any_other_request_id_is_replaced(client: FlaskClient, given: str):
    response = client.get("/healthz", headers={"X-Request-ID": given.encode().decode("latin-1")})
    assert len(response.headers["X-Request-ID"]) == 26


def test_statuses_of_problems_are_errors():
    assert all(400 <= status < 600 for status, _ in PROBLEMS.values())

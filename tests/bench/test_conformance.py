"""Servers that were not written here answer the same requests as ours: KServe's and MLServer's."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bench.environment import prepare
from bench.peers.sides import FLOWER, IRIS, OURS, Side, sides
from bench.served import Served, served
from bench.serving import repository
from tests.parts import absent

pytestmark = pytest.mark.server

TENSORS = [
    {"name": name, "datatype": "FP64", "shape": [2], "data": [value, 1.5 * value]}
    for name, value in FLOWER.items()
]
INFER = "/v2/models/iris/infer"
ONE = b'{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "data": [1]}]}'


def running(name: str, workers: int, models: Path) -> Iterator[Served]:
    """Run one side of the benchmark; skip where it cannot be installed."""
    side = next(one for one in all_sides(models) if (one.name, one.workers) == (name, workers))
    reason = prepare(name, side.packages) if side.packages else None
    if reason:
        absent(f"{name} cannot be installed: {reason}")
    with served(side.command, side.variables) as server:
        server.first_answer_s(side.questions[IRIS].sent)
        yield server


def all_sides(models: Path) -> list[Side]:
    file = io.BytesIO()
    Image.linear_gradient("L").resize((28, 28)).save(file, "PNG")
    return sides(file.getvalue(), models)


@pytest.fixture(scope="module")
def ours() -> Iterator[Served]:
    with repository() as models:
        yield from running(OURS, 2, models)


@pytest.fixture(scope="module")
def kserve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    yield from running("KServe", 1, tmp_path_factory.mktemp("none"))


@pytest.fixture(scope="module")
def mlserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    yield from running("MLServer", 0, tmp_path_factory.mktemp("none"))


def ask(server: Served, path: str, document: object = None) -> tuple[int, Any]:
    """Return the status and the document of an answer; without a document it is a GET."""
    data = None
    if document is not None:
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
    url = f"http://127.0.0.1:{server.port}{path}"
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def tensors(answer: tuple[int, Any]) -> dict[str, tuple[str, list[int], list[Any]]]:
    """Return the outputs of the Open Inference Protocol, numbers rounded to seven places."""
    status, document = answer
    assert status == 200, document
    return {
        one["name"]: (one["datatype"], one["shape"], [rounded(value) for value in one["data"]])
        for one in document["outputs"]
    }


def rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in value.items()}
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return round(value, 7) if isinstance(value, float) else value


def test_kserves_server_and_ours_answer_a_v1_request_alike(ours: Served, kserve: Served):
    rows = {"instances": [FLOWER, {name: 2 * value for name, value in FLOWER.items()}]}
    path = "/v1/models/iris:predict"
    assert rounded(ask(ours, path, rows)) == rounded(ask(kserve, path, rows))


def test_kserves_server_and_ours_answer_a_v2_request_alike(ours: Served, kserve: Served):
    request = {"id": "42", "inputs": TENSORS}
    answers = [ask(server, INFER, request) for server in (ours, kserve)]
    assert tensors(answers[0]) == tensors(answers[1])
    assert {(answer["model_name"], answer["id"]) for _, answer in answers} == {("iris", "42")}


def test_mlserver_and_ours_answer_a_v2_request_alike(ours: Served, mlserver: Served):
    request = {"id": "42", "inputs": TENSORS}
    answers = [ask(server, INFER, request) for server in (ours, mlserver)]
    found = [tensors(answer) for answer in answers]
    assert {name: found[0][name] for name in found[1]} == found[1]
    assert set(found[1]) == {"predicted_species", "species_probs"}
    assert {(answer["model_name"], answer["id"]) for _, answer in answers} == {("iris", "42")}


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/v2/health/live", id="live"),
        pytest.param("/v2/health/ready", id="ready"),
        pytest.param("/v2/models/iris/ready", id="model"),
    ],
)
def test_health_is_told_where_kserves_server_tells_it(ours: Served, kserve: Served, path: str):
    assert ask(ours, path) == ask(kserve, path)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param("/v1/models/other:predict", b'{"instances": [1]}', id="v1-other-model"),
        pytest.param("/v1/models/iris:predict", b"no JSON", id="v1-no-json"),
        pytest.param("/v2/models/other/infer", ONE, id="v2-other-model"),
    ],
)
def test_refusals_have_the_form_and_the_status_of_kserves(
    ours: Served, kserve: Served, path: str, body: bytes
):
    (status, told), (their_status, theirs) = ask(ours, path, body), ask(kserve, path, body)
    assert (status, set(told)) == (their_status, set(theirs))
    assert set(told) == {"error"}

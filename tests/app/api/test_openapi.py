"""`/openapi.json`: the contract is sound, and is what the server does, no more and no less."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV31SpecValidator

from app.api.bodies import Instances, OnePicture, PictureForm
from app.api.contract import examples
from app.api.contract.operations import NOT_IN_THE_CONTRACT, OPERATIONS, UNSENT
from app.api.contract.refusals import REFUSALS, refusal
from app.api.headers import PredictHeaders
from app.api.parameters import PredictParameters, parse
from app.api.problems import PROBLEMS, ProblemError
from app.kinds.mask_rcnn.face import INSTANCES, InstanceParameters
from tests.app.api.contract import contract, faults

#: What models that find instances take.
PARAMETERS = InstanceParameters
PREDICT = contract()["paths"]["/predict"]["post"]
SCHEMAS = contract()["components"]["schemas"]


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every operation of the contract as (METHOD path, operation)."""
    for path, methods in contract()["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def parameters(place: str) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in PREDICT["parameters"] if one["in"] == place}


def test_the_contract_is_openapi(client: FlaskClient):
    document = client.get("/openapi.json").get_json()
    assert document["openapi"].startswith("3.1.")
    assert [str(error) for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_the_contract_is_that_of_the_server_that_gives_it(start_app):
    client = start_app(INFERENCE_TIMEOUT_S="7.5").test_client()
    predict = client.get("/openapi.json").get_json()["paths"]["/predict"]["post"]
    (timeout,) = [one for one in predict["parameters"] if one["name"] == "X-Request-Timeout"]
    assert timeout["schema"]["maximum"] == 7.5


def test_every_route_is_in_the_contract_and_no_other(client: FlaskClient):
    rules = [
        rule
        for rule in client.application.url_map.iter_rules()
        if rule.endpoint not in NOT_IN_THE_CONTRACT
    ]
    routes = {
        f"{method} {rule.rule.translate(str.maketrans('<>', '{}'))}"
        for rule in rules
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert {name for name, _ in operations()} == routes
    assert {rule.endpoint for rule in rules} == set(OPERATIONS)


def test_operations_have_names_of_their_own():
    names = [operation["operationId"] for _, operation in operations()]
    assert len(set(names)) == len(names)
    assert all(operation["summary"] for _, operation in operations())


def test_every_problem_is_in_the_contract_under_its_status_and_no_other():
    documented = {
        (int(status), slug)
        for _, operation in operations()
        for status, response in operation["responses"].items()
        for slug in response["content"].get("application/problem+json", {}).get("examples", {})
    }
    told = [(one.dialect, slug) for one in OPERATIONS.values() for slug in one.problems]
    # Other protocols have no examples of theirs, and may tell some alone.
    of_others = {slug for dialect, slug in told if dialect} - {
        slug for dialect, slug in told if not dialect
    }
    sent = {(status, slug) for slug, (status, _) in PROBLEMS.items() if slug not in UNSENT}
    assert documented == {(status, slug) for status, slug in sent if slug not in of_others}
    assert set(contract()["components"]["examples"]) == {slug for _, slug in sent}


def test_every_problem_has_an_example_of_its_own():
    assert set(REFUSALS) == set(PROBLEMS) - UNSENT
    for slug, make in REFUSALS.items():
        problem = make()
        assert problem.slug == slug
        assert problem.detail not in ("", problem.title)


def test_every_answer_of_every_operation_carries_the_request_id():
    for _, operation in operations():
        for response in operation["responses"].values():
            assert "X-Request-ID" in response["headers"]


def test_every_status_at_which_a_problem_passes_names_retry_after():
    statuses = {
        status
        for status, response in PREDICT["responses"].items()
        if "Retry-After" in response["headers"]
    }
    assert statuses >= {"429", "503", "504"}
    assert not statuses & {"200", "400", "404", "415", "500"}


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        pytest.param(parameters("query"), PredictParameters.model_fields, id="query"),
        pytest.param(
            parameters("header"),
            [field.alias for field in PredictHeaders.model_fields.values()],
            id="headers",
        ),
        pytest.param(SCHEMAS["OnePicture"]["properties"], OnePicture.model_fields, id="json"),
        pytest.param(SCHEMAS["Instances"]["properties"], Instances.model_fields, id="json list"),
        pytest.param(SCHEMAS["PictureForm"]["properties"], PictureForm.model_fields, id="form"),
    ],
)
def test_every_parameter_is_in_the_contract_and_no_other(given, fields):
    assert set(given) == set(fields)


def values_of(schema: dict[str, Any]) -> tuple[list[object], list[object]]:
    """Return values that a parameter's schema allows and such that it just does not."""
    if "enum" in schema or "const" in schema:
        return schema.get("enum", [schema.get("const")]), ["jpeg", "RLE", "", 1, True, ["png"]]
    if "anyOf" in schema:
        number, text = (values_of(one) for one in schema["anyOf"])
        return number[0] + text[0], [bad for bad in number[1] if bad != "x"]
    if schema["type"] == "string":
        return ["x"], ["", 7, True]
    low, high = schema["minimum"], schema["maximum"]
    good: list[object] = [low, high, str(low), str(high), float(high)]
    bad: list[object] = [low - 1, high + 1, str(high + 1), True, "x", "", []]
    return good, bad + ([low + 0.5] if schema["type"] == "integer" else [])


@pytest.mark.parametrize("name", list(PARAMETERS.model_fields))
def test_the_limits_that_the_contract_tells_are_those_that_hold(name: str):
    schema = parameters("query")[name]["schema"]
    good, bad = values_of(schema)
    for value in good:
        assert getattr(parse(PARAMETERS, [(name, value)]), name) is not None
    for value in bad:
        with pytest.raises(ProblemError, match=name):
            parse(PARAMETERS, [(name, value)])


@pytest.mark.parametrize("name", list(PARAMETERS.model_fields))
def test_the_defaults_that_the_contract_tells_are_those_that_hold(name: str):
    schema = parameters("query")[name]["schema"]
    assert getattr(parse(PARAMETERS, []), name) == schema.get("default")


def described_examples() -> Iterator[Any]:
    """Yield each example of a request or an answer with the schema that it stands beside."""
    for name, operation in operations():
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for content in itertools.chain(*(body.get("content", {}).values() for body in bodies)):
            for key, example in content.get("examples", {}).items():
                if "$ref" not in example:
                    yield pytest.param(example["value"], content["schema"], id=f"{name} {key}")
    for slug in REFUSALS:
        schema = {"$ref": "#/components/schemas/Problem"}
        yield pytest.param(refusal(slug), schema, id=slug)


@pytest.mark.parametrize(("example", "schema"), list(described_examples()))
def test_examples_fit_their_schemas(example: object, schema: dict[str, Any]):
    assert faults(example, schema) == []


@pytest.mark.parametrize(
    "body", [examples.one_input(INSTANCES), examples.several_inputs(INSTANCES)]
)
def test_example_bodies_are_answered(client: FlaskClient, body: dict[str, object]):
    answer = client.post("/predict", json=body).get_json()
    for one in answer.get("predictions", [answer]):
        assert [instance["label"] for instance in one["instances"]] == ["red"]


ANSWER = {"$ref": "#/components/schemas/PredictAnswer"}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        pytest.param({"colour": "red"}, "colour", id="a member more"),
        pytest.param({"version": "3"}, "version", id="another type"),
        pytest.param({"instances": [{"class_id": 1}]}, "label", id="a member less"),
    ],
)
def test_what_the_contract_does_not_say_is_noticed(change: dict[str, object], fault: str):
    assert faults(examples.predict_answer(INSTANCES), ANSWER) == []
    (found, *_) = faults(examples.predict_answer(INSTANCES) | change, ANSWER)
    assert fault in found


def test_a_mask_of_one_format_is_not_taken_for_another():
    answer: Any = examples.predict_answer(INSTANCES)
    answer["instances"][0]["mask"]["format"] = "polygon"
    assert faults(answer, ANSWER)

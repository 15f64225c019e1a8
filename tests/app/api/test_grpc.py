"""The Open Inference Protocol over gRPC, asked by Triton's own client through nginx."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.grpc import service_pb2
from tritonclient.utils import InferenceServerException

from tests.app.api.server import Server
from tests.app.serving.inference_process import wait_for
from tests.app.serving.model_folder import Models

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Server]:
    """Return a server of `street`, `slow`, and models of values, one of which has failed."""
    folder = tmp_path_factory.mktemp("grpc")
    models = Models(folder / "models")
    models.add("street/1/street.h5")
    models.add("slow/1/slow.h5", delay_s=2)
    models.write("broken/1/broken.h5", "broken")
    for name in ("mixed", "echo", "half_plus_two"):
        models.write(f"{name}/1/{name}.h5", json.dumps({"arithmetic": name}))
    command = [sys.executable, str(Path(__file__).with_name("serve_values.py"))]
    variables = {"DEFAULT_MODEL": "street", "MAX_IMAGE_BYTES": "1000000"}
    server = Server(folder, models.folder, root, *command, **variables)
    server.wait_until_ready()
    yield server
    server.end()


@pytest.fixture
def client(server: Server) -> Iterator[Any]:
    with triton.InferenceServerClient(f"127.0.0.1:{server.port}") as client:
        yield client


def tensor(name: str, values: np.ndarray, datatype: str) -> Any:
    made = triton.InferInput(name, [*values.shape], datatype)
    made.set_data_from_numpy(values)
    return made


def picture(photo: bytes) -> list[Any]:
    return [tensor("image_bytes", np.array([photo], object), "BYTES")]


def refused(call: Callable[[], object]) -> tuple[str, str]:
    """Return the code and the text of a call that has to fail."""
    with pytest.raises(InferenceServerException) as error:
        call()
    return error.value.status().removeprefix("StatusCode."), error.value.message()


def test_health_and_metadata_are_those_of_v2(client: Any, server: Server):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("street", "1")
    assert not client.is_model_ready("broken")
    assert client.get_server_metadata(as_json=True) == server.ask("/v2").json()
    told = client.get_model_metadata("mixed", as_json=True)
    # int64 is text in protobuf's JSON.
    assert json.loads(json.dumps(told).replace('"-1"', "-1")) == {
        **server.ask("/v2/models/mixed").json()
    }


def test_a_picture_is_answered_as_at_v2_under_the_callers_id(
    client: Any, server: Server, photo: bytes
):
    answer = client.infer("street", picture(photo), request_id="7", headers={"x-request-id": "a"})
    response = answer.get_response()
    assert (response.model_name, response.model_version, response.id) == ("street", "1", "7")
    assert answer.as_numpy("labels").tolist() == [b"red", b"blue"]
    assert answer.as_numpy("boxes_yxyx").tolist() == [[10, 20, 38, 48], [40, 50, 55, 70]]

    def lines() -> list[dict[str, Any]]:
        events = (*server.events("prediction"), *server.events("request"))
        return [one for one in events if one["request_id"] == "a"]

    wait_for(lambda: len(lines()) == 2, "it is logged")
    prediction, request = lines()
    assert (prediction["model"], prediction["version"]) == ("street", 1)
    assert (request["path"], request["status"]) == ("/v2/models/street/infer", 200)
    counted = 'slipway_http_requests_total{method="POST",route="/v2/models/<name>/infer"'
    assert server.metric(counted) >= 1


def test_tensors_that_are_not_raw_come_as_their_contents(server: Server):
    """As KServe's clients send them."""
    request = service_pb2.ModelInferRequest(model_name="mixed")
    for name, datatype, shape, contents in (
        ("number", "FP64", [2], {"fp64_contents": [1.0, 2.0]}),
        ("count", "INT64", [2], {"int64_contents": [4, 4]}),
        ("word", "BYTES", [2], {"bytes_contents": [b"a", b"b"]}),
        ("flags", "BOOL", [2, 1], {"bool_contents": [False, True]}),
    ):
        told = request.inputs.add(name=name, datatype=datatype, shape=shape)
        told.contents.MergeFrom(service_pb2.InferTensorContents(**contents))
    request.outputs.add(name="ratio")
    request.outputs.add(name="shout")
    answer = called(server, "ModelInfer", request)
    result = triton.InferResult(answer)
    assert result.as_numpy("ratio").tolist() == [0.25, 0.5]
    assert result.as_numpy("shout").tolist() == [b"A", b"B"]
    assert [one.name for one in answer.outputs] == ["ratio", "shout"]


def called(server: Server, method: str, request: Any) -> Any:
    """Return what comes back to a message, or to bytes."""
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        call = channel.unary_unary(
            f"/inference.GRPCInferenceService/{method}",
            request_serializer=lambda one: (
                one if isinstance(one, bytes) else one.SerializeToString()
            ),
            response_deserializer=service_pb2.ModelInferResponse.FromString,
        )
        return call(request, timeout=20)


def test_parameters_and_signatures_are_those_of_v2(client: Any, photo: bytes):
    answer = client.infer("street", picture(photo), parameters={"max_instances": 1})
    assert answer.as_numpy("labels").tolist() == [b"red"]
    x = [tensor("x", np.array([[0.25]], np.float32), "FP32")]
    answer = client.infer("half_plus_two", x, parameters={"signature_name": "classify"})
    assert answer.as_numpy("scores").tolist() == [[0.25, 0.75]]


def test_what_is_wrong_is_told_with_grpcs_codes(client: Any, server: Server, photo: bytes):
    x = [tensor("x", np.array([[1.0]], np.float32), "FP32")]
    assert refused(lambda: client.infer("nobody", x))[0] == "NOT_FOUND"
    assert refused(lambda: client.infer("half_plus_two", x, model_version="9"))[0] == "NOT_FOUND"
    assert refused(lambda: client.infer("", x)) == (
        "INVALID_ARGUMENT",
        "the name of the model is empty",
    )
    code, text = refused(lambda: client.infer("half_plus_two", picture(photo)))
    assert (code, text) == ("INVALID_ARGUMENT", "there is no input 'image_bytes'; there are x")
    code, text = refused(lambda: client.infer("broken", x))
    assert (code, "no kind of model" in text) == ("UNAVAILABLE", True)
    assert refused(lambda: client.get_model_metadata("nöbody"))[1] == (
        "there is no model 'nöbody'; there is broken, echo, half_plus_two, mixed, slow, street"
    )
    assert refused(lambda: client.get_model_config("street"))[0] == "UNIMPLEMENTED"
    long = picture(bytes(10_000))
    code, text = refused(lambda: client.infer("street", long, compression_algorithm="gzip"))
    assert (code, "compressed" in text) == ("UNIMPLEMENTED", True)


def test_a_call_whose_time_is_over_is_told_so(client: Any, photo: bytes, server: Server):
    late = refused(lambda: client.infer("slow", picture(photo), client_timeout=0.3))
    assert late[0] == "DEADLINE_EXCEEDED"
    headers = {"x-request-id": "late"}
    assert client.infer("slow", picture(photo), client_timeout=9000, headers=headers)


@pytest.mark.parametrize(
    ("request_", "code", "text"),
    [
        pytest.param(b"\xff\xff", "INVALID_ARGUMENT", "is no ModelInferRequest", id="no message"),
        pytest.param(bytes(3_000_000), "UNKNOWN", "413", id="too large"),
    ],
)
def test_what_is_no_message_is_refused(server: Server, request_: bytes, code: str, text: str):
    with pytest.raises(grpc.RpcError) as error:
        called(server, "ModelInfer", request_)
    assert (error.value.code().name, text in error.value.details()) == (code, True)


def test_a_full_house_is_told_as_exhausted(client: Any, server: Server, photo: bytes):
    def infer(timeout_s: float) -> str:
        try:
            client.infer("slow", picture(photo), client_timeout=timeout_s)
        except InferenceServerException as error:
            return error.status()
        return "OK"

    assert infer(20) == "OK"
    with ThreadPoolExecutor(12) as pool:
        said = set(pool.map(infer, [3.0] * 12))
    assert said == {"OK", "StatusCode.RESOURCE_EXHAUSTED"}

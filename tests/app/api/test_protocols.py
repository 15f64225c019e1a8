"""Both protocols over models that others made: TensorFlow Serving's example, and the iris demo."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from app.application import create_app
from app.serving.local_client import LocalClient
from app.settings import Settings
from tests.app.api.test_v1 import HALF, ask
from tests.parts import absent

pytestmark = pytest.mark.slow

IRIS = {"sepal_length": 5.0, "sepal_width": 2.0, "petal_length": 3.5, "petal_width": 1.0}


def serving(folder: Path) -> Iterator[FlaskClient]:
    """Yield a client of a server over a folder with models."""
    settings = Settings.from_environment(
        {"MODEL_REPOSITORY": str(folder), "INFERENCE": "in_process", "PREDICTION_LOG": "off"}
    )
    client = LocalClient.start(settings.serving)
    assert client.wait_until_loaded(120)
    yield create_app(settings, client).test_client()
    client.close()


@pytest.fixture(scope="module")
def iris(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """Return a client of a server with the demo that is made as BigQuery ML exports it."""
    folder = tmp_path_factory.mktemp("models")
    shutil.copytree(root / "models" / "iris", folder / "iris")
    yield from serving(folder)


@pytest.fixture(scope="module")
def half_plus_two(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """Return a client of a server with TensorFlow Serving's own example."""
    source = data / "public" / "savedmodel" / "tfserving_saved_model_half_plus_two_cpu"
    if not source.is_dir():
        absent(f"TensorFlow Serving's example is not here; SLIPWAY_DATA has no {source.name}")
    folder = tmp_path_factory.mktemp("models")
    shutil.copytree(source, folder / "half_plus_two", copy_function=shutil.copyfile)
    yield from serving(folder)


def test_tensorflow_servings_example_answers_as_its_page_says(half_plus_two: FlaskClient):
    assert ask(half_plus_two, f"{HALF}:predict", {"instances": [1.0, 2.0, 5.0]}) == {
        "predictions": [2.5, 3.0, 4.5]
    }
    status = {"error_code": "OK", "error_message": ""}
    version = {"version": "123", "state": "AVAILABLE", "status": status}
    assert half_plus_two.get(HALF).get_json() == {"model_version_status": [version]}
    examples = [{"x": 1.0}, {"x": 2.0}]
    for signature, results in (
        ("x_to_y", [2.5, 3.0]),
        ("x_to_y2", [3.5, 4.0]),
        ("x2_to_y3", [3.5, 4.0]),
    ):
        body = {"signature_name": f"regress_{signature}", "examples": examples}
        assert ask(half_plus_two, f"{HALF}:regress", body) == {"results": results}
    body = {"signature_name": "classify_x_to_y", "examples": examples}
    assert ask(half_plus_two, f"{HALF}:classify", body) == {"results": [[["", 2.5]], [["", 3.0]]]}
    metadata = half_plus_two.get(f"{HALF}/metadata").get_json()["metadata"]["signature_def"]
    methods = {
        name: one["method_name"].rpartition("/")[2]
        for name, one in metadata["signature_def"].items()
    }
    assert methods == {
        "serving_default": "predict",
        "classify_x_to_y": "classify",
        "regress_x_to_y": "regress",
        "regress_x_to_y2": "regress",
        "regress_x2_to_y3": "regress",
    }


def test_an_example_is_serialised_as_tensorflow_reads_it():
    import tensorflow as tf

    from app.api.v1.examples import serialised

    features = {
        "words": ["a", {"b64": "AP8="}],
        "ratings": [8.5, float("nan")],
        "counts": [1, -3, 2**62, True],
        "long": "x" * 300,
    }
    read = tf.train.Example.FromString(serialised(features, "examples[0]")).features.feature
    assert list(read["words"].bytes_list.value) == [b"a", b"\0\xff"]
    assert read["ratings"].float_list.value[0] == 8.5
    assert list(read["counts"].int64_list.value) == [1, -3, 2**62, 1]
    assert read["long"].bytes_list.value[0] == b"x" * 300


def test_iris_answers_alike_at_predict_v1_and_v2(iris: FlaskClient):
    plain = iris.post("/predict?model=iris", json={"instances": [IRIS]}).get_json()
    (told,) = [one["outputs"] for one in plain["predictions"]]
    assert told["predicted_species"] == ["versicolor"]
    assert ask(iris, "/v1/models/iris:predict", {"instances": [IRIS]}) == {"predictions": [told]}
    columns = {name: [value] for name, value in IRIS.items()}
    assert ask(iris, "/v1/models/iris:predict", {"inputs": columns}) == {
        "outputs": {name: [value] for name, value in told.items()}
    }
    tensors = [
        {"name": name, "shape": [1], "datatype": "FP64", "data": [value]}
        for name, value in IRIS.items()
    ]
    answer = iris.post("/v2/models/iris/infer", json={"inputs": tensors}).get_json()
    assert {one["name"]: one["data"] for one in answer["outputs"]} == told


@pytest.fixture
def address(iris: FlaskClient) -> Iterator[str]:
    """Return where the iris demo is served, on a port."""
    server = make_server("127.0.0.1", 0, iris.application, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("is_binary", [True, False], ids=["bytes", "json"])
def test_tritons_client_finds_a_server_of_its_protocol(address: str, is_binary: bool):
    import tritonclient.http as triton

    client = triton.InferenceServerClient(address)
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("iris", "1")
    metadata: Any = client.get_model_metadata("iris")
    inputs = []
    for declared in metadata["inputs"]:
        tensor = triton.InferInput(declared["name"], [2], declared["datatype"])
        values = np.array([IRIS[declared["name"]], IRIS[declared["name"]] * 2])
        tensor.set_data_from_numpy(values, binary_data=is_binary)
        inputs.append(tensor)
    wanted = [
        triton.InferRequestedOutput(one["name"], binary_data=is_binary)
        for one in metadata["outputs"]
    ]
    for coding in (None, "gzip", "deflate"):
        found = client.infer(
            "iris", inputs, outputs=wanted, request_id="7", request_compression_algorithm=coding
        )
        assert found.get_response()["id"] == "7"
        (species, _) = found.as_numpy("predicted_species")[:, 0]
        assert species in (b"versicolor", "versicolor")
        assert found.as_numpy("species_probs").shape == (2, 3)
    with pytest.raises(triton.InferenceServerException, match="no model 'other'"):
        client.infer("other", inputs)
    client.close()

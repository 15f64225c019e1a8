"""Who takes part in `bench.serving`: how each is installed, started and asked, and what it says."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench.environment import environment
from bench.served import Sent

#: What each is asked: rows of numbers, a picture in base64, a picture as a file.
IRIS, BASE64, PICTURE = "iris", "fashion, base64", "fashion, picture"
OURS, FLASK = "slipway serve", "plain Flask route"
#: Ours with nothing put on record.
UNLOGGED = "slipway serve, no log"
FLOWER = {"sepal_length": 5.0, "sepal_width": 2.0, "petal_length": 3.5, "petal_width": 1.0}
_JSON = {"Content-Type": "application/json"}
_PNG = {"Content-Type": "image/png"}
_MODELS_NEED = ("tensorflow-cpu==2.21.*", "keras==3.15.*", "pillow==13.*")

#: What an answer says: the label, and how sure of it the model is.
Read = Callable[[bytes], tuple[str, float]]


@dataclass(frozen=True)
class Question:
    """A request as this side's users send it, and how its answer is read."""

    sent: Sent
    read: Read


@dataclass(frozen=True)
class Side:
    """A server with one number of workers."""

    name: str
    workers: int
    command: list[str]
    questions: dict[str, Question]
    packages: tuple[str, ...] = ()
    """What is in its own environment, its own first; none for this project's."""
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The name with the number of workers."""
        return f"{self.name}, {self.workers} worker{'s' * (self.workers != 1)}"


def sides(picture: bytes, models: Path) -> list[Side]:
    """Return all, ours first, which serves the folder; each is asked about the same picture."""
    return [
        _ours(picture, models),
        _unlogged(_ours(picture, models)),
        *(_flask(picture, workers) for workers in (1, 2)),
        *(_kserve(picture, workers) for workers in (1, 2)),
        *(_mlserver(picture, workers) for workers in (0, 1, 2)),
        *(_bentoml(picture, workers) for workers in (1, 2)),
        *(_litserve(picture, workers) for workers in (1, 2)),
        *(_ray(picture, workers) for workers in (1, 2)),
    ]


def _ours(picture: bytes, models: Path) -> Side:
    questions = {
        IRIS: _rows("/v1/models/iris:predict"),
        BASE64: _rows("/v1/models/fashion:predict", picture),
        PICTURE: Question(Sent("/predict?model=fashion", picture, _PNG), _first_prediction),
    }
    # All clients find a place and a thread: what is refused would look fast.
    variables = {"READY": "all", "HTTP_THREADS": "160", "QUEUE_LIMIT": "128"}
    variables["MODEL_REPOSITORY"] = str(models)
    command = [sys.executable, "-m", "app.cli", "serve"]
    return Side(OURS, 2, command, questions, variables=variables)


def _unlogged(ours: Side) -> Side:
    variables = {**ours.variables, "PREDICTION_LOG": "off"}
    return replace(ours, name=UNLOGGED, variables=variables)


def _flask(picture: bytes, workers: int) -> Side:
    questions = {
        IRIS: _rows("/iris"),
        BASE64: _rows("/fashion", picture),
        PICTURE: Question(Sent("/fashion", picture, _PNG), _first_prediction),
    }
    command = [sys.executable, "-m", "bench.peers.run_flask"]
    variables = {"WORKERS": str(workers), "THREADS": "16"}
    return Side(FLASK, workers, command, questions, variables=variables)


def _kserve(picture: bytes, workers: int) -> Side:
    # As UINT8: 0.21 answers 500 for BYTES that are no UTF-8.
    tensor = {"name": "image", "shape": [len(picture)], "datatype": "UINT8"}
    parameters = {"binary_data_size": len(picture)}
    head = json.dumps({"inputs": [tensor | {"parameters": parameters}]}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head))}
    headers["Content-Type"] = "application/octet-stream"
    questions = {
        IRIS: _rows("/v1/models/iris:predict"),
        BASE64: _rows("/v1/models/fashion:predict", picture),
        PICTURE: Question(Sent("/v2/models/fashion/infer", head + picture, headers), _first_tensor),
    }
    return _peer("KServe", workers, questions, ("kserve==0.21.*",), module="run_kserve")


def _mlserver(picture: bytes, workers: int) -> Side:
    flower = [
        {"name": name, "datatype": "FP64", "shape": [1], "data": [value]}
        for name, value in FLOWER.items()
    ]
    image = {
        "name": "image",
        "datatype": "BYTES",
        "shape": [1, 1],
        "parameters": {"content_type": "base64"},
        "data": [base64.b64encode(picture).decode()],
    }
    questions = {
        IRIS: Question(_json("/v2/models/iris/infer", {"inputs": flower}), _species_tensor),
        BASE64: Question(_json("/v2/models/fashion/infer", {"inputs": [image]}), _first_tensor),
    }
    # A newer uvloop ends its parallel workers as they start.
    packages = ("mlserver==1.7.*", "uvloop<0.22")
    return _peer("MLServer", workers, questions, packages, module="run_mlserver")


def _bentoml(picture: bytes, workers: int) -> Side:
    questions = {
        IRIS: _rows("/iris"),
        BASE64: _rows("/fashion", picture),
        PICTURE: Question(_form("/picture", picture), _first_prediction),
    }
    program = str(environment("BentoML") / "bin" / "bentoml")
    service = ["serve", "bench.peers.run_bentoml:Demo", "--host", "127.0.0.1"]
    command = ["sh", "-c", 'exec "$0" "$@" --port "$PORT"', program, *service]
    variables = {"WORKERS": str(workers), "BENTOML_DO_NOT_TRACK": "True"}
    packages = ("bentoml==1.4.*", *_MODELS_NEED)
    return Side("BentoML", workers, command, questions, packages, variables)


def _litserve(picture: bytes, workers: int) -> Side:
    questions = {
        IRIS: _rows("/iris"),
        BASE64: _rows("/fashion", picture),
        PICTURE: Question(_form("/fashion", picture), _first_prediction),
    }
    packages = ("litserve==0.2.*", "numpy", "python-multipart")
    return _peer("LitServe", workers, questions, packages, module="run_litserve")


def _ray(picture: bytes, workers: int) -> Side:
    questions = {
        IRIS: _rows("/iris"),
        BASE64: _rows("/fashion", picture),
        PICTURE: Question(Sent("/fashion", picture, _PNG), _first_prediction),
    }
    return _peer("Ray Serve", workers, questions, ("ray[serve]==2.60.*",), module="run_ray")


def _peer(
    name: str,
    workers: int,
    questions: dict[str, Question],
    packages: tuple[str, ...],
    *,
    module: str,
) -> Side:
    command = [str(environment(name) / "bin" / "python"), "-m", f"bench.peers.{module}"]
    variables = {"WORKERS": str(workers), "RAY_USAGE_STATS_ENABLED": "0"}
    return Side(name, workers, command, questions, (*packages, *_MODELS_NEED), variables)


def _json(path: str, document: object) -> Sent:
    return Sent(path, json.dumps(document).encode(), _JSON)


def _rows(path: str, picture: bytes | None = None) -> Question:
    """Ask as TensorFlow Serving's REST API has it: for a flower, or for a picture."""
    if picture is None:
        return Question(_json(path, {"instances": [FLOWER]}), _species)
    row = {"b64": base64.b64encode(picture).decode()}
    return Question(_json(path, {"instances": [row]}), _first_prediction)


def _form(path: str, picture: bytes) -> Sent:
    """Send a picture as a file of a form, as `curl -F` does."""
    head = 'Content-Disposition: form-data; name="image"; filename="image.png"'
    part = f"--slipway\r\n{head}\r\nContent-Type: image/png\r\n\r\n".encode()
    headers = {"Content-Type": "multipart/form-data; boundary=slipway"}
    return Sent(path, part + picture + b"\r\n--slipway--\r\n", headers)


def _species(body: bytes) -> tuple[str, float]:
    (found,) = json.loads(body)["predictions"]
    return found["predicted_species"][0], max(found["species_probs"])


def _species_tensor(body: bytes) -> tuple[str, float]:
    outputs: dict[str, Any] = {one["name"]: one["data"] for one in json.loads(body)["outputs"]}
    return outputs["predicted_species"][0], max(outputs["species_probs"])


def _first_prediction(body: bytes) -> tuple[str, float]:
    """Read the best label, also of answers with one label and of one picture's alone."""
    best = json.loads(body)["predictions"][0]
    if "predictions" in best:
        (best, *_) = best["predictions"]
    return best["label"], best["score"]


def _first_tensor(body: bytes) -> tuple[str, float]:
    best = json.loads(json.loads(body)["outputs"][0]["data"][0])
    return best["label"], best["score"]

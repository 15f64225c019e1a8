"""What the prediction log keeps of an answer: the rows of each face, by models that ship."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app.cli.asking import Asked, ask_file
from app.images import ImageLimits
from app.kinds.face import Face, Finding, Limits, Outcome
from app.kinds.findings import MOST_NUMBERS, of_outputs
from app.kinds.kind import ModelSource
from app.kinds.mask_rcnn.face import INSTANCES
from app.kinds.mask_rcnn.tensors import PICTURE
from app.kinds.pictures import brightness
from app.kinds.registry import faces
from app.serving.local_client import LocalClient
from app.serving.settings import ServingSettings
from tests.app.kinds.onnx.test_onnx_segmenters import LABELS, OPTIONS, PIXELS, strongest

LIMITS = Limits(ImageLimits(max_bytes=1 << 24, max_pixels=1 << 24), 1 << 24)
SCENE = Path("models/shapes/1/samples/scene-500.png")


@pytest.fixture(scope="module")
def client(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalClient]:
    """Yield a client of the models that ship, and of one that segments."""
    folder = tmp_path_factory.mktemp("models")
    for name in ("shapes", "iris", "fashion"):
        shutil.copytree(root / "models" / name, folder / name)
    field = folder / "field" / "1"
    field.mkdir(parents=True)
    strongest(field / "field.onnx")
    (field / "labels.txt").write_text("\n".join(LABELS))
    (field / "model.yaml").write_text(OPTIONS)
    client = LocalClient.start(ServingSettings(model_repository=folder))
    assert client.wait_until_loaded(120)
    yield client
    client.close()


def ask(client: LocalClient, model: str, file: Path, **told: Any) -> Asked:
    return ask_file(client, model, None, file, limits=LIMITS, told=told)


def rows(asked: Asked) -> list[Finding]:
    return asked.face.rows(asked.outcome)


def members(asked: Asked) -> dict[str, Any]:
    """Return what the same outcome answers a client."""
    return asked.face.members(asked.outcome, asked.face.parameters())


def test_each_instance_is_a_row_with_the_probability_of_every_class(client, root: Path):
    asked = ask(client, "shapes", root / SCENE)
    told, answered = rows(asked), members(asked)["instances"]
    assert len(told) > 1
    for row, instance in zip(told, answered, strict=True):
        probabilities = row.class_probabilities
        assert (probabilities.dtype, probabilities.shape) == (np.dtype(np.float64), (11,))
        assert row.predicted_class == instance["class_id"] == probabilities.argmax()
        assert round(probabilities[1:].max(), 6) == instance["score"]
        assert probabilities.sum() == pytest.approx(1, abs=1e-5)
        assert row.detail == {name: instance[name] for name in ("label", "score", "box")}
    with Image.open(root / SCENE) as scene:
        assert asked.face.input_shape(asked.outcome) == f"{scene.height}x{scene.width}x3"


def test_a_picture_of_nothing_is_one_row_of_the_background(client, root: Path):
    (row,) = rows(ask(client, "shapes", root / SCENE, min_score=1.0))
    assert (row.predicted_class, row.class_probabilities.size, row.detail) == (0, 0, {})


def test_a_classified_picture_is_a_row_with_all_scores(client, root: Path):
    asked = ask(client, "fashion", root / SCENE)
    (row,), best = rows(asked), members(asked)["predictions"][0]
    assert row.predicted_class == best["class_id"] == row.class_probabilities.argmax()
    assert row.class_probabilities.shape == (10,)
    assert row.class_probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert row.detail == {"label": best["label"], "score": best["score"]}


@pytest.mark.parametrize(
    ("height", "width"),
    [pytest.param(h, w, id=f"{h} x {w}") for h, w in ((4, 6), (37, 53), (3, 2))],
)
def test_a_segmented_picture_is_a_row_with_the_share_of_each_class(
    client, tmp_path: Path, height: int, width: int
):
    Image.fromarray(PIXELS).resize((width, height), Image.Resampling.NEAREST).save(
        tmp_path / "field.png"
    )
    asked = ask(client, "field", tmp_path / "field.png")
    (row,), answered = rows(asked), members(asked)["segments"]
    shares = {one["class_id"]: one["share"] for one in answered}
    assert row.class_probabilities.round(6).tolist() == [shares.get(n, 0) for n in range(3)]
    assert row.predicted_class == answered[0]["class_id"]
    assert row.detail == {name: answered[0][name] for name in ("label", "share")}
    assert asked.face.input_shape(asked.outcome) == f"{height}x{width}x3"


def test_a_bigquery_ml_row_has_the_class_of_its_probabilities(client, root: Path, tmp_path: Path):
    flower = '{"sepal_length": 5, "sepal_width": 2, "petal_length": 3.5, "petal_width": 1}'
    (tmp_path / "flower.json").write_text(flower)
    asked = ask(client, "iris", tmp_path / "flower.json")
    (row,), outputs = rows(asked), members(asked)["outputs"]
    assert outputs["species_values"][row.predicted_class] == outputs["predicted_species"][0]
    assert row.class_probabilities.tolist() == outputs["species_probs"]
    assert row.detail == {"outputs": outputs}
    assert asked.face.input_shape(asked.outcome) == "4"


@pytest.mark.parametrize(
    ("outputs", "predicted", "numbers"),
    [
        pytest.param({"Probabilities": [[0.1, 0.9]]}, 1, [0.1, 0.9], id="a row by name"),
        pytest.param({"prob": [0.6, 0.4], "a_probs": [0.3, 0.7]}, 1, [0.3, 0.7], id="two"),
        pytest.param({"problem": [3.5, 0.5]}, -1, [3.5, 0.5], id="beyond 1"),
        pytest.param({"probs": [0.5, np.nan]}, -1, [0.5, np.nan], id="not a number"),
        pytest.param({"prob": [[0.5, 0.5], [0.5, 0.5]]}, -1, [0.5] * 4, id="no vector"),
        pytest.param({"prob": [0.5]}, -1, [0.5], id="one alone"),
        pytest.param({"name": [b"a"], "price": [12.5]}, -1, [12.5], id="a regression"),
        pytest.param({"name": [b"a", b"b"]}, -1, [], id="text alone"),
        pytest.param({"y": np.ones((30, 50))}, -1, [1.0] * MOST_NUMBERS, id="many"),
    ],
)
def test_values_are_probabilities_by_name_and_by_number(
    outputs: dict[str, Any], predicted: int, numbers: list[float]
):
    arrays = {
        name: np.array(value, object if isinstance(value[0], bytes) else np.float64)
        for name, value in outputs.items()
    }
    row = of_outputs(arrays)
    assert row.predicted_class == predicted
    np.testing.assert_array_equal(row.class_probabilities, numbers)


def test_outputs_whose_json_is_long_are_no_detail():
    assert of_outputs({"text": np.array(b"x" * 4071, object)}).detail != {}
    assert of_outputs({"text": np.array(b"x" * 4072, object)}).detail == {}
    assert of_outputs({"y": np.zeros(10_000_000, np.float32)}).detail == {}


@pytest.mark.parametrize(
    ("shapes", "told"),
    [
        pytest.param([[], [1], []], "3", id="single values"),
        pytest.param([[28, 28]], "28x28", id="one input"),
        pytest.param([[None, 2], []], "?x2,1", id="several"),
    ],
)
def test_the_shape_of_values_is_what_the_signature_declares(shapes: list[Any], told: str):
    inputs = [{"name": str(index), "shape": shape} for index, shape in enumerate(shapes)]
    facts = {"signatures": {"serve": {"inputs": inputs}}, "default_signature": "serve"}
    assert faces()["values"].input_shape(Outcome({}, facts)) == told


@pytest.mark.parametrize("face", [pytest.param(one, id=name) for name, one in faces().items()])
def test_every_face_has_rows_whose_class_is_the_largest(face: Face):
    outcome = face.example().outcome
    for row in face.rows(outcome):
        if row.class_probabilities.size:
            assert row.predicted_class == row.class_probabilities.argmax()
    assert isinstance(face.input_shape(outcome), str)


def test_a_kind_that_knows_no_probabilities_has_rows_without(root: Path, tmp_path: Path):
    page = (root / "docs" / "kinds.md").read_text()
    module = ModuleType("brightest")
    exec(re.search(r"^```python\n(.*?)^```", page, re.M | re.S)[1], vars(module))
    file = tmp_path / "sun.square"
    file.write_text('{"brightest_square": 2}')
    model = module.Brightest().load(ModelSource("sun", 1, file, tmp_path))
    picture = np.full((8, 8, 3), 51, np.uint8)
    (result,) = model.predict([{PICTURE: picture}], [{}])
    (row,) = INSTANCES.rows(Outcome(result, model.facts, picture))
    assert (row.predicted_class, row.class_probabilities.shape) == (1, (0,))
    assert (row.detail["label"], row.detail["score"]) == ("brightest", 0.2)


@pytest.mark.parametrize(
    "shape", [pytest.param(s, id=f"{s}") for s in ((1, 1), (250, 3), (99, 999))]
)
@pytest.mark.parametrize(
    ("colour", "wanted"),
    [
        pytest.param((255, 255, 255), 1, id="white"),
        pytest.param((255, 0, 0), 0.299, id="red"),
        pytest.param((0, 255, 0, 9), 0.587, id="green with a fourth channel"),
        pytest.param((0, 0, 255), 0.114, id="blue"),
    ],
)
def test_brightness_is_luminance(shape: tuple[int, int], colour: tuple[int, ...], wanted: float):
    picture = np.full((*shape, len(colour)), colour, np.uint8)
    assert brightness(picture) == pytest.approx(wanted)


def test_brightness_of_a_large_picture_is_the_mean_of_its_parts():
    picture = np.zeros((1200, 2000, 3), np.uint8)
    picture[:, 500:] = 200
    assert brightness(picture) == pytest.approx(0.75 * 200 / 255, abs=0.01)
    assert brightness(None) is None

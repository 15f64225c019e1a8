"""ONNX graphs with `task: segment`: a picture in, the class of each of its pixels out."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image
from pycocotools import mask as coco

from app.kinds.kind import InputError, ModelError
from tests.app.api.test_protocols import serving
from tests.app.api.test_v2 import infer
from tests.app.kinds.onnx.graphs import Side, ask, attribute, load, node, value_info, write

LABELS = ("background", "tree", "sky")
OPTIONS = "task: segment\npreprocessing: unit\n"
#: 4 x 6 pixels: a red half, a green quarter and a blue one.
PIXELS = np.zeros((4, 6, 3), np.uint8)
PIXELS[:, :3, 0] = PIXELS[:2, 3:, 1] = PIXELS[2:, 3:, 2] = 255
CLASSES = PIXELS.argmax(axis=2)


def strongest(
    path: Path,
    *nodes: bytes,
    output: list[Side] | None = None,
    dtype: str = "float32",
    picture: list[Side] | None = None,
) -> Path:
    """Write a graph whose classes are the colours: of each pixel the strongest one."""
    return write(
        path,
        nodes or [node("Identity", "x", "y")],
        inputs=[value_info("x", "float32", picture or ["batch", 3, 4, 6])],
        outputs=[value_info("y", dtype, output or ["batch", 3, 4, 6])],
    )


def segment(path: Path, labels: tuple[str, ...] | None = LABELS, **options: Any) -> Any:
    return load(path, labels, task="segment", **{"preprocessing": "unit", **options})


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    folder = tmp_path_factory.mktemp("models") / "field" / "1"
    folder.mkdir(parents=True)
    strongest(folder / "field.onnx")
    (folder / "labels.txt").write_text("\n".join(LABELS))
    (folder / "model.yaml").write_text(OPTIONS)
    yield from serving(folder.parents[1])


def file_of(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def large() -> bytes:
    """Return the picture ten times as large: 40 x 60 pixels."""
    return file_of(PIXELS.repeat(10, axis=0).repeat(10, axis=1))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_an_answer_tells_the_classes_of_the_pictures_own_pixels(client, large):
    answer = client.post("/predict", data=large, content_type="image/png").get_json()
    assert answer["image"] == {"width": 60, "height": 40}
    shown = [(one["class_id"], one["label"], one["share"]) for one in answer["segments"]]
    assert shown == [(0, "background", 0.5), (1, "tree", 0.25), (2, "sky", 0.25)]
    found = np.zeros((40, 60), np.int64)
    for one in answer["segments"]:
        mask = coco.decode({key: one["mask"][key] for key in ("size", "counts")}).astype(bool)
        assert mask.sum() == one["area"]
        found[mask] = one["class_id"]
    assert (found == CLASSES.repeat(10, axis=0).repeat(10, axis=1)).all()
    assert answer["segments"][1]["box"] == {"x_min": 30, "y_min": 0, "x_max": 60, "y_max": 20}


def test_masks_are_left_out_where_nobody_wants_them(client, large):
    answer = client.post("/predict?masks=none", data=large, content_type="image/png").get_json()
    assert [one["area"] for one in answer["segments"]] == [1200, 600, 600]
    assert not any("mask" in one for one in answer["segments"])
    refused = client.post("/predict?masks=png", data=large, content_type="image/png")
    assert "one of rle, none is allowed" in refused.get_json()["detail"]


def test_a_drawing_tints_each_class_and_leaves_the_background_as_it_is(client, large):
    drawn = client.post("/predict?format=png", data=large, content_type="image/png").data
    with Image.open(io.BytesIO(drawn)) as picture:
        assert picture.size == (60, 40)
        red, green, blue = (picture.getpixel(place) for place in ((5, 5), (45, 5), (45, 35)))
    assert red == (255, 0, 0)
    assert green != (0, 255, 0)
    assert blue != (0, 0, 255)


def test_the_classes_of_the_models_own_pixels_are_a_tensor_at_v2(client, large):
    tensor = {"shape": [2, 4, 6, 3], "datatype": "UINT8", "data": [*PIXELS.ravel().tolist()] * 2}
    (output,) = infer(client, "/v2/models/field", {"name": "image", **tensor})["outputs"]
    assert (output["name"], output["datatype"]) == ("classes", "UINT8")
    assert output["shape"] == [2, 4, 6]
    assert output["data"] == CLASSES.ravel().tolist() * 2


@pytest.mark.parametrize(
    ("nodes", "options"),
    [
        pytest.param([node("Identity", "x", "y")], {}, id="a number a class"),
        pytest.param(
            [node("Transpose", "x", "y", attribute("perm", [0, 2, 3, 1]))],
            {"output": ["batch", 4, 6, 3]},
            id="classes last",
        ),
        pytest.param(
            [node("ArgMax", "x", "y", attribute("axis", 1), attribute("keepdims", 0))],
            {"output": ["batch", 4, 6], "dtype": "int64"},
            id="chosen by the graph",
        ),
        pytest.param(
            [node("ArgMax", "x", "y", attribute("axis", 1))],
            {"output": ["batch", 1, 4, 6], "dtype": "int64"},
            id="chosen, with an axis",
        ),
    ],
)
def test_whichever_way_a_graph_tells_them_the_classes_are_the_same(
    tmp_path: Path, nodes: list[bytes], options: dict[str, Any]
):
    model = segment(strongest(tmp_path / "a.onnx", *nodes, **options))
    one, other = ask(model, {"image": PIXELS}, {"image": PIXELS[::-1]})
    assert (one["classes"] == CLASSES).all()
    assert (other["classes"] == CLASSES[::-1]).all()
    assert one["classes"].dtype == np.uint8


@pytest.mark.parametrize(
    ("op", "told"),
    [
        pytest.param("Sigmoid", True, id="probabilities, all of them above a half"),
        pytest.param("Identity", False, id="raw numbers, of which a black pixel has none"),
    ],
)
def test_one_number_a_pixel_tells_two_classes_apart(tmp_path: Path, op: str, told: bool):
    path = strongest(
        tmp_path / "a.onnx",
        node("ReduceMax", "x", "most", attribute("axes", [1])),
        node("Neg", "most", "least") if op == "Sigmoid" else node("Identity", "most", "least"),
        node(op, "least", "y"),
        output=["batch", 1, 4, 6],
    )
    pixels = np.zeros((4, 6, 3), np.uint8)
    pixels[0, 0] = 200
    (answer,) = ask(segment(path, ("no", "yes")), {"image": pixels})
    assert answer["classes"].sum() == (0 if told else 1)


@pytest.mark.parametrize(
    ("labels", "options", "told"),
    [
        pytest.param(("a",), {}, "1 labels for 3 classes of a.onnx", id="too few labels"),
        pytest.param(
            LABELS,
            {"resize": "pad"},
            "resize is 'pad'; `task: segment` takes only stretch",
            id="pad",
        ),
        pytest.param(
            LABELS, {"output": "z"}, "output is 'z'; the outputs of numbers of a.onnx are y", id="z"
        ),
    ],
)
def test_what_does_not_fit_the_graph_is_refused(
    tmp_path: Path, labels: tuple[str, ...], options: dict[str, Any], told: str
):
    with pytest.raises(ModelError) as refused:
        segment(strongest(tmp_path / "a.onnx"), labels, **options)
    assert str(refused.value) == told


def test_a_graph_that_gives_no_number_a_pixel_is_refused(tmp_path: Path):
    path = strongest(
        tmp_path / "a.onnx",
        node("GlobalAveragePool", "x", "pooled"),
        node("Flatten", "pooled", "y"),
        output=["batch", 3],
    )
    with pytest.raises(ModelError, match=r"a.onnx gives \[1, 3\]: `task: segment` needs one"):
        segment(path)


def test_classes_that_the_graph_has_chosen_are_as_many_as_the_labels(tmp_path: Path):
    chosen = [node("ArgMax", "x", "y", attribute("axis", 1), attribute("keepdims", 0))]
    path = strongest(tmp_path / "a.onnx", *chosen, output=["batch", 4, 6], dtype="int64")
    with pytest.raises(ModelError, match="how many there are the labels have to say"):
        segment(path, None)
    model = segment(path, LABELS[:2])
    with pytest.raises(InputError, match="gives a pixel the class 2; there are 2 labels"):
        ask(model, {"image": PIXELS})

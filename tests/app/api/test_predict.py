"""POST /predict: what may be sent, and what comes back."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image
from pycocotools import mask as coco
from pycocotools.coco import COCO as COCO_API

COCO = "application/vnd.slipway.coco+json"
RED_BOX = {"x_min": 20, "y_min": 10, "x_max": 48, "y_max": 38}


def post(client: FlaskClient, photo: bytes, **query: object):
    return client.post("/predict", data=photo, content_type="image/png", query_string=query)


def b64(data: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(data).decode()}


def test_the_answer_has_exactly_the_documented_shape(client: FlaskClient, photo: bytes):
    answer = post(client, photo).get_json()
    assert list(answer) == [
        "prediction_id",
        "model",
        "version",
        "image",
        "instances",
        "timing_ms",
    ]
    assert (answer["model"], answer["version"]) == ("street", 1)
    assert answer["image"] == {"width": 80, "height": 60}
    assert list(answer["timing_ms"]) == ["decode", "queue", "inference", "encode"]
    red, blue = answer["instances"]
    assert red | {"mask": None} == {
        "class_id": 1,
        "label": "red",
        "score": pytest.approx(250 / 255, abs=1e-6),
        "box": RED_BOX,
        "area": 28 * 28,
        "mask": None,
    }
    assert (blue["class_id"], blue["label"], blue["area"]) == (3, "blue", 15 * 20)


@pytest.mark.parametrize(
    "request_of",
    [
        pytest.param(lambda photo: {"data": photo, "content_type": "image/png"}, id="image type"),
        pytest.param(
            lambda photo: {"data": photo, "content_type": "application/octet-stream"}, id="bytes"
        ),
        pytest.param(lambda photo: {"data": photo}, id="no type"),
        pytest.param(lambda photo: {"data": {"image": (io.BytesIO(photo), "a.png")}}, id="form"),
        pytest.param(lambda photo: {"json": {"image": b64(photo)}}, id="json"),
    ],
)
def test_a_picture_may_be_the_body_a_form_field_or_base64(client, photo, request_of):
    answer = client.post("/predict", **request_of(photo)).get_json()
    assert [instance["label"] for instance in answer["instances"]] == ["red", "blue"]


def test_several_instances_are_answered_one_by_one(client: FlaskClient, photo: bytes):
    body = {"instances": [b64(photo), b64(photo)], "min_score": 0.9}
    answer = client.post("/predict", json=body).get_json()
    assert [len(one["instances"]) for one in answer["predictions"]] == [1, 1]
    assert len({one["prediction_id"] for one in answer["predictions"]}) == 2


def test_a_list_of_one_is_still_answered_by_a_list(client: FlaskClient, photo: bytes):
    answer = client.post("/predict", json={"instances": [b64(photo)]}).get_json()
    assert list(answer) == ["predictions"]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_rle_masks_are_what_pycocotools_reads(client: FlaskClient, photo: bytes):
    (red, _) = post(client, photo).get_json()["instances"]
    assert red["mask"]["format"] == "coco_rle"
    bitmap = coco.decode({"size": red["mask"]["size"], "counts": red["mask"]["counts"]})
    expected = np.zeros((60, 80), np.uint8)
    expected[10:38, 20:48] = 1
    assert np.array_equal(bitmap, expected)


def test_png_masks_have_the_size_of_the_box(client: FlaskClient, photo: bytes):
    (red, blue) = post(client, photo, masks="png").get_json()["instances"]
    assert red["mask"]["format"] == "png"
    bitmap = Image.open(io.BytesIO(base64.b64decode(blue["mask"]["data"])))
    assert bitmap.size == (20, 15)
    assert np.array_equal(np.unique(np.asarray(bitmap)), [255])


def test_polygon_masks_are_rings_in_pixels_of_the_photo(client: FlaskClient, photo: bytes):
    (red, _) = post(client, photo, masks="polygon").get_json()["instances"]
    ((exterior,),) = red["mask"]["coordinates"]
    assert exterior[0] == exterior[-1]
    assert all(20 <= x <= 48 and 10 <= y <= 38 for x, y in exterior)


def test_masks_can_be_left_out(client: FlaskClient, photo: bytes):
    (red, _) = post(client, photo, masks="none").get_json()["instances"]
    assert "mask" not in red
    assert red["area"] == 28 * 28


def test_an_answer_without_masks_encodes_none(
    client: FlaskClient, photo: bytes, monkeypatch: pytest.MonkeyPatch
):
    codes: list[object] = []
    encode = coco.frPyObjects
    monkeypatch.setattr(coco, "frPyObjects", lambda *given: codes.append(given) or encode(*given))
    assert post(client, photo, masks="none").status_code == 200
    assert codes == []
    assert post(client, photo, masks="rle").status_code == 200
    assert len(codes) == 2


def test_parameters_choose_what_is_answered(client: FlaskClient, photo: bytes):
    assert len(post(client, photo, min_score=0.9).get_json()["instances"]) == 1
    assert len(post(client, photo, max_instances=1).get_json()["instances"]) == 1
    assert post(client, photo, model="street", version=1).status_code == 200


def test_parameters_may_stand_in_the_form_too(client: FlaskClient, photo: bytes):
    form = {"image": (io.BytesIO(photo), "a.png"), "min_score": "0.9", "masks": "none"}
    (red,) = client.post("/predict", data=form).get_json()["instances"]
    assert "mask" not in red


@pytest.mark.parametrize(
    "wish",
    [
        pytest.param({"query_string": {"render": "png"}}, id="render"),
        pytest.param({"headers": {"Accept": "image/png"}}, id="accept"),
        pytest.param({"headers": {"Accept": "image/*,*/*;q=0.8"}}, id="browser"),
    ],
)
def test_the_overlay_is_a_png_of_the_photo_with_something_on_it(client, photo, wish):
    response = client.post("/predict", data=photo, content_type="image/png", **wish)
    assert response.content_type == "image/png"
    drawn = np.asarray(Image.open(io.BytesIO(response.data)))
    assert drawn.shape == (60, 80, 3)
    assert not np.array_equal(drawn, np.asarray(Image.open(io.BytesIO(photo))))
    assert len(response.headers["X-Prediction-ID"]) == 26


def test_whoever_takes_anything_gets_json(client: FlaskClient, photo: bytes):
    response = client.post(
        "/predict", data=photo, content_type="image/png", headers={"Accept": "*/*"}
    )
    assert response.content_type == "application/json"


@pytest.mark.parametrize(
    "wish",
    [
        pytest.param({"query_string": {"format": "coco"}}, id="format"),
        pytest.param({"headers": {"Accept": COCO}}, id="accept"),
    ],
)
def test_coco_results_are_one_list_of_instances(client, photo, wish):
    response = client.post("/predict", data=photo, content_type="image/png", **wish)
    assert response.content_type == COCO
    assert len(response.headers["X-Prediction-ID"]) == 26
    red, blue = json.loads(response.data)
    assert red.pop("segmentation")["size"] == [60, 80]
    assert red == {
        "image_id": 1,
        "category_id": 1,
        "bbox": [20, 10, 28, 28],
        "score": pytest.approx(250 / 255, abs=1e-6),
    }
    assert (blue["category_id"], blue["bbox"]) == (3, [50, 40, 20, 15])


def test_coco_results_load_into_pycocotools_as_the_instances_that_json_tells(
    client: FlaskClient, photo: bytes
):
    body = {"instances": [b64(photo), b64(photo)], "format": "coco", "image_id": 41}
    response = client.post("/predict", json=body)
    assert len(response.headers["X-Prediction-ID"].split(", ")) == 2
    truth = COCO_API()
    truth.dataset = {
        "images": [{"id": image_id, "width": 80, "height": 60} for image_id in (41, 42)],
        "categories": [{"id": 1, "name": "red"}, {"id": 3, "name": "blue"}],
        "annotations": [],
    }
    truth.createIndex()
    loaded = truth.loadRes(json.loads(response.data))
    assert sorted(loaded.getImgIds()) == [41, 42]
    assert len(loaded.getAnnIds(imgIds=[42])) == 2
    for instance in post(client, photo).get_json()["instances"]:
        (found,) = loaded.loadAnns(loaded.getAnnIds(imgIds=[42], catIds=[instance["class_id"]]))
        assert found["area"] == instance["area"]
        assert found["segmentation"]["counts"] == instance["mask"]["counts"]


def test_coco_results_may_do_without_masks(client: FlaskClient, photo: bytes):
    results = json.loads(post(client, photo, format="coco", masks="none").data)
    assert [sorted(result) for result in results] == [
        ["bbox", "category_id", "image_id", "score"]
    ] * 2


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/png,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        pytest.param("", "application/json", id="empty"),
        pytest.param("*/*", "application/json", id="anything"),
        pytest.param(BROWSER, "application/json", id="a browser that goes to a page"),
        pytest.param("application/*", "application/json", id="any application type"),
        pytest.param("APPLICATION/JSON; charset=utf-8", "application/json", id="parameters"),
        pytest.param("image/png;q=0.5, application/json;q=0.4", "image/png", id="png rather"),
        pytest.param("image/png;q=0.4, application/json;q=0.5", "application/json", id="json"),
        pytest.param("application/json;q=0.1, */*;q=0.9", "image/png", id="all rather than json"),
        pytest.param("application/json;q=0, image/png;q=0, */*", COCO, id="all but two"),
        pytest.param(f"text/csv, {COCO};q=0.2", COCO, id="the one of two that there is"),
    ],
)
def test_accept_chooses_by_quality_and_precision(client, photo, accept, content_type):
    headers = {"Accept": accept}
    response = client.post("/predict", data=photo, content_type="image/png", headers=headers)
    assert (response.status_code, response.content_type) == (200, content_type)
    assert response.headers["Vary"] == "Accept"


def test_a_parameter_counts_more_than_accept(client: FlaskClient, photo: bytes):
    headers = {"Accept": "image/png"}
    for name, content_type in (("json", "application/json"), ("coco", COCO)):
        response = client.post(f"/predict?format={name}", data=photo, headers=headers)
        assert response.content_type == content_type
    response = client.post("/predict?format=png", data=photo, headers={"Accept": "text/plain"})
    assert response.content_type == "image/png"


def test_boxes_are_in_the_frame_after_the_exif_turn(client: FlaskClient, photo: bytes):
    upright = Image.open(io.BytesIO(photo))
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    upright.transpose(Image.Transpose.ROTATE_90).save(buffer, "PNG", exif=exif)
    answer = post(client, buffer.getvalue()).get_json()
    assert answer["image"] == {"width": 80, "height": 60}
    assert answer["instances"][0]["box"] == RED_BOX


def test_nothing_found_is_an_answer_without_instances(client: FlaskClient):
    buffer = io.BytesIO()
    Image.new("RGB", (20, 10)).save(buffer, "PNG")
    response = post(client, buffer.getvalue())
    assert response.status_code == 200
    assert response.get_json()["instances"] == []


def test_a_prediction_is_one_line_of_the_log(client: FlaskClient, photo: bytes, log_stream):
    client.post("/predict", data=photo, headers={"X-Request-ID": "abc"})
    events = [json.loads(line) for line in log_stream.getvalue().splitlines()]
    (prediction,) = [event for event in events if event["event"] == "prediction"]
    assert prediction["request_id"] == "abc"
    assert prediction["instances"] == {"red": 1, "blue": 1}
    (request,) = [event for event in events if event["event"] == "request"]
    assert (request["path"], request["status"]) == ("/predict", 200)

"""`slipway fetch`: what belongs beside a model comes with it, verified, under its name."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.app.cli.conftest import Run
from tests.app.cli.test_fetch_command import GOOD, MODEL, reference
from tests.app.cli.web_store import WebStore
from tests.app.serving.model_folder import Models


@pytest.fixture
def store() -> Iterator[WebStore]:
    with WebStore({"rcnn_30.h5": MODEL, "rcnn_30.int8.openvino": b"a form"}) as store:
        yield store


def test_what_belongs_beside_a_model_is_brought_under_its_name(
    run: Run, models: Models, store: WebStore
):
    said = json.loads(reference(store.uri("rcnn_30.h5"), MODEL))
    form = json.loads(reference(store.uri("rcnn_30.int8.openvino"), b"a form"))["source"]
    text = json.dumps({**said, "companions": [form]})
    models.write("kite.yaml", text)
    models.write("harbour/3/model.yaml", text)
    status, out, err = run("fetch")
    assert (status, err) == (0, "")
    assert f"kite version 1, kite.int8.openvino: 0.0 MB from {form['uri']}, " in out
    for place in ("kite.int8.openvino", "harbour/3/rcnn_30.int8.openvino"):
        assert (models.folder / place).read_bytes() == b"a form"
    ignored = (models.folder / ".gitignore").read_text().splitlines()
    assert ignored == ["/kite.h5", "/kite.int8.openvino"]
    assert run("check")[0] == 0
    # One that was made anew here is not lost, and not taken for the one that is meant.
    models.write("kite.int8.openvino", b"made anew")
    assert "that was there is .kite.int8.openvino.before now" in run("fetch")[1]
    assert (models.folder / "kite.int8.openvino").read_bytes() == b"a form"


FORM = GOOD | {"uri": "gs://bucket/1/kite.int8.openvino"}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        pytest.param(
            {"companions": [FORM]}, "companions are listed, and no source; add it", id="no source"
        ),
        pytest.param(
            {"source": GOOD, "companions": [FORM | {"uri": "gs://bucket/kite.yaml"}]},
            "companions: uri is 'gs://bucket/kite.yaml'; it must be one of gs://…, s3://…, az://…, "
            "https://…, and end in kite.int8.openvino",
            id="another file",
        ),
        pytest.param(
            {"source": GOOD, "companions": [FORM | {"uri": "gs://bucket/a-kite.int8.openvino"}]},
            "companions: uri ends in 'a-kite.int8.openvino'; as the source's file it must be "
            "kite.int8.openvino",
            id="another stem",
        ),
        pytest.param(
            {"source": GOOD, "companions": [FORM, FORM | {"sha256": "1" * 64}]},
            "companions: two have one name",
            id="twice",
        ),
        pytest.param(
            {"source": GOOD, "companions": [FORM | {"bytes": 0}]}, "bytes is 0; it must", id="0"
        ),
        pytest.param({"source": GOOD, "companions": FORM}, "it must be a list", id="no list"),
    ],
)
def test_companions_that_are_of_no_use_are_told_and_nothing_is_brought(
    run: Run, models: Models, said: object, told: str
):
    models.write("kite/1/model.yaml", json.dumps(said))
    status, out, err = run("fetch")
    assert (status, out) == (1, "")
    (line,) = err.splitlines()
    assert line.startswith("slipway: kite version 1: model.yaml: companions")
    assert told in line

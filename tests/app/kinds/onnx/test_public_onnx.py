"""ONNX files of other people give what ONNX Runtime gives for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.app.kinds.onnx.graphs import ask, load
from tests.parts import absent


@pytest.fixture(scope="module")
def public(data: Path) -> Path:
    folder = data / "public"
    return folder if (folder / "onnx").is_dir() else absent("public/onnx is not there")


def test_three_outputs_of_a_network_for_sound(public):
    model = load(public / "onnx" / "basic_pitch_nmp.onnx")
    (name,) = (one.name for one in model.signature.inputs)
    (answer,) = ask(model, {name: np.zeros((43844, 1), np.float32)})
    means = [float(value.mean()) for value in answer.values()]
    assert means == pytest.approx([0.104747, 0.099147, 0.098959], abs=1e-5)


@pytest.fixture(scope="module")
def astronaut(public) -> np.ndarray:
    with Image.open(public / "inputs" / "astronaut_224_rgb.png") as picture:
        return np.asarray(picture.resize((192, 48)))


def test_a_picture_as_numbers_by_its_inputs_name(public, astronaut):
    model = load(public / "onnx" / "ppocr_mobile_v2.0_cls.onnx")
    pixels = np.moveaxis((astronaut / 255 - 0.5) / 0.5, -1, 0).astype(np.float32)
    (answer,) = ask(model, {"x": pixels})
    (scores,) = answer.values()
    assert scores == pytest.approx([0.915628, 0.084372], abs=1e-5)


def test_a_picture_as_a_classifiers(public, astronaut):
    model = load(
        public / "onnx" / "ppocr_mobile_v2.0_cls.onnx",
        ("0", "180"),
        task="classify",
        input={"height": 48, "width": 192},
        preprocessing="tf",
    )
    assert model.facts["outputs"] == "probabilities"
    assert model.facts["warnings"] == []
    one, other = ask(model, {"image": astronaut}, {"image": astronaut})
    assert one["outputs"] == pytest.approx([0.915628, 0.084372], abs=1e-5)
    assert other["outputs"] == pytest.approx(one["outputs"], abs=1e-6)


def test_tritons_sums_and_differences_of_numbers_and_of_text(public):
    first, second = np.arange(16, dtype=np.int32), np.ones(16, np.int32)
    given = {"INPUT0": first, "INPUT1": second}
    (answer,) = ask(load(public / "onnx" / "triton_simple.onnx"), given)
    assert answer["OUTPUT0"].tolist() == [*range(1, 17)]
    assert answer["OUTPUT1"].tolist() == [*range(-1, 15)]
    texts = {
        name: np.array([b"%d" % one for one in value], object) for name, value in given.items()
    }
    (answer,) = ask(load(public / "onnx" / "triton_simple_string.onnx"), texts)
    assert answer["OUTPUT0"].tolist() == [b"%d" % one for one in range(1, 17)]

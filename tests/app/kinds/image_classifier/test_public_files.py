"""Files that other people have published give what Keras gave where they were tried."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app.kinds.image_classifier import ImageClassifier
from app.kinds.kind import ModelError
from tests.app.kinds.image_classifier.written import source, write_h5
from tests.parts import absent

pytestmark = pytest.mark.slow

FILES = [
    pytest.param("teachable_machine_963n_water/keras_model.h5", {}, id="teachable-machine"),
    pytest.param(
        "teachable_machine_renoirtan_bbc2021/keras_model.h5", {}, id="teachable-machine-2"
    ),
    pytest.param("fer2013_mini_XCEPTION.119-0.65.hdf5", {"preprocessing": "tf"}, id="emotions"),
    pytest.param("tiny_XCEPTION_KDEF.hdf5", {"preprocessing": "tf"}, id="emotions-small"),
    pytest.param("raufjatoi_fashion_mnist_model.h5", {}, id="clothes"),
    pytest.param("moonflower_mnist_model.h5", {}, id="digits-h5"),
    pytest.param("moonflower_mnist_model.keras", {}, id="digits-keras"),
]


@pytest.fixture(scope="module")
def public(data: Path) -> Path:
    """Return the folder of other people's files."""
    folder = data / "public"
    if not (folder / "keras" / "expected.json").is_file():
        absent("the folder of public models is not here; SLIPWAY_DATA has it as public/")
    return folder


def _expected(public: Path, name: str) -> tuple[dict[str, Any], list[float]]:
    told = json.loads((public / "keras" / "expected.json").read_text())[f"keras/{name}"]
    ways = ("keras3_after_config_rewrite", "tf_keras", "keras3")
    return told, next(told[way]["output"] for way in ways if told.get(way, {}).get("ok"))


@pytest.mark.parametrize(("name", "options"), FILES)
def test_a_public_file_gives_what_it_gave(public: Path, name: str, options: dict[str, Any]):
    path = public / "keras" / name
    told, expected = _expected(public, name)
    labels = path.with_name("labels.txt")
    lines = tuple(labels.read_text().splitlines()) if labels.is_file() else None
    kind, model_source = ImageClassifier(), source(path, lines, **options)
    assert kind.recognises(path)
    assert kind.examine(model_source)["num_classes"] == len(expected)
    model = kind.load(model_source)
    pixels = np.asarray(Image.open(public / told["input"]))
    picture = {"image": pixels if pixels.ndim == 3 else pixels[..., np.newaxis]}
    found = model.predict([picture], [{}])[0]["outputs"]
    assert found == pytest.approx(expected, abs=6e-6)
    is_teachable = "teachable" in name
    assert model.facts["input"]["resize"] == ("crop" if is_teachable else "stretch")
    assert (model.facts["warnings"] == []) == (is_teachable or bool(options))


def test_a_public_lambda_of_keras_1_is_refused(public: Path, tmp_path: Path):
    config = json.loads((public / "keras" / "keras1_lambda_model_config.json").read_text())
    path = write_h5(tmp_path / "m.h5", config, {}, version=None)
    with pytest.raises(ModelError, match="layer lambda_1 is a Lambda, which is code in the file"):
        ImageClassifier().load(source(path))

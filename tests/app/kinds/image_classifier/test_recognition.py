"""Which files are classifiers of Keras, and what is said of the others."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest

from app.kinds.image_classifier import ImageClassifier
from app.kinds.kind import ModelError
from tests.app.kinds.image_classifier.written import (
    CLASSIFIER_ARRAYS,
    KERAS_3_ARRAYS,
    classifier,
    classifier_of_keras_3,
    source,
    write_h5,
    write_keras,
)

KIND = ImageClassifier()


def test_a_model_is_recognised_by_its_content_not_its_name(tmp_path: Path):
    old = write_h5(tmp_path / "model.keras", classifier())
    new = write_keras(tmp_path / "model.h5", classifier_of_keras_3(), KERAS_3_ARRAYS)
    assert KIND.recognises(old)
    assert KIND.recognises(new)
    told = [KIND.examine(source(path)) for path in (old, new)]
    assert [one["keras_version"] for one in told] == ["2.4.0", "3.3.3"]
    assert [one["parameters"] for one in told] == [435, 435]


def test_a_network_of_another_kind_is_left_to_it(tmp_path: Path):
    arrays = {"mrcnn_mask": [("mrcnn_mask/kernel:0", CLASSIFIER_ARRAYS["dense"][0][1])]}
    path = write_h5(tmp_path / "regions.h5", classifier(), arrays)
    assert not KIND.recognises(path)
    assert "another kind" in KIND.refusal(path)


def _weights_alone(path: Path) -> None:
    write_h5(path, classifier())
    with h5py.File(path, "r+") as file:
        del file.attrs["model_config"]
        file.attrs["layer_names"] = [b"dense"]


def _weights_of_keras_3(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_group("layers/dense/vars")


def _cut(path: Path) -> None:
    write_h5(path, classifier())
    path.write_bytes(path.read_bytes()[:4000])


def _cut_zip(path: Path) -> None:
    write_keras(path, classifier_of_keras_3(), KERAS_3_ARRAYS)
    path.write_bytes(path.read_bytes()[:3000])


def _other_zip(path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("holiday.txt", "sun")


REFUSED = [
    pytest.param(_weights_alone, "holds weights alone", "save the whole model", id="weights"),
    pytest.param(_weights_of_keras_3, "holds weights alone", "model.save(", id="weights-keras-3"),
    pytest.param(_cut, "cut off", "copy it again", id="cut-h5"),
    pytest.param(_cut_zip, "cut off", "copy it again", id="cut-zip"),
    pytest.param(_other_zip, "without config.json", "model.save(", id="other-zip"),
    pytest.param(lambda path: path.write_text("text"), "neither", "model.save(", id="text"),
    pytest.param(lambda path: None, "no such file", "no such file", id="missing"),
]


@pytest.mark.parametrize(("write", "cause", "cure"), REFUSED)
def test_what_is_no_whole_model_is_refused_with_the_cure(tmp_path: Path, write, cause, cure):
    path = tmp_path / "model.keras"
    write(path)
    assert not KIND.recognises(path)
    told = KIND.refusal(path)
    assert cause in told
    assert cure in told
    assert "\n" not in told
    assert str(tmp_path) not in told
    with pytest.raises(ModelError) as refused:
        KIND.examine(source(path))
    assert str(refused.value) == told


def test_a_folder_is_left_to_other_kinds(tmp_path: Path):
    assert not KIND.recognises(tmp_path)
    assert KIND.refusal(tmp_path) == ""
    with pytest.raises(ModelError, match="is a folder; a model of Keras is one file"):
        KIND.examine(source(tmp_path))


def test_a_configuration_that_was_split_is_put_together(tmp_path: Path):
    path = write_h5(tmp_path / "model.h5", classifier())
    with h5py.File(path, "r+") as file:
        text = file.attrs["model_config"]
        del file.attrs["model_config"]
        file.attrs["model_config0"], file.attrs["model_config1"] = text[:50], text[50:]
    assert KIND.examine(source(path))["num_classes"] == 3


def test_a_file_is_told_of_layer_by_layer(tmp_path: Path):
    told = KIND.inspect(write_h5(tmp_path / "model.h5", classifier()))
    assert told.title == "a classifier of Keras"
    assert dict(told.facts)["saved by"] == "Keras 2.4.0"
    assert dict(told.facts)["input"] == "8 x 6 x 3"
    assert dict(told.facts)["last activation"] == "softmax"
    assert ("dense", "kernel", "144 x 3 float32", "432") in told.parts

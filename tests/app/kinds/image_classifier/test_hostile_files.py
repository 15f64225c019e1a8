"""Files that were made to harm: each is refused in one line, within little time and memory."""

from __future__ import annotations

import json
import random
import resource
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from app.kinds.image_classifier import ImageClassifier
from app.kinds.kind import ModelError
from tests import chance
from tests.app.kinds.image_classifier.written import (
    CLASSIFIER_ARRAYS,
    KERAS_3_ARRAYS,
    classifier,
    classifier_of_keras_3,
    layer,
    sequential,
    source,
    write_h5,
    write_keras,
)

KIND = ImageClassifier()


def refusal_of(path: Path, **options: Any) -> str:
    """Return the one line with which a file is refused, before TensorFlow has a say."""
    before = "tensorflow" in sys.modules
    with pytest.raises(ModelError) as refused:
        KIND.examine(source(path, **options))
    assert ("tensorflow" in sys.modules) == before
    told = str(refused.value)
    assert told.startswith(path.name)
    assert "\n" not in told
    assert len(told) < 400
    return told


def keras_3_with(**entry: Any) -> dict[str, Any]:
    config = classifier_of_keras_3()
    config["config"]["layers"].insert(1, {"registered_name": None, **entry})
    return config


def test_a_member_that_leads_out_of_the_archive_is_refused(tmp_path: Path):
    more = {"../../etc/cron.d/x": b"* * * * * root true"}
    path = write_keras(tmp_path / "m.keras", classifier_of_keras_3(), KERAS_3_ARRAYS, more)
    assert "leads out of the archive" in refusal_of(path)


def test_an_archive_that_would_become_gigabytes_is_refused(tmp_path: Path):
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", json.dumps(classifier_of_keras_3()))
        with archive.open("model.weights.h5", "w") as member:
            for _ in range(200):
                member.write(bytes(1024 * 1024))
    assert path.stat().st_size < 1024 * 1024
    assert "would become 209,71" in refusal_of(path)


def test_a_member_that_is_there_twice_is_refused(tmp_path: Path):
    path = write_keras(tmp_path / "m.keras", classifier_of_keras_3(), KERAS_3_ARRAYS)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("config.json", "{}")
    assert "has a member twice" in refusal_of(path)


def test_gigabytes_that_a_few_bytes_declare_are_refused(tmp_path: Path):
    path = write_h5(tmp_path / "m.h5", classifier())
    with h5py.File(path, "r+") as file:
        group = file["model_weights/dense"]
        del group["dense/kernel:0"]
        group.create_dataset("dense/kernel:0", (50_000, 50_000), "float32", chunks=(1000, 1000))
    assert "declares 10,000," in refusal_of(path)


def test_a_layer_of_more_units_than_the_file_has_numbers_for_is_refused(tmp_path: Path):
    path = write_h5(tmp_path / "m.h5", classifier(units=2_000_000_000))
    assert "layer dense says 2,000,000,000 units" in refusal_of(path)


@pytest.mark.slow
def test_a_network_that_needs_more_numbers_than_the_file_has_takes_no_memory(tmp_path: Path):
    config = sequential(
        layer("Flatten", "flatten", batch_input_shape=[None, 2000, 2000, 3]),
        layer("Dense", "dense", units=144, activation="relu"),
        layer("Dense", "dense_1", units=144, activation="softmax"),
    )
    path = write_h5(tmp_path / "m.h5", config)
    with pytest.raises(ModelError, match=r"m\.h5: its network has 1,728,\d+,\d+ numbers"):
        KIND.load(source(path))
    # Nor does what Keras does next.
    import keras

    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with keras.StatelessScope():
        pass
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 1024 * 1024


@pytest.mark.slow
def test_a_picture_that_becomes_gigabytes_between_layers_is_refused(tmp_path: Path):
    config = sequential(
        layer("UpSampling2D", "up", size=[4000, 4000], batch_input_shape=[None, 8, 6, 3]),
        layer("GlobalAveragePooling2D", "pool"),
        layer("Dense", "dense", units=3, activation="softmax"),
    )
    path = write_h5(tmp_path / "m.h5", config)
    with pytest.raises(ModelError, match=r"m\.h5: layer up makes 2,304,000,000 numbers"):
        KIND.load(source(path))


def test_pictures_larger_than_the_limit_are_refused(tmp_path: Path):
    config = classifier()
    config["config"]["layers"][0]["config"]["batch_input_shape"] = [None, 100_000, 100_000, 3]
    path = write_h5(tmp_path / "m.h5", config)
    assert "MAX_MOLDED_PIXELS allows" in refusal_of(path)


def test_a_configuration_without_end_is_refused(tmp_path: Path):
    config = layer("Dense", "dense", units=3)
    for index in range(90):
        config = layer("TimeDistributed", f"time_{index}", layer=config)
    path = write_h5(tmp_path / "m.h5", sequential(config))
    assert "nested deeper" in refusal_of(path)


def test_layers_without_end_are_refused(tmp_path: Path):
    shaped = layer("Flatten", "flatten", batch_input_shape=[None, 8, 6, 3])
    layers = [layer("Activation", f"a{index}", activation="relu") for index in range(20_000)]
    path = write_h5(tmp_path / "m.h5", sequential(shaped, *layers))
    assert "more layers than any network" in refusal_of(path)


def test_brackets_without_end_are_refused(tmp_path: Path):
    path = write_h5(tmp_path / "m.h5", classifier())
    with h5py.File(path, "r+") as file:
        file.attrs["model_config"] = "[" * 200_000
    assert "nested deeper" in refusal_of(path)


@pytest.mark.parametrize(
    "link",
    [
        pytest.param(h5py.ExternalLink("/etc/passwd", "/"), id="external"),
        pytest.param(h5py.SoftLink("/model_weights"), id="soft"),
    ],
)
def test_a_link_is_not_followed(tmp_path: Path, link: Any):
    path = write_h5(tmp_path / "m.h5", classifier())
    with h5py.File(path, "r+") as file:
        file["model_weights/dense/elsewhere"] = link
    assert "model_weights/dense/elsewhere is a link" in refusal_of(path)


def test_an_array_that_lies_in_another_file_is_refused(tmp_path: Path):
    (tmp_path / "secret").write_bytes(bytes(64))
    path = write_h5(tmp_path / "m.h5", classifier())
    with h5py.File(path, "r+") as file:
        del file["model_weights/dense/dense/bias:0"]
        outside = [(str(tmp_path / "secret"), 0, 12)]
        file.create_dataset("model_weights/dense/dense/bias:0", (3,), "float32", external=outside)
    assert "lies in another file" in refusal_of(path)


def test_groups_that_hold_themselves_are_refused(tmp_path: Path):
    path = write_h5(tmp_path / "m.h5", classifier())
    with h5py.File(path, "r+") as file:
        group = file["model_weights/dense"]
        group["one"], group["two"] = group, group
    assert "more groups within groups" in refusal_of(path)


def test_numbers_that_are_none_are_refused(tmp_path: Path):
    kernel = np.full((144, 3), np.nan, np.float32)
    arrays = {"dense": [("dense/kernel:0", kernel), CLASSIFIER_ARRAYS["dense"][1]]}
    assert "holds 432 NaN" in refusal_of(write_h5(tmp_path / "m.h5", classifier(), arrays))


LAMBDA = {"name": "scale", "function": ["4wEAAAAA", None, None], "function_type": "lambda"}


def test_a_lambda_is_refused_unless_code_is_allowed(tmp_path: Path):
    config = classifier()
    config["config"]["layers"].insert(1, {"class_name": "Lambda", "config": LAMBDA})
    path = write_h5(tmp_path / "m.h5", config)
    told = refusal_of(path)
    assert "layer scale is a Lambda, which is code in the file" in told
    assert "allow_code: true" in told
    assert KIND.examine(source(path, allow_code=True))["num_classes"] == 3


CODE = [
    pytest.param(
        {"module": "keras.layers", "class_name": "Lambda", "config": {"name": "x"}},
        "layer x is a Lambda",
        id="lambda",
    ),
    pytest.param(
        {
            "module": "keras.layers",
            "class_name": "Activation",
            "config": {
                "name": "x",
                "activation": {"class_name": "__lambda__", "config": {"value": ["4w=="]}},
            },
        },
        "layer x is a Lambda",
        id="lambda-as-activation",
    ),
    pytest.param(
        {
            "module": "keras.layers",
            "class_name": "Activation",
            "config": {
                "name": "x",
                "activation": {
                    "class_name": "function",
                    "module": "keras.utils",
                    "config": "get_file",
                    "registered_name": "get_file",
                },
            },
        },
        "layer x calls 'get_file'",
        id="function-of-keras",
    ),
    pytest.param(
        {"module": "keras.layers", "class_name": "TFSMLayer", "config": {"name": "x"}},
        "runs a SavedModel that lies elsewhere",
        id="saved-model-elsewhere",
    ),
    pytest.param(
        {"module": "keras.layers", "class_name": "TorchModuleWrapper", "config": {"name": "x"}},
        "runs a pickle",
        id="pickle",
    ),
    pytest.param(
        {
            "module": "keras.layers",
            "class_name": "StringLookup",
            "config": {"name": "x", "vocabulary": "/etc/passwd"},
        },
        "takes text",
        id="vocabulary-file",
    ),
    pytest.param(
        {"module": "os", "class_name": "system", "config": {"name": "x"}},
        "none of Keras' own",
        id="class-of-python",
    ),
]


@pytest.mark.parametrize(("entry", "line"), CODE)
def test_what_runs_code_or_reads_files_is_refused(tmp_path: Path, entry: Any, line: str):
    path = write_keras(tmp_path / "m.keras", keras_3_with(**entry), KERAS_3_ARRAYS)
    assert line in refusal_of(path)


def test_a_function_within_keras_operations_is_refused(tmp_path: Path):
    entry = {"module": "keras.src.ops.core", "class_name": "Map", "config": {"name": "x"}}
    path = write_keras(tmp_path / "m.keras", keras_3_with(**entry), KERAS_3_ARRAYS)
    assert "Map" in refusal_of(path)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_lambda_runs_where_code_is_allowed(tmp_path: Path, suffix: str):
    import keras

    network = keras.Sequential(
        [
            keras.Input((8, 6, 3)),
            keras.layers.Lambda(lambda x: x * 0.5, output_shape=(8, 6, 3), name="half"),
            keras.layers.Flatten(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    path = tmp_path / f"m.{suffix}"
    network.save(path)
    assert "layer half is a Lambda" in refusal_of(path)
    with pytest.raises(ModelError, match="layer half is a Lambda"):
        KIND.load(source(path))
    pixels = np.random.default_rng(4).integers(0, 256, (8, 6, 3), np.uint8)
    model = KIND.load(source(path, allow_code=True, preprocessing="none"))
    found = model.predict([{"image": pixels}], [{}])[0]["outputs"]
    expected = network(pixels[np.newaxis].astype(np.float32))
    assert found == pytest.approx(np.asarray(expected)[0], abs=1e-6)


def _spots(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in inner:
        yield (*path, key)
        if isinstance(one, dict | list):
            yield from _spots(one, (*path, key))


ODD = [None, 0, -1, 1e400, 10**30, "", "x", [], {}, ["a", 0, 0], {"class_name": 3, "config": 1}]


def test_a_configuration_with_one_odd_value_is_read_or_refused(tmp_path: Path):
    choices = random.Random(chance.seed())
    config = classifier()
    spots = list(_spots(config))
    path = write_h5(tmp_path / "m.h5", config)
    refusals: list[str] = []
    for _ in range(chance.times(300)):
        changed = json.loads(json.dumps(config))
        *way, last = choices.choice(spots)
        place = changed
        for key in way:
            place = place[key]
        place[last] = choices.choice(ODD)
        with h5py.File(path, "r+") as file:
            file.attrs["model_config"] = json.dumps(changed)
        try:
            KIND.examine(source(path))
        except ModelError as error:
            refusals.append(str(error))
    assert len(refusals) > 30
    assert [line for line in refusals if "\n" in line or str(tmp_path) in line] == []

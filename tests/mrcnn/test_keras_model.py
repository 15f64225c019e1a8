"""`MaskRCNN.keras_model`: weights in and out in Matterport's layout, layers, inputs, outputs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

import mrcnn.model as modellib
from mrcnn.weights import WeightFileError
from tests.mrcnn.tiny import Groups, changed, read_groups
from tests.mrcnn.tiny_script import TinyConfig, photo

pytestmark = pytest.mark.slow

IMAGE = photo(100, 120)


def loaded(path: Path, mode: str = "inference") -> modellib.MaskRCNN:
    model = modellib.MaskRCNN(mode, TinyConfig(), "logs")
    model.load_weights(str(path), by_name=True)
    return model


@pytest.fixture(scope="module")
def model(tiny_model: modellib.MaskRCNN) -> modellib.MaskRCNN:
    return tiny_model


@pytest.fixture(scope="module")
def training(tiny_file: Path) -> modellib.MaskRCNN:
    return loaded(tiny_file, "training")


@pytest.fixture(scope="module")
def found(model: modellib.MaskRCNN) -> dict[str, np.ndarray]:
    """Return what the model finds with the weights of its file."""
    return model.detect([IMAGE])[0]


@pytest.fixture
def changing(model: modellib.MaskRCNN, tiny_file: Path) -> Iterator[modellib.MaskRCNN]:
    """Return the model for a test that changes its weights; it gets those of its file again."""
    yield model
    model.load_weights(tiny_file)


def same(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> bool:
    return all(np.array_equal(first[key], second[key]) for key in ("rois", "scores", "masks"))


@pytest.mark.parametrize("mode", ["model", "training"])
def test_saved_file_has_the_arrays_that_were_loaded_bit_for_bit(
    request: pytest.FixtureRequest, tiny_file: Path, tmp_path: Path, mode: str
):
    request.getfixturevalue(mode).keras_model.save_weights(str(tmp_path / "saved.h5"))
    before, after = read_groups(tiny_file), read_groups(tmp_path / "saved.h5")
    assert {name for name, arrays in after.items() if arrays} == set(before)
    for group, arrays in before.items():
        assert [name for name, _ in after[group]] == [name for name, _ in arrays]
        for (_, ours), (_, theirs) in zip(after[group], arrays, strict=True):
            assert ours.tobytes() == theirs.tobytes(), group


def test_saved_file_has_the_layout_that_the_original_reads(model, tmp_path: Path):
    model.keras_model.save_weights(tmp_path / "saved.h5")
    with h5py.File(tmp_path / "saved.h5") as file:
        for name in ("backend", "keras_version"):  # Keras 2 decodes them
            assert h5py.check_string_dtype(file.attrs.get_id(name).dtype).encoding == "ascii"
        assert file.attrs["backend"] == "tensorflow"
        names = [name.decode() for name in file.attrs["layer_names"]]
        assert names == [layer.name for layer in model.keras_model.layers]
        assert set(names) == set(file)
        assert names[:4] == ["input_image", "zero_padding2d_1", "conv1", "bn_conv1"]
        assert file["activation_1"].attrs["weight_names"].tolist() == []
        assert file["rpn_model"].attrs["weight_names"].tolist() == [
            f"{layer}/{array}:0".encode()
            for layer in ("rpn_conv_shared", "rpn_class_raw", "rpn_bbox_pred")
            for array in ("kernel", "bias")
        ]
        norm = file["bn2a_branch2a"]
        assert norm.attrs["weight_names"].tolist() == [
            f"bn2a_branch2a/{name}:0".encode()
            for name in ("gamma", "beta", "moving_mean", "moving_variance")
        ]
        assert norm["bn2a_branch2a/gamma:0"].shape == (16,)
        assert file["mrcnn_class_conv1/mrcnn_class_conv1/kernel:0"].shape == (7, 7, 16, 32)


def test_saved_file_gives_the_same_detections(model, found, tmp_path: Path):
    model.keras_model.save_weights(tmp_path / "saved.h5")
    assert same(loaded(tmp_path / "saved.h5").detect([IMAGE])[0], found)


def test_file_that_is_there_is_kept_where_it_must_not_be_overwritten(model, tmp_path: Path):
    (tmp_path / "there.h5").write_bytes(b"mine")
    with pytest.raises(FileExistsError, match=r"there\.h5 is there"):
        model.keras_model.save_weights(tmp_path / "there.h5", overwrite=False)
    assert (tmp_path / "there.h5").read_bytes() == b"mine"


def test_keras_model_loads_weights_by_itself(changing, found, tiny_file: Path):
    layer = changing.keras_model.get_layer("conv1")
    layer.set_weights([0 * array for array in layer.get_weights()])
    assert not same(changing.detect([IMAGE])[0], found)
    changing.keras_model.load_weights(str(tiny_file), by_name=True)
    assert same(changing.detect([IMAGE])[0], found)


def test_keras_model_loads_what_fits_where_mismatches_are_skipped(
    changing, tiny_file: Path, tmp_path: Path
):
    def spoil(groups: Groups) -> None:
        groups["mrcnn_mask"] = [(name, array[..., :2]) for name, array in groups["mrcnn_mask"]]
        groups["fpn_p2"] = [(name, array + 1) for name, array in groups["fpn_p2"]]

    path = changed(tiny_file, tmp_path / "other.h5", spoil)
    layer = changing.keras_model.get_layer("fpn_p2")
    before = layer.get_weights()[1]
    with pytest.raises(WeightFileError, match=r"mrcnn_mask: file has"):
        changing.keras_model.load_weights(path, by_name=True)
    changing.keras_model.load_weights(path, by_name=True, skip_mismatch=True)
    assert np.array_equal(layer.get_weights()[1], before + 1)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda layer, arrays: layer.set_weights(arrays), id="set_weights"),
        pytest.param(lambda layer, arrays: layer.bias.assign(arrays[1]), id="assign"),
    ],
)
def test_detection_follows_the_weights_of_a_layer(changing, found, change):
    layer = changing.find_trainable_layer(changing.keras_model.get_layer("mrcnn_class_logits"))
    kernel, bias = layer.get_weights()
    change(layer, [kernel, bias - [0, 1e9, 1e9, 1e9, 1e9]])
    assert len(found["rois"])
    assert len(changing.detect([IMAGE])[0]["rois"]) == 0
    layer.set_weights([kernel, bias])
    assert same(changing.detect([IMAGE])[0], found)


def test_detection_follows_a_normalization(changing, found):
    norm = changing.keras_model.get_layer("bn_conv1")
    gamma, *others = norm.get_weights()
    norm.set_weights([0.5 * gamma, *others])
    assert not np.array_equal(changing.detect([IMAGE])[0]["scores"][:3], found["scores"][:3])


def test_weights_of_a_trained_model_are_handed_to_one_that_detects(changing, training, found):
    for variable in changing.keras_model.weights:
        variable.assign(0 * variable)
    assert len(changing.detect([IMAGE])[0]["rois"]) == 0
    changing.keras_model.set_weights(training.keras_model.get_weights())
    assert same(changing.detect([IMAGE])[0], found)


def test_inputs_and_outputs_are_the_originals(model):
    keras_model = model.keras_model
    assert keras_model.input_names == ["input_image", "input_image_meta", "input_anchors"]
    assert [tensor.shape for tensor in keras_model.outputs] == [
        (None, 100, 6),
        (None, 100, 5),
        (None, 100, 5, 4),
        (None, 100, 28, 28, 5),
        (None, 100, 4),
        (None, None, 2),
        (None, None, 4),
    ]
    assert keras_model.inputs == keras_model.input
    assert [layer.output for layer in keras_model.layers if layer.name == "ROI"] == [
        keras_model.outputs[4]
    ]
    assert isinstance(keras_model, keras.Model)


def test_prediction_of_the_keras_model_is_what_detect_unmolds(model, found):
    molded, metas, windows = model.mold_inputs([IMAGE])
    anchors = model.get_anchors(molded[0].shape)[None]
    detections, *_, rois, scores, deltas = model.keras_model.predict(
        [molded, metas, anchors], verbose=0
    )
    masks = model.keras_model.predict_on_batch([molded, metas, anchors])[3]
    unmolded = model.unmold_detections(
        detections[0], masks[0], IMAGE.shape, molded[0].shape, windows[0]
    )
    assert np.array_equal(unmolded[0], found["rois"])
    assert np.allclose(unmolded[2], found["scores"], atol=1e-5)
    assert (rois.shape, scores.shape, deltas.shape) == ((1, 100, 4), (1, 4092, 2), (1, 4092, 4))


def test_summary_shows_the_layers(model, capsys):
    lines: list[str] = []
    model.keras_model.summary(line_length=120, print_fn=lambda line, **_: lines.append(line))
    shown = "\n".join(lines)
    assert all(name in shown for name in ("input_anchors", "rpn_model", "mrcnn_mask_bn4"))


def test_layers_that_have_weights_are_unwrapped(model):
    layers = {layer.name: layer for layer in model.get_trainable_layers()}
    assert list(layers)[:3] == ["conv1", "bn_conv1", "res2a_branch2a"]
    assert len(layers["rpn_model"].get_weights()) == 6
    assert layers["mrcnn_mask"].get_weights()[0].shape == (1, 1, 16, 5)
    wrapper = model.keras_model.get_layer("mrcnn_mask")
    assert model.find_trainable_layer(wrapper) is layers["mrcnn_mask"]


def test_layers_are_laid_out_once_for_any_number_of_threads():
    model = modellib.MaskRCNN("inference", TinyConfig(), "logs")
    model.keras_model  # noqa: B018
    outputs: list[object] = []
    threads = [
        threading.Thread(target=lambda: outputs.append(model.keras_model.get_layer("ROI").output))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outputs) == 4
    assert len({id(output) for output in outputs}) == 1


def test_layers_to_train_are_chosen_by_their_names(training, capsys):
    training.set_trainable(r"(mrcnn_.*)|(rpn_.*)")
    shown = capsys.readouterr().out
    assert "rpn_conv_shared" in shown
    assert "conv1" not in shown.replace("mrcnn_class_conv1", "").replace("mrcnn_mask_conv1", "")
    trained = {variable.path.split("/")[-2] for variable in training.keras_model.trainable_weights}
    assert "mrcnn_mask_bn4" in trained
    assert not {"conv1", "fpn_p2", "bn5b_branch2c"} & trained


def test_replaced_keras_model_is_kept_and_detection_says_so(model):
    network = model.keras_model
    other = keras.Model(model.keras_model.input, model.keras_model.get_layer("ROI").output)
    model.keras_model = other
    assert model.keras_model is other
    with pytest.raises(ValueError, match="keras_model was replaced"):
        model.detect([IMAGE])
    model.keras_model = network
    assert len(model.detect([IMAGE])) == 1


def test_network_of_ones_own_is_refused():
    class Mine(modellib.MaskRCNN):
        def build(self, mode, config):
            return None

    with pytest.raises(NotImplementedError, match=r"Mine\.build would not be called"):
        Mine("inference", TinyConfig(), "logs")

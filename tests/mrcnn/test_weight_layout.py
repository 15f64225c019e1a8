"""Which array of a file belongs to which layer, however Keras has named and grouped them."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from mrcnn.weights import WeightFile, WeightFileError, looks_like_mask_rcnn
from tests.mrcnn.saving import (
    Change,
    nested,
    numbered,
    regrouped,
    renamed,
    together,
    with_group,
)
from tests.mrcnn.tiny import Groups, changed, read_groups, write_groups


def numbers(path: Path) -> dict[str, list[np.ndarray]]:
    """Return the arrays of every layer as they would be loaded."""
    file = WeightFile.open(path)
    with file.reading() as read:
        return {layer: read(layer) for layer in file.layers}


@pytest.fixture(scope="module")
def expected(tiny_file: Path) -> dict[str, list[np.ndarray]]:
    return numbers(tiny_file)


def assert_same_network(path: Path, expected: dict[str, list[np.ndarray]]) -> None:
    found = numbers(path)
    assert found.keys() == expected.keys()
    for layer, arrays in expected.items():
        assert len(found[layer]) == len(arrays), layer
        for one, other in zip(found[layer], arrays, strict=True):
            np.testing.assert_array_equal(one, other, err_msg=layer)


def _swap_heads(groups: Groups) -> None:
    shared, classes, boxes = (groups["rpn_model"][i : i + 2] for i in (0, 2, 4))
    groups["rpn_model"] = [*boxes, *classes, *shared]


def _sort_arrays(groups: Groups) -> None:
    for group, arrays in groups.items():
        groups[group] = sorted(arrays, key=lambda named: named[0])


def _inner_name(name: str) -> str:
    scope, _, leaf = name.partition("/")
    return f"{scope}/{'batch_normalization_7' if 'bn' in scope else 'conv2d_12'}/{leaf}"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(numbered(1), id="the model was built twice"),
        pytest.param(
            together(numbered(2), renamed(lambda name: name.replace("_2/", "_3/"), "bn.*")),
            id="each kind of layer counted on its own",
        ),
        pytest.param(
            together(numbered(1), regrouped(lambda group: group + "_1")), id="groups numbered"
        ),
        pytest.param(renamed(lambda name: f"tower_0/{name}"), id="a scope"),
        pytest.param(renamed(lambda name: f"model_1\\{name}".replace("/", "\\")), id="backslashes"),
        pytest.param(renamed(lambda name: name.removesuffix(":0")), id="Keras 3"),
        pytest.param(renamed(_inner_name, "mrcnn.*"), id="inner layers of TimeDistributed"),
        pytest.param(
            renamed(lambda name: "kernel:0" if "kernel" in name else "w/b:0", "conv1|fpn.*"),
            id="names that tell no layer",
        ),
        pytest.param(
            renamed(lambda name: name.replace("rpn", "conv2d").replace("raw", "5"), "rpn_model"),
            id="region proposals under other names",
        ),
        pytest.param(
            together(regrouped(lambda group: group.replace("rpn_model", "model_3")), numbered(1)),
            id="a region proposal model without a name",
        ),
        pytest.param(_swap_heads, id="region proposals in another order"),
        pytest.param(_sort_arrays, id="arrays in alphabetical order"),
        pytest.param(
            with_group("anchors", ("Variable:0", (2, 90, 4))), id="anchors, as TensorFlow 2 has"
        ),
        pytest.param(
            with_group("const_layer_3", ("Variable_1:0", (1, 90, 4))), id="anchors without a name"
        ),
    ],
)
def test_arrays_go_to_their_layers(change: Change, expected, tiny_file: Path, tmp_path: Path):
    path = changed(tiny_file, tmp_path / "other.h5", change)
    assert_same_network(path, expected)
    assert WeightFile.open(path).nested_in == ()
    assert looks_like_mask_rcnn(path)


@pytest.mark.parametrize(
    ("change", "nested_in"),
    [
        pytest.param(
            nested("input_image", "lambda_1", "concatenate", "mask_rcnn"),
            ("mask_rcnn",),
            id="several GPUs",
        ),
        pytest.param(nested("model_1"), ("model_1",), id="a model without a name"),
        pytest.param(
            together(numbered(2), nested("mask_rcnn")), ("mask_rcnn",), id="built twice before"
        ),
        pytest.param(
            nested("mask_rcnn", frozen=r"conv1|(res|bn).*"), ("mask_rcnn",), id="backbone frozen"
        ),
        pytest.param(
            together(renamed(lambda name: f"tower_0/mask_rcnn/{name}"), nested("model_2")),
            ("model_2",),
            id="scopes of both",
        ),
        pytest.param(
            together(with_group("anchors", ("Variable:0", (2, 90, 4))), nested("mask_rcnn")),
            ("mask_rcnn",),
            id="with its anchors",
        ),
        pytest.param(
            nested("resnet", inner=r"conv1|bn_conv1|(res|bn)\d.*"),
            ("resnet",),
            id="the backbone alone",
        ),
        pytest.param(
            together(
                nested("mrcnn_mask", inner="mrcnn_mask.*"),
                nested("mrcnn_class_logits", inner="mrcnn_class.*|mrcnn_bbox_fc"),
            ),
            ("mrcnn_mask", "mrcnn_class_logits"),
            id="heads in models called like their last layer",
        ),
    ],
)
def test_network_nested_in_another_model_is_found(
    change: Change, nested_in: tuple[str, ...], expected, tiny_file: Path, tmp_path: Path
):
    path = changed(tiny_file, tmp_path / "wrapped.h5", change)
    assert_same_network(path, expected)
    assert WeightFile.open(path).nested_in == nested_in
    assert looks_like_mask_rcnn(path)


def test_whole_model_of_a_wrapper_is_read_without_its_optimizer(
    expected, tiny_file: Path, tmp_path: Path
):
    groups = read_groups(tiny_file)
    nested("input_1", "mask_rcnn")(groups)
    path = write_groups(tmp_path / "whole.h5", groups, root="model_weights")
    with h5py.File(path, "a") as file:
        state = file.create_group("optimizer_weights")
        state.attrs["weight_names"] = np.array([b"SGD/conv1/kernel/momentum:0"])
        state["SGD/conv1/kernel/momentum:0"] = np.full((7, 7, 3, 16), np.nan, np.float32)
        file["model_weights"].create_group("top_level_model_weights").attrs["weight_names"] = []
    assert_same_network(path, expected)
    assert WeightFile.open(path).nested_in == ("mask_rcnn",)


def test_array_that_a_nested_model_has_beside_the_network_is_told(tiny_file: Path, tmp_path: Path):
    change = together(with_group("orientation", ("orientation/kernel:0", (9, 3))), nested("both"))
    file = WeightFile.open(changed(tiny_file, tmp_path / "more.h5", change))
    assert [array.shape for array in file.layers["orientation"]] == [(9, 3)]


def test_file_of_two_networks_is_refused(tiny_file: Path, tmp_path: Path):
    def double(groups: Groups) -> None:
        nested("mask_rcnn")(groups)
        groups["mask_rcnn_1"] = groups["mask_rcnn"]

    path = changed(tiny_file, tmp_path / "two.h5", double)
    told = r"two.h5: it holds the layer [a-z0-9_]+ twice, in mask_rcnn and mask_rcnn_1: "
    with pytest.raises(WeightFileError, match=told) as caught:
        WeightFile.open(path)
    assert "\n" not in str(caught.value)


def test_layer_of_a_number_beside_the_one_without_is_another(tiny_file: Path, tmp_path: Path):
    def double(groups: Groups) -> None:
        groups["fpn_p2_1"] = [("fpn_p2_1/kernel:0", np.ones((3, 3, 16, 16), np.float32))]

    layers = WeightFile.open(changed(tiny_file, tmp_path / "two.h5", double)).layers
    assert len(layers["fpn_p2"]) == 2
    assert len(layers["fpn_p2_1"]) == 1


def _keras_3(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["layers/conv2d/vars/0"] = np.ones((7, 7, 3, 16), np.float32)
        file["layers/conv2d/vars"].attrs["name"] = "conv1"


def _archive(path: Path) -> None:
    path.write_bytes(b"PK\x03\x04" + bytes(60))


@pytest.mark.parametrize(
    ("make", "told"),
    [
        pytest.param(
            _keras_3,
            r"model.h5: in the layout of Keras 3's save_weights; .*mrcnn.loading.save_weights",
            id="weights of Keras 3",
        ),
        pytest.param(_archive, "model.h5: a zip archive, perhaps .keras, not HDF5", id=".keras"),
    ],
)
def test_other_layouts_of_keras_are_called_what_they_are(make, told: str, tmp_path: Path):
    path = tmp_path / "model.h5"
    make(path)
    with pytest.raises(WeightFileError, match=told) as caught:
        WeightFile.open(path)
    assert "\n" not in str(caught.value)
    assert not looks_like_mask_rcnn(path)

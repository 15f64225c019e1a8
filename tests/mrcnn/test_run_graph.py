"""What notebooks look at inside of the network, with the shapes and values of the original."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import mrcnn.model as modellib
from mrcnn import utils
from tests.mrcnn.tiny import read_groups
from tests.mrcnn.tiny_script import photo

IMAGE = photo(100, 120)
ANCHORS, REGIONS, CLASSES = 4092, 100, 5
SHAPES = {
    "input_image": (1, 128, 128, 3),
    "input_image_meta": (1, 12 + CLASSES),
    "input_anchors": (1, ANCHORS, 4),
    "zero_padding2d_1": (1, 134, 134, 3),
    "conv1": (1, 64, 64, 16),
    "bn_conv1": (1, 64, 64, 16),
    "activation_1": (1, 64, 64, 16),
    "max_pooling2d_1": (1, 32, 32, 16),
    "res2a_branch2a": (1, 32, 32, 16),
    "bn2a_branch1": (1, 32, 32, 64),
    "add_1": (1, 32, 32, 64),
    "res2b_out": (1, 32, 32, 64),
    "res5b_out": (1, 4, 4, 384),
    "fpn_c5p5": (1, 4, 4, 16),
    "fpn_p3upsampled": (1, 32, 32, 16),
    "fpn_p2add": (1, 32, 32, 16),
    "fpn_p2": (1, 32, 32, 16),
    "fpn_p6": (1, 2, 2, 16),
    "rpn_class_logits": (1, ANCHORS, 2),
    "rpn_class": (1, ANCHORS, 2),
    "rpn_bbox": (1, ANCHORS, 4),
    "ROI": (1, REGIONS, 4),
    "roi_align_classifier": (1, REGIONS, 7, 7, 16),
    "mrcnn_class_conv1": (1, REGIONS, 1, 1, 32),
    "mrcnn_class_bn2": (1, REGIONS, 1, 1, 32),
    "pool_squeeze": (1, REGIONS, 32),
    "mrcnn_class_logits": (1, REGIONS, CLASSES),
    "mrcnn_class": (1, REGIONS, CLASSES),
    "mrcnn_bbox_fc": (1, REGIONS, 4 * CLASSES),
    "mrcnn_bbox": (1, REGIONS, CLASSES, 4),
    "mrcnn_detection": (1, 100, 6),
    "roi_align_mask": (1, 100, 14, 14, 16),
    "mrcnn_mask_conv4": (1, 100, 14, 14, 16),
    "mrcnn_mask_bn4": (1, 100, 14, 14, 16),
    # One ReLU at first, two a block, two in the class head; its softmax is counted too.
    "activation_24": (1, 100, 14, 14, 16),
    "mrcnn_mask_deconv": (1, 100, 28, 28, 16),
    "mrcnn_mask": (1, 100, 28, 28, CLASSES),
}
ON_THE_WAY = ["pre_nms_anchors", "refined_anchors", "refined_anchors_clipped"]


@pytest.fixture(scope="module")
def model(tiny_model: modellib.MaskRCNN) -> modellib.MaskRCNN:
    return tiny_model


def output(model: modellib.MaskRCNN, layer: str) -> keras.KerasTensor:
    return model.keras_model.get_layer(layer).output


@pytest.fixture(scope="module")
def values(model: modellib.MaskRCNN) -> dict[str, np.ndarray]:
    """Run the cells of a notebook on one picture."""
    pillar = output(model, "ROI")
    names = [*(f"ROI/{name}:0" for name in ON_THE_WAY), "ROI/rpn_non_max_suppression:0"]
    outputs = [(name, output(model, name)) for name in SHAPES]
    outputs += [(name, model.ancestor(pillar, name)) for name in names]
    return dict(model.run_graph([IMAGE], outputs))


def test_every_layer_gives_an_array_of_the_originals_shape(values):
    assert {name: values[name].shape for name in SHAPES} == SHAPES


def test_detections_and_masks_are_those_that_detect_unmolds(model, values):
    found = model.detect([IMAGE])[0]
    molded, _, windows = model.mold_inputs([IMAGE])
    rois, class_ids, scores, masks = model.unmold_detections(
        values["mrcnn_detection"][0],
        values["mrcnn_mask"][0],
        IMAGE.shape,
        molded[0].shape,
        windows[0],
    )
    assert len(rois) > 10
    assert np.array_equal(rois, found["rois"])
    assert np.array_equal(class_ids, found["class_ids"])
    assert np.allclose(scores, found["scores"], atol=1e-5)
    assert (masks != found["masks"]).mean() < 1e-4


def test_molded_image_is_seen_as_it_went_in(model, values):
    molded, metas, _ = model.mold_inputs([IMAGE])
    assert np.array_equal(values["input_image"], molded)
    assert np.array_equal(values["input_image_meta"], metas.astype(np.float32))
    assert np.array_equal(values["input_anchors"][0], model.get_anchors((128, 128, 3)))


def test_convolution_is_seen_before_its_normalization(values, tiny_file: Path):
    groups = read_groups(tiny_file)
    (kernel, bias), norm = ([a for _, a in groups[name]] for name in ("conv1", "bn_conv1"))
    patch = values["zero_padding2d_1"][0, 20:27, 30:37]
    convolved = np.einsum("hwi,hwio->o", patch, kernel) + bias
    assert np.allclose(values["conv1"][0, 10, 15], convolved, atol=1e-3)
    gamma, beta, mean, variance = norm
    normalized = (convolved - mean) / np.sqrt(variance + 1e-3) * gamma + beta
    assert np.allclose(values["bn_conv1"][0, 10, 15], normalized, atol=1e-4)
    assert np.allclose(values["activation_1"][0, 10, 15], normalized.clip(0), atol=1e-4)


def test_probabilities_are_those_of_the_logits(values):
    for kind in ("rpn_class", "mrcnn_class"):
        powers = np.exp(values[f"{kind}_logits"])
        shares = powers / powers.sum(axis=-1, keepdims=True)
        assert np.allclose(values[kind], shares, atol=1e-5)


def test_proposals_can_be_followed_from_the_anchors(model, values):
    best = np.argsort(-values["rpn_class"][0, :, 1], kind="stable")[:500]
    anchors = values["ROI/pre_nms_anchors:0"][0]
    assert np.array_equal(anchors, model.get_anchors((128, 128, 3))[best])
    deltas = values["rpn_bbox"][0][best] * model.config.RPN_BBOX_STD_DEV
    refined = values["ROI/refined_anchors:0"][0]
    assert np.allclose(refined, utils.apply_box_deltas(anchors, deltas), atol=1e-4)
    clipped = values["ROI/refined_anchors_clipped:0"][0]
    assert np.array_equal(clipped, refined.clip(0, 1))
    kept = values["ROI/rpn_non_max_suppression:0"]
    assert kept.ndim == 1
    assert np.array_equal(values["ROI"][0, : len(kept)], clipped[kept])


@pytest.mark.parametrize("version", ["", "/NonMaxSuppressionV2", "/NonMaxSuppressionV3"])
def test_suppression_is_found_by_the_name_of_each_tensorflow(model, version: str):
    pillar = output(model, "ROI")
    node = model.ancestor(pillar, f"ROI/rpn_non_max_suppression{version}:0")
    assert node is model.ancestor(pillar, "ROI/rpn_non_max_suppression:0")
    assert node is not None


def test_ancestor_outside_of_the_proposals_is_a_layers_output(model):
    assert model.ancestor(output(model, "ROI"), "fpn_p2/BiasAdd:0") is output(model, "fpn_p2")


@pytest.mark.parametrize("name", ["ROI/stack:0", "fpn_p9/BiasAdd:0", "rpn_model/x:0", "fpn_p2"])
def test_ancestor_that_is_not_there_is_none(model, name: str):
    assert model.ancestor(output(model, "ROI"), name) is None


def test_molded_images_are_taken_with_their_metas(model, values):
    molded, metas, _ = model.mold_inputs([IMAGE, IMAGE])
    run = model.run_graph(molded, [("P2", output(model, "fpn_p2"))], image_metas=metas)
    assert run["P2"].shape == (2, 32, 32, 16)
    assert np.allclose(run["P2"][1], values["fpn_p2"][0], atol=1e-4)


def test_results_keep_their_order_and_are_printed(model, capsys):
    run = model.run_graph([IMAGE], [("b", output(model, "fpn_p6")), ("a", output(model, "ROI"))])
    assert list(run) == ["b", "a"]
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["b", "a"]
    assert "(1, 2, 2, 16)" in lines[0]


def test_tensorflow_functions_take_the_output_of_a_layer(model):
    outputs = [
        ("input_image", tf.identity(output(model, "input_image"))),
        ("mean", tf.reduce_mean(output(model, "fpn_p2"), axis=[1, 2])),
        ("both", tf.concat([output(model, "rpn_class"), output(model, "rpn_bbox")], axis=-1)),
    ]
    run = model.run_graph([IMAGE], outputs)
    assert np.array_equal(run["input_image"], model.mold_inputs([IMAGE])[0])
    assert run["mean"].shape == (1, 16)
    assert run["both"].shape == (1, ANCHORS, 6)


@pytest.mark.parametrize("given", [None, "fpn_p2", np.zeros(3)], ids=["nothing", "name", "array"])
def test_what_is_no_tensor_of_a_layer_says_what_to_write(model, given):
    with pytest.raises(ValueError, match=r"nms: .* is no tensor .*get_layer\(layer\)\.output"):
        model.run_graph([IMAGE], [("nms", given)])


def test_tensor_of_another_model_is_told(model):
    other = keras.layers.Dense(1)(keras.Input((3,)))
    with pytest.raises(ValueError, match="mine: not all are tensors of model"):
        model.run_graph([IMAGE], [("mine", other)])


def test_size_that_the_pyramid_cannot_halve_is_told(model):
    molded, metas, _ = model.mold_inputs([IMAGE])
    with pytest.raises(ValueError, match=r"128 x 100 pixels; sides must be multiples of 64"):
        model.run_graph(molded[:, :100], [("P2", output(model, "fpn_p2"))], image_metas=metas)


def test_unknown_layer_names_those_that_are_close(model):
    with pytest.raises(ValueError, match=r"no layer 'mrcnn_masks' in mode .* mrcnn_mask\b"):
        model.keras_model.get_layer("mrcnn_masks")
    with pytest.raises(ValueError, match="layers has all"):
        model.keras_model.get_layer("qqq")


def test_parts_of_the_network_make_a_keras_model_of_their_own(model, values):
    part = keras.Model(model.keras_model.input, [output(model, "ROI"), output(model, "fpn_p2")])
    molded, metas, _ = model.mold_inputs([IMAGE])
    rois, p2 = part([molded, metas, model.get_anchors((128, 128, 3))[None]])
    assert np.allclose(rois, values["ROI"], atol=1e-5)
    assert np.allclose(p2, values["fpn_p2"], atol=1e-4)

"""The Keras model of mode "training": Matterport's inputs, outputs, layers and losses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import mrcnn.model as modellib
from tests.mrcnn.training.test_ground_truth import Pictures, SmallConfig

LOSSES = (
    "rpn_class_loss",
    "rpn_bbox_loss",
    "mrcnn_class_loss",
    "mrcnn_bbox_loss",
    "mrcnn_mask_loss",
)


class LayoutConfig(SmallConfig):
    POST_NMS_ROIS_TRAINING = 200
    TRAIN_ROIS_PER_IMAGE = 30
    MASK_SHAPE = (28, 28)


@pytest.fixture(scope="module")
def model(tiny_file: Path) -> modellib.MaskRCNN:
    model = modellib.MaskRCNN("training", LayoutConfig(), "logs")
    model.load_weights(tiny_file, by_name=True)
    return model


@pytest.fixture(scope="module")
def batch(model: modellib.MaskRCNN) -> list[np.ndarray]:
    generator = modellib.data_generator(Pictures(), model.config, shuffle=False, batch_size=2)
    return next(generator)[0]


@pytest.fixture(scope="module")
def outputs(model: modellib.MaskRCNN, batch: list[np.ndarray]) -> list[np.ndarray]:
    tf.random.set_seed(0)
    return [np.asarray(value) for value in model.keras_model([*map(tf.constant, batch)])]


def test_inputs_are_what_data_generator_yields(model, batch):
    assert model.keras_model.input_names == [
        "input_image",
        "input_image_meta",
        "input_rpn_match",
        "input_rpn_bbox",
        "input_gt_class_ids",
        "input_gt_boxes",
        "input_gt_masks",
    ]
    for tensor, array in zip(model.keras_model.inputs, batch, strict=True):
        assert len(tensor.shape) == array.ndim
        assert np.can_cast(array.dtype, tensor.dtype, "same_kind")


def test_outputs_have_the_originals_shapes(outputs):
    anchors = outputs[0].shape[1]
    assert [output.shape for output in outputs] == [
        (2, anchors, 2),
        (2, anchors, 2),
        (2, anchors, 4),
        (2, 30, 5),
        (2, 30, 5),
        (2, 30, 5, 4),
        (2, 30, 28, 28, 5),
        (2, 200, 4),
        (2, 30, 4),
        *[()] * 5,
    ]


def test_losses_are_those_of_what_the_layers_gave(model, batch, outputs):
    class_loss = modellib.rpn_class_loss_graph(tf.constant(batch[2]), tf.constant(outputs[0]))
    box_loss = modellib.rpn_bbox_loss_graph(
        model.config, *map(tf.constant, (batch[3], batch[2], outputs[2]))
    )
    assert np.allclose(outputs[9:11], [class_loss, box_loss], rtol=1e-5)
    assert all(np.isfinite(outputs[9:]))
    assert outputs[11] > 0


def test_layers_of_training_are_found_by_their_names(model):
    names = [layer.name for layer in model.keras_model.layers]
    layers = ("anchors", "proposal_targets", "output_rois", "input_gt_masks", *LOSSES)
    assert set(layers) <= set(names)
    assert [model.keras_model.get_layer(name).output for name in LOSSES] == (
        model.keras_model.outputs[9:]
    )
    with pytest.raises(ValueError, match="no layer 'mrcnn_detection' in mode 'training'"):
        model.keras_model.get_layer("mrcnn_detection")


def test_graph_is_not_run_in_mode_training(model):
    output = model.keras_model.get_layer("fpn_p2").output
    with pytest.raises(ValueError, match="mode 'inference'"):
        model.run_graph([np.zeros((8, 8, 3), np.uint8)], [("p2", output)])


def test_regions_are_an_input_where_the_config_says_so(tiny_file: Path):
    class GivenRegions(LayoutConfig):
        USE_RPN_ROIS = False

    model = modellib.MaskRCNN("training", GivenRegions(), "logs")
    model.load_weights(tiny_file, by_name=True)
    assert model.keras_model.input_names[-1] == "input_roi"

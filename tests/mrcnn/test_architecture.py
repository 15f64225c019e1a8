"""The table of backbones and the sizes that weights fix."""

from __future__ import annotations

import json

import pytest

from mrcnn.architecture import BACKBONES, Architecture


@pytest.mark.parametrize(
    ("name", "convolutions"),
    [pytest.param("resnet50", 50, id="50"), pytest.param("resnet101", 101, id="101")],
)
def test_backbone_is_as_deep_as_its_name_says(name: str, convolutions: int):
    spec = BACKBONES[name]
    stem_and_classifier = 2
    assert 3 * sum(spec.blocks) + stem_and_classifier == convolutions
    assert spec.channels == (256, 512, 1024, 2048)


def test_small_backbone_is_one_more_entry():
    assert BACKBONES["resnet26_narrow"].channels == (64, 128, 256, 384)


def test_defaults_are_those_of_the_original():
    architecture = Architecture("resnet101", 81)
    assert architecture.backbone_spec is BACKBONES["resnet101"]
    assert json.loads(json.dumps(architecture.describe())) == {
        "backbone": "resnet101",
        "num_classes": 81,
        "pyramid_channels": 256,
        "rpn_channels": 512,
        "anchors_per_location": 3,
        "classifier_units": 1024,
        "classifier_pool": 7,
        "mask_channels": 256,
        "input_channels": 3,
    }

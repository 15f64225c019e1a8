"""Matterport's `MaskRCNN` and the functions around it, called as old scripts call them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mrcnn.model as modellib
from mrcnn import utils
from mrcnn.config import ConfigError
from mrcnn.weights import WeightFileError
from tests.mrcnn.tiny import Groups, changed
from tests.mrcnn.tiny_script import TinyConfig, photo

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def model(tiny_file: Path, tmp_path_factory: pytest.TempPathFactory) -> modellib.MaskRCNN:
    folder = tmp_path_factory.mktemp("logs")
    model = modellib.MaskRCNN(mode="inference", model_dir=str(folder), config=TinyConfig())
    model.load_weights(str(tiny_file), by_name=True)
    return model


@pytest.mark.slow
def test_script_of_2019_runs_unchanged(tiny_file: Path, tmp_path: Path):
    Image.fromarray(photo(90, 120)).save(tmp_path / "photo.png")
    script = ROOT / "tests" / "mrcnn" / "old_inference_script.py"
    command = [sys.executable, str(script), str(tiny_file), str(tmp_path / "photo.png")]
    ran = subprocess.run(
        [*command, str(tmp_path)], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert "Processing 1 images" in ran.stdout
    assert "Configurations:" in ran.stdout
    assert ran.stderr == ""
    with Image.open(tmp_path / "instances.png") as drawn:
        assert drawn.size == (800, 800)
    result = np.load(tmp_path / "result.npz")
    assert result["masks"].shape == (90, 120, len(result["rois"]))


def test_result_has_the_shapes_and_types_of_the_original(model: modellib.MaskRCNN):
    images = [photo(100, 120), photo(64, 40)]
    results = model.detect(images)
    for image, result in zip(images, results, strict=True):
        count = len(result["rois"])
        assert count > 0
        assert (result["rois"].shape, result["rois"].dtype) == ((count, 4), np.int32)
        assert (result["class_ids"].shape, result["class_ids"].dtype) == ((count,), np.int32)
        assert (result["scores"].shape, result["scores"].dtype) == ((count,), np.float32)
        assert result["masks"].shape == (*image.shape[:2], count)
        assert result["masks"].dtype == bool
        for index, (top, left, bottom, right) in enumerate(result["rois"]):
            outside = result["masks"][..., index].copy()
            outside[top:bottom, left:right] = False
            assert not outside.any()


def test_photo_without_instances_has_empty_arrays(model: modellib.MaskRCNN, monkeypatch):
    monkeypatch.setattr(model.config, "DETECTION_MIN_CONFIDENCE", 1.0)
    result = model.detect([photo(100, 120)])[0]
    assert result["rois"].shape == (0, 4)
    assert result["masks"].shape == (100, 120, 0)


def test_photo_of_floats_gives_what_its_bytes_give(model: modellib.MaskRCNN):
    image = photo(128, 128)
    bytes_, floats = model.detect([image, image.astype(np.float32)])
    assert np.array_equal(bytes_["rois"], floats["rois"])
    assert np.array_equal(bytes_["masks"], floats["masks"])


def test_what_is_no_photo_is_named(model: modellib.MaskRCNN):
    with pytest.raises(ValueError, match=r"a photo is .* not \[8, 8, 4\]"):
        model.detect([np.zeros((8, 8, 4), np.uint8)])


def test_molded_images_give_the_same_in_their_own_frame(model: modellib.MaskRCNN):
    image = photo(64, 128)  # lies in the middle of 128 x 128, unscaled
    molded, metas, windows = model.mold_inputs([image])
    assert (molded.shape, molded.dtype) == ((1, 128, 128, 3), np.float32)
    assert windows.tolist() == [[32, 0, 96, 128]]
    assert modellib.parse_image_meta(metas)["original_image_shape"].tolist() == [[64, 128, 3]]
    plain, framed = model.detect([image])[0], model.detect_molded(molded, metas)[0]
    assert np.array_equal(plain["rois"] + [32, 0, 32, 0], framed["rois"])
    assert np.array_equal(plain["masks"], framed["masks"][32:96])
    assert framed["masks"].shape[:2] == (128, 128)


def test_detections_are_unmolded_for_notebooks(model: modellib.MaskRCNN):
    detections = np.zeros((3, 6))
    detections[0] = [0, 0, 1, 1, 2, 0.9]
    masks = np.zeros((3, 28, 28, 5))
    masks[0, :, :, 2] = 1
    boxes, class_ids, scores, full = model.unmold_detections(
        detections, masks, (50, 60, 3), (128, 128, 3), (0, 0, 128, 128)
    )
    assert boxes.tolist() == [[0, 0, 50, 60]]
    assert class_ids.tolist() == [2]
    assert scores.tolist() == [pytest.approx(0.9)]
    assert full.all()


def test_other_backbone_or_class_count_is_told(tiny_file: Path):
    class Other(TinyConfig):
        BACKBONE = "resnet50"

    class More(TinyConfig):
        NUM_CLASSES = 81

    for config, told in (
        (Other, "BACKBONE is 'resnet50', but tiny.h5 has 'resnet26_narrow'"),
        (More, "NUM_CLASSES is 81, but tiny.h5 has 5"),
    ):
        model = modellib.MaskRCNN("inference", config(), "logs")
        with pytest.raises(ConfigError, match=told):
            model.load_weights(tiny_file, by_name=True)


def test_size_that_the_script_sets_is_held_against_the_file(tiny_file: Path):
    class Wide(TinyConfig):
        FPN_CLASSIF_FC_LAYERS_SIZE = 64

    model = modellib.MaskRCNN("inference", Wide(), "logs")
    with pytest.raises(WeightFileError, match=r"mrcnn_class_conv1: file has \(7, 7, 16, 32\)"):
        model.load_weights(tiny_file, by_name=True)


def test_heads_for_other_classes_start_anew_when_excluded(tiny_file: Path):
    class Fewer(TinyConfig):
        NUM_CLASSES = 1 + 1

    heads = ["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"]
    model = modellib.MaskRCNN("training", Fewer(), "logs")
    with pytest.raises(ConfigError, match="NUM_CLASSES is 2"):
        model.load_weights(tiny_file, by_name=True)
    model.load_weights(tiny_file, by_name=True, exclude=heads)
    layers = {layer.name: layer for layer in model.get_trainable_layers()}
    assert layers["mrcnn_class_logits"].get_weights()[0].shape == (32, 2)
    assert layers["mrcnn_mask"].get_weights()[0].std() > 0
    assert "bn_conv1" in layers


def test_anchors_of_another_count_start_anew_when_excluded(tiny_file: Path):
    class Tall(TinyConfig):
        RPN_ANCHOR_RATIOS = (0.5, 1)

    model = modellib.MaskRCNN("inference", Tall(), "logs")
    with pytest.raises(WeightFileError, match="rpn_class_raw"):
        model.load_weights(tiny_file, by_name=True)
    model.load_weights(tiny_file, by_name=True, exclude=["rpn_model"])
    assert len(model.detect([photo(64, 64)])) == 1


def test_file_that_lacks_a_layer_is_refused(tiny_file: Path, tmp_path: Path):
    def drop(groups: Groups) -> None:
        del groups["fpn_p2"]

    model = modellib.MaskRCNN("inference", TinyConfig(), "logs")
    with pytest.raises(WeightFileError, match="fpn_p2: file has nothing"):
        model.load_weights(changed(tiny_file, tmp_path / "odd.h5", drop), by_name=True)


def test_last_checkpoint_is_found(tmp_path: Path):
    model = modellib.MaskRCNN("inference", TinyConfig(), tmp_path)
    with pytest.raises(FileNotFoundError, match="no folder of a run of 'tiny'"):
        model.find_last()
    for run in ("tiny20190101T0000", "tiny20190203T1200", "zebra20200101T0000"):
        (tmp_path / run).mkdir()
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        model.find_last()
    for epoch in (1, 12):
        (tmp_path / "tiny20190203T1200" / f"mask_rcnn_tiny_{epoch:04}.h5").touch()
    assert model.find_last().endswith("mask_rcnn_tiny_0012.h5")


def test_what_is_not_there_says_what_is():
    model = modellib.MaskRCNN("training", TinyConfig(), "logs")
    with pytest.raises(NotImplementedError, match=r"mrcnn\.training"):
        model.train(None, None, learning_rate=0.001, epochs=1, layers="heads")
    with pytest.raises(RuntimeError, match="not downloaded"):
        model.get_imagenet_weights()
    with pytest.raises(ValueError, match="'training' does not detect"):
        model.detect([photo(64, 64)])
    with pytest.raises(ValueError, match="mode is 'predict'"):
        modellib.MaskRCNN("predict", TinyConfig(), "logs")


def test_config_that_is_a_class_is_refused_with_what_to_write(tmp_path: Path):
    with pytest.raises(TypeError, match=r"config is the class TinyConfig; write TinyConfig\(\)"):
        modellib.MaskRCNN("inference", TinyConfig, tmp_path)


def test_unknown_backbone_is_told():
    class Custom(TinyConfig):
        BACKBONE = "resnet152"

    with pytest.raises(ConfigError, match="BACKBONE is 'resnet152'; there are resnet50"):
        modellib.MaskRCNN("inference", Custom(), "logs")


def test_anchors_are_normalized_and_kept_in_pixels(model: modellib.MaskRCNN):
    anchors = model.get_anchors((128, 128, 3))
    assert anchors.dtype == np.float32
    assert anchors.shape == model.anchors.shape
    assert np.array_equal(anchors, utils.norm_boxes(model.anchors, (128, 128)))


def test_anchors_are_those_of_what_was_seen_last(model: modellib.MaskRCNN):
    model.detect([photo(64, 64)])
    anchors = model.anchors
    assert anchors.shape == (4092, 4)
    assert anchors is model.anchors
    model.get_anchors((64, 64, 3))
    assert model.anchors.shape == (1023, 4)
    molded, metas, _ = model.mold_inputs([photo(64, 64)])
    model.detect_molded(molded, metas)
    assert np.array_equal(model.anchors, anchors)


def test_model_has_anchors_once_it_knows_a_size():
    assert modellib.MaskRCNN("inference", TinyConfig(), "logs").anchors is None
    assert modellib.MaskRCNN("training", TinyConfig(), "logs").anchors.shape == (4092, 4)


def test_mean_is_subtracted_and_added():
    config = TinyConfig()
    image = photo(8, 8)
    molded = modellib.mold_image(image, config)
    assert molded.dtype == np.float32
    assert np.allclose(molded[0, 0], image[0, 0] - config.MEAN_PIXEL, atol=1e-4)
    assert np.array_equal(modellib.unmold_image(molded, config), image)


def test_backbone_shapes_are_those_of_the_pyramid():
    shapes = modellib.compute_backbone_shapes(TinyConfig(), (128, 64, 3))
    assert shapes.tolist() == [[32, 16], [16, 8], [8, 4], [4, 2], [2, 1]]


class Squares(utils.Dataset):
    """One picture with a square, and an instance too thin to be seen once it is shrunk."""

    def load(self) -> None:
        self.add_class("squares", 1, "square")
        self.add_class("others", 1, "other")
        self.add_image("squares", 0, path=None)
        self.prepare()

    def load_image(self, image_id: int) -> np.ndarray:
        return np.full((256, 128, 3), 9, np.uint8)

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        masks = np.zeros((256, 128, 2), bool)
        masks[64:128, 32:96, 0] = True
        return masks, np.array([1, 1], np.int32)


@pytest.mark.parametrize("mini", [False, True], ids=["full", "mini"])
def test_truth_of_a_picture_comes_in_the_frame_of_the_network(mini: bool):
    dataset = Squares()
    dataset.load()
    image, meta, class_ids, boxes, masks = modellib.load_image_gt(
        dataset, TinyConfig(), 0, use_mini_mask=mini
    )
    assert image.shape == (128, 128, 3)
    assert class_ids.tolist() == [1]
    assert boxes.tolist() == [[32, 48, 64, 80]]
    assert masks.shape == ((56, 56, 1) if mini else (128, 128, 1))
    parsed = modellib.parse_image_meta(meta[None])
    assert parsed["window"].tolist() == [[0, 32, 128, 96]]
    assert parsed["active_class_ids"].tolist() == [[1, 1, 0]]


def test_mirrored_truth_stays_together(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("random.random", lambda: 0.0)
    dataset = Squares()
    dataset.load()
    truth = modellib.load_image_gt(dataset, TinyConfig(), 0, augment=True)
    assert truth[3].tolist() == [[32, 48, 64, 80]]
    with pytest.raises(NotImplementedError, match="augmentation"):
        modellib.load_image_gt(dataset, TinyConfig(), 0, augmentation=object())


def test_log_shows_shape_extremes_and_type(capsys):
    modellib.log("image", np.array([[1.5, 2.5]]))
    modellib.log("masks", np.zeros((0, 4), bool))
    shown = capsys.readouterr().out
    assert "(1, 2)" in shown
    assert "1.50000" in shown
    assert "float64" in shown
    assert "(0, 4)" in shown

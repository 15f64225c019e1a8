"""Reading weight files: every way that they were saved in, and a clear line for what is none."""

from __future__ import annotations

import os
import string
from pathlib import Path

import h5py
import numpy as np
import pytest

from mrcnn.architecture import BACKBONES
from mrcnn.weights import (
    Array,
    WeightFile,
    WeightFileError,
    fold,
    looks_like_mask_rcnn,
    mismatches,
    norm_of,
)
from tests.mrcnn.tiny import ARCHITECTURE, Groups, changed, read_groups, write_groups


def test_architecture_is_worked_out_from_names_and_shapes(tiny_file: Path):
    assert WeightFile.open(tiny_file).architecture == ARCHITECTURE


@pytest.mark.parametrize("backbone", ["resnet50", "resnet101"])
def test_backbone_follows_from_the_blocks_of_stage_4(backbone: str):
    spec = BACKBONES[backbone]
    shapes = {"conv1": (7, 7, 3, 64), "fpn_c5p5": (1, 1, 2048, 256)}
    for stage, count, width in zip((2, 3, 4, 5), spec.blocks, spec.widths, strict=True):
        for letter in string.ascii_lowercase[:count]:
            shapes[f"res{stage}{letter}_branch2a"] = (1, 1, 256, width)
    shapes["rpn_conv_shared"] = (3, 3, 256, 512)
    shapes["rpn_class_raw"] = (1, 1, 512, 6)
    shapes["mrcnn_class_conv1"] = (7, 7, 256, 1024)
    shapes["mrcnn_class_logits"] = (1024, 81)
    shapes["mrcnn_mask_conv1"] = (3, 3, 256, 256)
    layers = {
        name: [Array("kernel:0", f"/{name}/kernel:0", shape, "float32")]
        for name, shape in shapes.items()
    }
    architecture = WeightFile(Path("some.h5"), layers).architecture
    assert (architecture.backbone, architecture.num_classes) == (backbone, 81)
    assert architecture.anchors_per_location == 3


def test_unknown_backbone_is_described(tiny_file: Path, tmp_path: Path):
    def drop(groups: Groups) -> None:
        for branch in ("2a", "2b", "2c"):
            del groups[f"res4b_branch{branch}"]

    path = changed(tiny_file, tmp_path / "odd.h5", drop)
    with pytest.raises(WeightFileError, match=r"odd.h5: no known backbone has \[2, 2, 1, 2\]"):
        WeightFile.open(path)


@pytest.mark.parametrize(
    "saved",
    [
        pytest.param({"root": "model_weights"}, id="whole model"),
        pytest.param({"chunks": 3}, id="names in chunks"),
        pytest.param({"root": "model_weights", "chunks": 2}, id="whole model, names in chunks"),
    ],
)
def test_every_way_of_saving_reads_the_same(tiny_file: Path, tmp_path: Path, saved: dict):
    path = write_groups(tmp_path / "other.h5", read_groups(tiny_file), **saved)
    shapes = {
        layer: [(a.name, a.shape) for a in arrays]
        for layer, arrays in WeightFile.open(path).layers.items()
    }
    assert shapes == {
        layer: [(a.name, a.shape) for a in arrays]
        for layer, arrays in WeightFile.open(tiny_file).layers.items()
    }
    assert looks_like_mask_rcnn(path)


def test_layers_may_come_in_any_order(tiny_file: Path, tmp_path: Path):
    groups = read_groups(tiny_file)
    path = write_groups(tmp_path / "back.h5", dict(reversed(groups.items())))
    assert WeightFile.open(path).architecture == ARCHITECTURE


def test_layers_without_weights_are_left_out(tiny_file: Path, tmp_path: Path):
    path = changed(tiny_file, tmp_path / "more.h5", lambda groups: groups.update(ROI=[]))
    assert "ROI" not in WeightFile.open(path).layers


def test_anchors_of_a_checkpoint_are_no_part_of_the_network(tiny_file: Path, tmp_path: Path):
    anchors = [("anchors/Variable:0", np.zeros((1, 9, 4), np.float32))]
    path = changed(tiny_file, tmp_path / "ck.h5", lambda groups: groups.update(anchors=anchors))
    assert WeightFile.open(path).layers.keys() == WeightFile.open(tiny_file).layers.keys()


@pytest.mark.parametrize("prefix", ["", "rpn_model/"], ids=["plain", "nested name"])
def test_region_proposal_model_is_taken_apart(tiny_file: Path, tmp_path: Path, prefix: str):
    def rename(groups: Groups) -> None:
        groups["rpn_model"] = [(prefix + name, array) for name, array in groups["rpn_model"]]

    layers = WeightFile.open(changed(tiny_file, tmp_path / "rpn.h5", rename)).layers
    assert "rpn_model" not in layers
    assert [a.shape for a in layers["rpn_class_raw"]] == [(1, 1, 16, 6), (6,)]


def test_parameters_are_counted(tiny_file: Path):
    arrays = [array for group in read_groups(tiny_file).values() for _, array in group]
    assert WeightFile.open(tiny_file).parameter_count == sum(array.size for array in arrays)


def _no_file(path: Path, tiny: Path) -> None:
    pass


def _text(path: Path, tiny: Path) -> None:
    path.write_text("<html>404</html>")


def _empty(path: Path, tiny: Path) -> None:
    path.touch()


def _truncated(path: Path, tiny: Path) -> None:
    path.write_bytes(tiny.read_bytes()[: tiny.stat().st_size // 2])


def _folder(path: Path, tiny: Path) -> None:
    path.mkdir()


def _pipe(path: Path, tiny: Path) -> None:
    os.mkfifo(path)


def _bare_hdf5(path: Path, tiny: Path) -> None:
    with h5py.File(path, "w") as file:
        file["numbers"] = np.zeros(3)


def _classifier(path: Path, tiny: Path) -> None:
    dense = [("dense/kernel:0", np.zeros((4, 2), np.float32))]
    write_groups(path, {"conv1": dense, "predictions": dense})


def _lost_array(path: Path, tiny: Path) -> None:
    write_groups(path, read_groups(tiny))
    with h5py.File(path, "a") as file:
        del file["conv1/conv1/kernel:0"]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        pytest.param(_no_file, "there is no such file", id="missing"),
        pytest.param(_folder, "is a folder; name the .h5 file in it", id="folder"),
        pytest.param(_pipe, "is no regular file", id="pipe"),
        pytest.param(_text, "not an HDF5 file", id="not HDF5"),
        pytest.param(_empty, "not an HDF5 file", id="empty"),
        pytest.param(_truncated, "cut off", id="truncated"),
        pytest.param(_bare_hdf5, "not one of Keras weights", id="other HDF5"),
        pytest.param(_classifier, "not a Matterport Mask R-CNN", id="other network"),
        pytest.param(_lost_array, "no array conv1/conv1/kernel:0", id="array lost"),
    ],
)
def test_what_is_no_weight_file_gets_one_clear_line(make, told: str, tiny_file: Path, tmp_path):
    path = tmp_path / "model.h5"
    make(path, tiny_file)
    with pytest.raises(WeightFileError, match=told) as caught:
        WeightFile.open(path)
    assert "\n" not in str(caught.value)
    assert "model.h5" in str(caught.value)


@pytest.mark.parametrize("missing", [1, 1000, "half"], ids=str)
def test_a_file_that_was_cut_off_says_how_much_of_it_is_there(
    missing: int | str, tiny_file: Path, tmp_path: Path
):
    whole = tiny_file.read_bytes()
    there = len(whole) // 2 if isinstance(missing, str) else len(whole) - missing
    path = tmp_path / "model.h5"
    path.write_bytes(whole[:there])
    with pytest.raises(WeightFileError) as caught:
        WeightFile.open(path)
    told = f"cut off: {there:,} of {len(whole):,} bytes are there; copy it again"
    assert str(caught.value) == f"model.h5: {told}"


def test_a_name_that_the_system_refuses_is_one_line(tmp_path: Path):
    path = tmp_path / ("x" * 300)
    with pytest.raises(WeightFileError, match="cannot be read: File name too long"):
        WeightFile.open(path)


@pytest.mark.parametrize("make", [_no_file, _text, _empty, _truncated, _bare_hdf5, _classifier])
def test_looking_never_raises(make, tiny_file: Path, tmp_path: Path):
    path = tmp_path / "model.h5"
    make(path, tiny_file)
    assert not looks_like_mask_rcnn(path)
    assert not looks_like_mask_rcnn(tmp_path)


def test_folding_gives_what_the_normalization_gave():
    random = np.random.default_rng(1)
    kernel, bias = random.normal(size=(6, 4)), random.normal(size=4)
    gamma, beta, mean, variance = random.uniform(0.5, 2, (4, 4))
    x = random.normal(size=(10, 6))
    y = (x @ kernel + bias - mean) / np.sqrt(variance + 1e-3) * gamma + beta
    folded_kernel, folded_bias = fold([kernel, bias], [gamma, beta, mean, variance], 1e-3)
    assert folded_kernel.dtype == np.float32
    assert np.abs(x @ folded_kernel + folded_bias - y).max() < 1e-5


@pytest.mark.parametrize(
    ("layer", "norm"),
    [
        pytest.param("conv1", "bn_conv1", id="stem"),
        pytest.param("res2a_branch2b", "bn2a_branch2b", id="block"),
        pytest.param("res5a_branch1", "bn5a_branch1", id="shortcut"),
        pytest.param("mrcnn_class_conv2", "mrcnn_class_bn2", id="class head"),
        pytest.param("mrcnn_mask_conv4", "mrcnn_mask_bn4", id="mask head"),
        pytest.param("mrcnn_mask_deconv", None, id="transposed"),
        pytest.param("fpn_c5p5", None, id="pyramid"),
        pytest.param("mrcnn_bbox_fc", None, id="dense"),
    ],
)
def test_normalization_is_found_by_name(layer: str, norm: str | None):
    assert norm_of(layer) == norm


def test_mismatches_tell_what_stands_on_each_side():
    have = {"a": [(1, 2), (2,)], "extra": [(3,)]}
    want = {"a": [(1, 4), (4,)], "missing": [(5,)]}
    assert [str(m) for m in mismatches(have, want)] == [
        "a: file has (1, 2) (2,), network wants (1, 4) (4,)",
        "missing: file has nothing, network wants (5,)",
        "extra: file has (3,), network wants nothing",
    ]

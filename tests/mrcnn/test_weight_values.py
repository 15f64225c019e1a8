"""Weight files that hold no network's numbers are refused, their layer named, not served."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from mrcnn.weights import WeightFile, WeightFileError, looks_like_mask_rcnn
from tests.mrcnn.tiny import read_groups, write_groups

Damage = Callable[[h5py.File], object]
KERNEL, VARIANCE = "conv1/conv1/kernel:0", "bn_conv1/bn_conv1/moving_variance:0"
HEAD = "mrcnn_class_logits/mrcnn_class_logits/kernel:0"


def damaged(tiny: Path, folder: Path, damage: Damage) -> Path:
    path = folder / "odd.h5"
    shutil.copy(tiny, path)
    with h5py.File(path, "a") as file:
        damage(file)
    return path


def read(path: Path) -> None:
    file = WeightFile.open(path)
    with file.reading() as arrays_of:
        for layer in file.layers:
            arrays_of(layer)


def put(path: str, index: Any, value: float) -> Damage:
    """Return a damage that sets some numbers of an array."""

    def damage(file: h5py.File) -> None:
        file[path][index] = value

    return damage


def replaced(path: str, **data: Any) -> Damage:
    """Return a damage that writes another array in an array's place."""

    def damage(file: h5py.File) -> None:
        del file[path]
        file.create_dataset(path, **data)

    return damage


def _as_halves(file: h5py.File) -> None:
    kernel = file[KERNEL][()].astype(np.float16)
    kernel[0, 0, 0, 0] = np.float16(1e9)
    replaced(KERNEL, data=kernel)(file)


@pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")
@pytest.mark.parametrize(
    ("damage", "told"),
    [
        pytest.param(
            put(HEAD, (0, slice(0, 3)), np.nan),
            "layer mrcnn_class_logits: mrcnn_class_logits/kernel:0 holds 3 NaN and 0 infinite "
            "among 160 numbers: training had diverged",
            id="NaN",
        ),
        pytest.param(
            put(KERNEL, (0, 0, 0, 0), -np.inf),
            "layer conv1: conv1/kernel:0 holds 0 NaN and 1 infinite among 2,352 numbers",
            id="infinity",
        ),
        pytest.param(
            put("rpn_model/rpn_bbox_pred/bias:0", 2, np.nan),
            "layer rpn_bbox_pred: rpn_bbox_pred/bias:0 holds 1 NaN",
            id="in a nested model",
        ),
        pytest.param(
            put("bn_conv1/bn_conv1/moving_mean:0", 0, np.nan),
            "layer bn_conv1: bn_conv1/moving_mean:0 holds 1 NaN",
            id="in a statistic",
        ),
        pytest.param(_as_halves, "holds 0 NaN and 1 infinite", id="beyond float16"),
        pytest.param(
            replaced(KERNEL, data=np.full((7, 7, 3, 16), 1e200)),
            "holds 0 NaN and 2,352 infinite",
            id="beyond float32",
        ),
        pytest.param(
            put(VARIANCE, 3, -0.25),
            "layer bn_conv1: bn_conv1/moving_variance:0 holds -0.25; no variance is negative",
            id="negative variance",
        ),
        pytest.param(
            put(KERNEL, ..., 0),
            "layer conv1: conv1/kernel:0 is all zeros: the file is damaged, or never was trained",
            id="zeros",
        ),
        pytest.param(
            replaced(KERNEL, shape=(7, 7, 3, 16), dtype="f4"),
            "layer conv1: conv1/kernel:0 was never written: the file has 0 bytes of it",
            id="never written",
        ),
    ],
)
def test_numbers_that_give_no_answer_are_refused(
    damage: Damage, told: str, tiny_file: Path, tmp_path: Path
):
    path = damaged(tiny_file, tmp_path, damage)
    with pytest.raises(WeightFileError) as caught:
        read(path)
    assert told in str(caught.value)
    assert str(caught.value).startswith("odd.h5: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        pytest.param(
            replaced(KERNEL, data=np.ones((7, 7, 3, 16), np.int32)),
            "layer conv1: conv1/kernel:0 holds int32 values; weights are float16, 32 or 64",
            id="whole numbers",
        ),
        pytest.param(
            replaced(KERNEL, data=np.ones((7, 7, 3, 16), complex)), "complex128", id="complex"
        ),
        pytest.param(replaced(KERNEL, data=np.full((7, 7), b"abc")), "holds |S3", id="texts"),
        pytest.param(
            replaced(KERNEL, data=np.full((7, 7), "abc", h5py.string_dtype())), "object", id="refs"
        ),
        pytest.param(
            replaced(KERNEL, data=np.ones((7, 7, 0, 16), np.float32)),
            "layer conv1: conv1/kernel:0 is empty: its shape is (7, 7, 0, 16)",
            id="empty",
        ),
        pytest.param(replaced(KERNEL, data=h5py.Empty("f4")), "kernel:0 is empty", id="no array"),
        pytest.param(
            replaced(KERNEL, data=np.float32(3)),
            "layer conv1: its first array has the shape (); a kernel of 4 dimensions is wanted",
            id="one number",
        ),
        pytest.param(
            replaced(HEAD, data=np.ones((1, 1, 32, 5), np.float32)),
            "layer mrcnn_class_logits: its first array has the shape (1, 1, 32, 5); a kernel of 2",
            id="another kind of layer",
        ),
        pytest.param(
            lambda file: file.attrs.create("layer_names", 5), "truncated or damaged", id="no names"
        ),
    ],
)
def test_arrays_that_are_no_weights_are_refused_before_they_are_read(
    damage: Damage, told: str, tiny_file: Path, tmp_path: Path
):
    path = damaged(tiny_file, tmp_path, damage)
    with pytest.raises(WeightFileError) as caught:
        WeightFile.open(path)
    assert told in str(caught.value)
    assert str(caught.value).startswith("odd.h5: ")
    assert "\n" not in str(caught.value)
    looks_like_mask_rcnn(path)  # never raises


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Return a file beside the weights, which is not theirs to read."""
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["kernel"] = np.ones((7, 7, 3, 16), np.float32)
    return path


def _link(file: h5py.File, other: Path) -> None:
    del file[KERNEL]
    file[KERNEL] = h5py.ExternalLink(str(other), "kernel")


def _link_of_a_layer(file: h5py.File, other: Path) -> None:
    del file["conv1"]
    file["conv1"] = h5py.ExternalLink(str(other), "/")


def _link_inside(file: h5py.File, other: Path) -> None:
    file["outside"] = h5py.ExternalLink(str(other), "/")
    del file[KERNEL]
    file[KERNEL] = h5py.SoftLink("/outside/kernel")


def _raw_storage(file: h5py.File, other: Path) -> None:
    del file[KERNEL]
    file.create_dataset(KERNEL, (7, 7, 3, 16), "f4", external=[(str(other), 0, 9408)])


def _virtual(file: h5py.File, other: Path) -> None:
    layout = h5py.VirtualLayout((7, 7, 3, 16), "f4")
    layout[...] = h5py.VirtualSource(str(other), "kernel", (7, 7, 3, 16))
    del file[KERNEL]
    file.create_virtual_dataset(KERNEL, layout)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        pytest.param(_link, "conv1/conv1/kernel:0 is a link", id="link to an array"),
        pytest.param(_link_of_a_layer, "conv1 is a link", id="link to a layer"),
        pytest.param(_link_inside, "conv1/conv1/kernel:0 is a link", id="link by way of the file"),
        pytest.param(_raw_storage, "kernel:0 lies in another file", id="raw bytes elsewhere"),
        pytest.param(_virtual, "kernel:0 lies in another file", id="virtual array"),
    ],
)
def test_no_array_is_taken_from_another_file(
    damage, told: str, other: Path, tiny_file: Path, tmp_path: Path
):
    path = damaged(tiny_file, tmp_path, lambda file: damage(file, other))
    with pytest.raises(WeightFileError) as caught:
        WeightFile.open(path)
    assert f"odd.h5: {told}" in str(caught.value) or f": conv1/{told}" in str(caught.value)


def test_file_that_is_only_a_link_to_weights_is_not_recognised(tiny_file: Path, tmp_path: Path):
    path = tmp_path / "odd.h5"
    with h5py.File(path, "w") as file:
        file["model_weights"] = h5py.ExternalLink(str(tiny_file), "/")
    assert not looks_like_mask_rcnn(path)
    with pytest.raises(WeightFileError, match=r"odd\.h5: model_weights is a link"):
        WeightFile.open(path)


def test_rounding_may_bring_a_variance_below_zero(tiny_file: Path, tmp_path: Path):
    read(damaged(tiny_file, tmp_path, put(VARIANCE, 3, -1e-7)))


@pytest.mark.parametrize("dtype", [np.float16, np.float64], ids=["halves", "doubles"])
def test_floats_of_any_width_are_weights(dtype: type, tiny_file: Path, tmp_path: Path):
    groups = {
        group: [(name, array.astype(dtype)) for name, array in arrays]
        for group, arrays in read_groups(tiny_file).items()
    }
    read(write_groups(tmp_path / "odd.h5", groups))

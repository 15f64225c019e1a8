"""The folders of training runs, as `find_last`, `set_log_dir` and `load_weights` know them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import mrcnn.model as modellib
from tests.mrcnn.tiny_script import TinyConfig


def test_new_run_is_named_for_the_config_and_the_minute(tmp_path: Path):
    model = modellib.MaskRCNN("training", TinyConfig(), tmp_path / "logs")
    folder = re.escape(str(tmp_path / "logs"))
    assert re.fullmatch(folder + r"/tiny\d{8}T\d{4}", model.log_dir)
    assert model.checkpoint_path == f"{model.log_dir}/mask_rcnn_tiny_{{epoch:04d}}.h5"
    assert model.checkpoint_path.format(epoch=7).endswith("mask_rcnn_tiny_0007.h5")
    assert model.epoch == 0
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize("separator", ["/", "\\"], ids=["Linux", "Windows"])
def test_checkpoint_takes_up_its_run(tmp_path: Path, capsys, separator: str):
    model = modellib.MaskRCNN("training", TinyConfig(), tmp_path)
    model.set_log_dir(separator.join(["", "x", "tiny20171029T2315", "mask_rcnn_tiny_0012.h5"]))
    assert model.log_dir == str(tmp_path / "tiny20171029T2315")
    assert model.epoch == 12
    assert "Re-starting from epoch 12" in capsys.readouterr().out
    model.set_log_dir()
    assert model.epoch == 0
    assert model.log_dir != str(tmp_path / "tiny20171029T2315")


@pytest.mark.parametrize(
    "path",
    ["mask_rcnn_coco.h5", "/x/tiny20171029T2315/other_0012.h5", "/x/tiny2017/mask_rcnn_a_0012.h5"],
)
def test_other_weights_begin_a_run(tmp_path: Path, path: str):
    model = modellib.MaskRCNN("training", TinyConfig(), tmp_path)
    model.set_log_dir(path)
    assert model.epoch == 0
    assert not model.log_dir.endswith("tiny20171029T2315")


def test_loading_the_last_checkpoint_goes_on_with_its_run(tiny_file: Path, tmp_path: Path):
    run = tmp_path / "tiny20190203T1200"
    run.mkdir()
    shutil.copy(tiny_file, run / "mask_rcnn_tiny_0003.h5")
    model = modellib.MaskRCNN("inference", TinyConfig(), tmp_path)
    model.load_weights(model.find_last(), by_name=True)
    assert (model.epoch, model.log_dir) == (3, str(run))

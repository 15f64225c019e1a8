"""What runs a network where nothing is wished for."""

from __future__ import annotations

from pathlib import Path

import pytest

from mrcnn.config import Config
from mrcnn.programs import choice
from mrcnn.programs.choice import choose


@pytest.mark.parametrize(
    ("shown", "program"),
    [
        pytest.param(None, "tensorflow", id="a GPU"),
        pytest.param("1", "tensorflow", id="one of several"),
        pytest.param("-1", "openvino", id="a hidden one"),
        pytest.param("", "openvino", id="none shown"),
    ],
)
def test_where_there_is_a_gpu_tensorflow_runs_on_it(
    shown: str | None, program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    driver = tmp_path / "nvidiactl"
    driver.touch()
    monkeypatch.setattr(choice, "_DRIVER", driver)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if shown is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", shown)
    chosen = choose(tmp_path / "street.h5", Config())
    assert (chosen.program, chosen.form) == (program, None)
    told = choose(tmp_path / "street.h5", Config(), program="openvino")
    assert told.program == "openvino"

"""What runs a network where nothing is wished for."""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import Any

import pytest

from mrcnn.config import Config
from mrcnn.forms import FormError, digest_of, form_path, write_form
from mrcnn.programs import choice, cpu
from mrcnn.programs.choice import Frames, Wishes, choose

NEAR, FAR = ({"is_near": is_near, "told": f"near: {is_near}"} for is_near in (True, False))
# As /proc/cpuinfo has them of a Haswell, a Skylake, a Cascade Lake, a Zen 4 and a Graviton 3.
HASWELL, SKYLAKE, CASCADE_LAKE = "avx2", "avx2 avx512f", "avx2 avx512f avx512_vnni"
ZEN4 = "avx2 avx512f avx512_vnni avx512_bf16"
GRAVITON = "fp asimd asimddp i8mm bf16"


@pytest.fixture(autouse=True)
def _no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    monkeypatch.delenv("DNNL_MAX_CPU_ISA", raising=False)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Return what stands for a weight file: only its digest is looked at."""
    path = tmp_path / "street.h5"
    path.write_bytes(b"weights")
    return path


def processor(monkeypatch: pytest.MonkeyPatch, folder: Path, features: str) -> None:
    """Have the machine tell these of its processor."""
    is_arm = features == GRAVITON
    told = folder / "cpuinfo"
    told.write_text(f"processor : 0\n{'Features' if is_arm else 'flags'} : fpu {features}\n\n" * 2)
    monkeypatch.setattr(cpu, "_FACTS", told)
    monkeypatch.setattr(platform, "machine", lambda: "aarch64" if is_arm else "x86_64")


def write(weights: Path, config: Config, **facts: Any) -> None:
    """Write a form of the weights that says so of itself."""
    of = digest_of(weights, config)
    write_form(form_path(weights, "int8"), b"", b"", {"of": of, **NEAR, **facts})


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
    told = choose(tmp_path / "street.h5", Config(), Wishes(program="openvino"))
    assert told.program == "openvino"
    monkeypatch.setitem(sys.modules, "tensorflow", None)  # It is not installed.
    assert choose(tmp_path / "street.h5", Config()).program == "openvino"


@pytest.mark.parametrize(
    ("features", "limit", "facts", "precision"),
    [
        pytest.param(CASCADE_LAKE, "", {}, "int8", id="VNNI"),
        pytest.param(GRAVITON, "", {}, "int8", id="ARM's dot products"),
        pytest.param(HASWELL, "", {}, "f32", id="judged where eight bits are added exactly"),
        pytest.param(ZEN4, "AVX512_CORE", {}, "f32", id="VNNI switched off"),
        pytest.param(SKYLAKE, "", {"is_exact": False}, "int8", id="judged without VNNI"),
        pytest.param(ZEN4, "", {"is_exact": False}, "int8", id="judged without, run with it"),
        pytest.param(ZEN4, "", {**FAR, "bf16": NEAR}, "bf16", id="eight bits too far"),
        pytest.param(ZEN4, "", {**FAR, "bf16": FAR}, "f32", id="both too far"),
        pytest.param(ZEN4, "", FAR, "f32", id="bfloat16 not judged"),
        pytest.param(ZEN4, "avx512_core_vnni", {**FAR, "bf16": NEAR}, "f32", id="switched off"),
        pytest.param(CASCADE_LAKE, "", {**FAR, "bf16": NEAR}, "f32", id="no bfloat16"),
        pytest.param(GRAVITON, "", {**FAR, "bf16": NEAR}, "f32", id="no bfloat16 on ARM"),
    ],
)
def test_the_fastest_form_that_is_near_on_this_processor_runs(
    features: str,
    limit: str,
    facts: dict[str, Any],
    precision: str,
    weights: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    processor(monkeypatch, weights.parent, features)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
    write(weights, Config(), **facts)
    chosen = choose(weights, Config())
    assert (chosen.program, chosen.precision) == ("openvino", precision)
    assert (chosen.form is not None) == (precision == "int8")


@pytest.mark.parametrize(
    ("tight", "frames", "is_tight"),
    [
        pytest.param({"int8": NEAR}, "auto", True, id="near"),
        pytest.param({"int8": FAR}, "auto", False, id="far"),
        pytest.param({"f32": NEAR}, "auto", False, id="of another precision"),
        pytest.param({}, "auto", False, id="not judged"),
        pytest.param({"int8": FAR}, "tight", True, id="far and asked for"),
        pytest.param({"int8": NEAR}, "trained", False, id="near and not wanted"),
    ],
)
def test_padding_is_left_out_where_answers_stay_near_without_it(
    tight: dict[str, Any],
    frames: Frames,
    is_tight: bool,
    weights: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    processor(monkeypatch, weights.parent, CASCADE_LAKE)
    write(weights, Config(), tight=tight)
    chosen = choose(weights, Config(), Wishes(frames=frames))
    assert (chosen.precision, chosen.is_tight) == ("int8", is_tight)


def test_a_network_that_pads_to_no_square_has_no_padding_to_leave_out(weights: Path):
    class Padded(Config):
        IMAGE_RESIZE_MODE = "pad64"

    write(weights, Padded(), tight={"int8": NEAR})
    assert not choose(weights, Padded()).is_tight
    with pytest.raises(FormError, match=r"resize is 'tight' and IMAGE_RESIZE_MODE 'pad64': "):
        choose(weights, Padded(), Wishes(frames="tight"))


def test_bfloat16_is_refused_where_a_processor_has_none(
    weights: Path, monkeypatch: pytest.MonkeyPatch
):
    processor(monkeypatch, weights.parent, CASCADE_LAKE)
    with pytest.raises(FormError, match="precision is 'bf16', and this processor has no bfloat16"):
        choose(weights, Config(), Wishes(precision="bf16"))


@pytest.mark.parametrize("facts", [{"bf16": 1}, {"tight": [1]}, {"tight": {"int8": {}}}])
def test_a_form_whose_facts_are_none_is_told_as_damaged(facts: dict[str, Any], weights: Path):
    write(weights, Config(), **facts)
    chosen = choose(weights, Config())
    assert chosen.form is None
    assert chosen.reason.startswith("street.int8.openvino is damaged: ")

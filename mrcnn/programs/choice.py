"""Which program runs a network, in which precision, and why that one. No framework is imported."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, NamedTuple

from mrcnn.config import Config
from mrcnn.forms import Form, FormError, digest_of, form_path, read_form

ProgramName = Literal["auto", "tensorflow", "openvino"]
Precision = Literal["auto", "f32", "int8"]

_MADE_BY = "slipway quantize makes it"
#: Where a driver of NVIDIA's is, a container that was given a GPU included.
_DRIVER = Path("/dev/nvidiactl")


class Choice(NamedTuple):
    """What runs."""

    program: Literal["tensorflow", "openvino"]
    form: Form | None  # int8, or else float32
    reason: str


def choose(
    weights: Path,
    config: Config,
    *,
    program: ProgramName = "auto",
    precision: Precision = "auto",
    allow_partial: bool = False,
) -> Choice:
    """Choose what runs a weight file.

    By itself it is TensorFlow where there is a GPU, which it alone uses. Else OpenVINO: in eight
    bits where such a form lies beside the file, was made of it and of these settings, and answers
    nearly as it does; in float32 where not.

    Args:
        program, precision: what is wanted; "auto" leaves it open.
        allow_partial: layers that the file lacks start from random numbers, in TensorFlow alone.

    Raises FormError where what is wanted cannot be had, or OSError.
    """
    check_wishes(program, precision, allow_partial=allow_partial)
    rest: Literal["tensorflow", "openvino"] = "openvino"
    if program == "tensorflow" or allow_partial or (program == "auto" and has_gpu()):
        rest = "tensorflow"
    if precision == "f32":
        return Choice(rest, None, "precision is 'f32'")
    if rest == "tensorflow" and precision == "auto":
        is_told = program == "tensorflow" or allow_partial
        told = "TensorFlow runs float32 alone"
        return Choice(rest, None, told if is_told else f"a GPU is there, and {told}")
    form, fault = _usable(form_path(weights, "int8"), weights, config)
    if form is not None and (form.is_near or precision == "int8"):
        return Choice("openvino", form, form.told)
    if form is not None:
        return Choice(rest, None, f"{form.path.name} is too far from the weights: {form.told}")
    if precision == "int8":
        raise FormError(f"precision is 'int8', and {fault}; {_MADE_BY}")
    return Choice(rest, None, fault)


def has_gpu() -> bool:
    """Say whether TensorFlow may find a GPU: there is a driver, and none is hidden from it."""
    shown = os.environ.get("CUDA_VISIBLE_DEVICES", "all")
    return shown not in ("", "-1", "NoDevFiles") and _DRIVER.exists()


def check_wishes(program: ProgramName, precision: Precision, *, allow_partial: bool) -> None:
    """Raise FormError for wishes that contradict each other."""
    if allow_partial and program == "openvino":
        raise FormError(
            "allow_partial is true and program is 'openvino': layers that the file lacks start "
            "from random numbers in TensorFlow alone; leave one of the two out"
        )
    if precision == "int8" and (allow_partial or program == "tensorflow"):
        other = "allow_partial is true" if allow_partial else "program is 'tensorflow'"
        raise FormError(f"precision is 'int8' and {other}: OpenVINO alone runs int8")


def _usable(path: Path, weights: Path, config: Config) -> tuple[Form | None, str]:
    """Return the form of these weights and settings, or why there is none; raises OSError."""
    try:
        form = read_form(path)
    except FormError as error:
        return None, str(error)
    if form is None:
        return None, f"there is no {path.name}"
    if form.of != digest_of(weights, config):
        return None, f"{path.name} is of other weights or settings than these"
    return form, ""

"""Which program runs a network, in which precision, and why that one. No framework is imported."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Literal, NamedTuple

from mrcnn.config import Config
from mrcnn.forms import Form, FormError, digest_of, form_path, read_form
from mrcnn.programs.cpu import adds_eight_bits_exactly, has_bfloat16

ProgramName = Literal["auto", "tensorflow", "openvino"]
Precision = Literal["auto", "f32", "bf16", "int8"]
#: How much padding a picture gets: as the network was trained, or as little as it can have.
Frames = Literal["auto", "trained", "tight"]

_MADE_BY = "slipway quantize makes it"
#: Where a driver of NVIDIA's is, a container that was given a GPU included.
_DRIVER = Path("/dev/nvidiactl")


class Wishes(NamedTuple):
    """What is asked for; "auto" leaves it open.

    With `allow_partial` layers that the file lacks start from random numbers, in TensorFlow alone.
    """

    program: ProgramName = "auto"
    precision: Precision = "auto"
    frames: Frames = "auto"
    allow_partial: bool = False

    def check(self, config: Config) -> None:
        """Raise FormError for wishes that contradict each other, or the settings."""
        if self.allow_partial and self.program == "openvino":
            raise FormError(
                "allow_partial is true and program is 'openvino': layers that the file lacks start "
                "from random numbers in TensorFlow alone; leave one of the two out"
            )
        if self.precision in ("int8", "bf16") and (
            self.allow_partial or self.program == "tensorflow"
        ):
            other = "allow_partial is true" if self.allow_partial else "program is 'tensorflow'"
            raise FormError(
                f"precision is {self.precision!r} and {other}: OpenVINO alone runs {self.precision}"
            )
        if self.frames == "tight" and config.IMAGE_RESIZE_MODE != "square":
            raise FormError(
                f"resize is 'tight' and IMAGE_RESIZE_MODE {config.IMAGE_RESIZE_MODE!r}: it leaves "
                "out padding of a 'square' alone"
            )


class Choice(NamedTuple):
    """What runs."""

    program: Literal["tensorflow", "openvino"]
    precision: Literal["f32", "bf16", "int8"]
    form: Form | None  # of that precision; what the weights themselves are in has none
    reason: str
    is_tight: bool = False
    frames_reason: str = ""


def choose(weights: Path, config: Config, wishes: Wishes | None = None) -> Choice:
    """Choose what runs a weight file.

    By itself it is TensorFlow where there is a GPU, which it alone uses. Else OpenVINO: in eight
    bits where such a form lies beside the file, was made of it and of these settings, and answers
    nearly as it does; in bfloat16 where the form says that this does, and the processor has it; in
    float32 where not. Frames are tight where the form says that answers stay near with them.

    Raises FormError where what is wanted cannot be had, or OSError.
    """
    wishes = wishes or Wishes()
    wishes.check(config)
    rest: Literal["tensorflow", "openvino"] = "openvino"
    is_told = wishes.program == "tensorflow" or wishes.allow_partial
    if is_told or (wishes.program == "auto" and has_gpu()):
        rest = "tensorflow"
    if wishes.precision == "f32":
        return _framed(Choice(rest, "f32", None, "precision is 'f32'"), None, config, wishes)
    if rest == "tensorflow" and wishes.precision == "auto":
        told = "TensorFlow runs float32 alone"
        reason = told if is_told else f"a GPU is there, and {told}"
        return _framed(Choice(rest, "f32", None, reason), None, config, wishes)
    form, fault = usable_form(form_path(weights, "int8"), weights, config)
    chosen = _in_precision(form, fault, rest, wishes.precision)
    return _framed(chosen, form, config, wishes)


def _in_precision(
    form: Form | None,
    fault: str,
    rest: Literal["tensorflow", "openvino"],
    wanted: Precision,
) -> Choice:
    if wanted == "bf16":
        if not has_bfloat16():
            raise FormError("precision is 'bf16', and this processor has no bfloat16")
        return Choice("openvino", "bf16", None, "precision is 'bf16'")
    if form is None:
        if wanted == "int8":
            raise FormError(f"precision is 'int8', and {fault}; {_MADE_BY}")
        return Choice(rest, "f32", None, fault)
    if wanted == "int8":
        return Choice("openvino", "int8", form, form.told)
    if not form.is_near:
        fault = f"{form.path.name} is too far from the weights: {form.told}"
    elif form.is_exact and not adds_eight_bits_exactly():
        fault = (
            f"{form.path.name} was judged on a processor that adds up eight bits exactly, which "
            "this one does not: slipway quantize judges it here"
        )
    else:
        return Choice("openvino", "int8", form, form.told)
    if form.bf16 is not None and form.bf16.is_near and has_bfloat16():
        return Choice("openvino", "bf16", None, f"{fault}; in bfloat16: {form.bf16.told}")
    return Choice(rest, "f32", None, fault)


def _framed(chosen: Choice, form: Form | None, config: Config, wishes: Wishes) -> Choice:
    """Return the choice with the frames that it is to have."""
    if config.IMAGE_RESIZE_MODE != "square":
        told = f"IMAGE_RESIZE_MODE is {config.IMAGE_RESIZE_MODE!r}, which pads to no square"
        return chosen._replace(frames_reason=told)
    if wishes.frames != "auto":
        is_tight = wishes.frames == "tight"
        told = f"resize is {wishes.frames!r}"
        return chosen._replace(is_tight=is_tight, frames_reason=told)
    verdict = None if form is None else form.tight.get(chosen.precision)
    if verdict is None:
        told = f"tight frames were not judged in {chosen.precision}: slipway quantize does it"
        return chosen._replace(frames_reason=told)
    told = verdict.told if verdict.is_near else f"tight frames are too far: {verdict.told}"
    return chosen._replace(is_tight=verdict.is_near, frames_reason=told)


def has_gpu() -> bool:
    """Say whether TensorFlow may find a GPU: it is here, a driver too, and none is hidden."""
    shown = os.environ.get("CUDA_VISIBLE_DEVICES", "all")
    is_shown = shown not in ("", "-1", "NoDevFiles") and _DRIVER.exists()
    return is_shown and importlib.util.find_spec("tensorflow") is not None


def usable_form(path: Path, weights: Path, config: Config) -> tuple[Form | None, str]:
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

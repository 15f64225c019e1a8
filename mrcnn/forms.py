"""Another form of a network than its weight file, kept beside it: what it is of, what it holds.

A form is one file, `<stem>.int8.openvino`: a zip archive, not compressed, of the graph as OpenVINO
writes it and of `form.json`, which says of which weights and settings it is, and how near its
answers are to theirs. No framework is imported here.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.config import Config
from mrcnn.leftovers import partial_path, remove_leftovers

#: Counted up where a graph of before cannot be run as one of now: its inputs or outputs are others.
FORMAT = 1

# What shapes the graph, or the pictures on which it was judged.
_SETTINGS = (
    "BACKBONE_STRIDES",
    "BBOX_STD_DEV",
    "DETECTION_MAX_INSTANCES",
    "DETECTION_NMS_THRESHOLD",
    "IMAGE_MAX_DIM",
    "IMAGE_MIN_DIM",
    "IMAGE_MIN_SCALE",
    "IMAGE_RESIZE_MODE",
    "MASK_POOL_SIZE",
    "MEAN_PIXEL",
    "POST_NMS_ROIS_INFERENCE",
    "PRE_NMS_LIMIT",
    "RPN_ANCHOR_RATIOS",
    "RPN_ANCHOR_SCALES",
    "RPN_ANCHOR_STRIDE",
    "RPN_BBOX_STD_DEV",
    "RPN_NMS_THRESHOLD",
)
_GRAPH, _WEIGHTS, _FACTS = "graph.xml", "graph.bin", "form.json"
_DAMAGES = (zipfile.BadZipFile, KeyError, ValueError, EOFError, NotImplementedError, RuntimeError)


class FormError(ValueError):
    """A form that cannot be used; the message is one line that names the file and says why."""


@dataclass(frozen=True)
class Verdict:
    """Whether answers were near enough to those of the weights; `told` says how, for people."""

    is_near: bool
    told: str


@dataclass(frozen=True)
class Form:
    """A form as it lies on disk, with what was found of others when it was judged.

    Attributes:
        of: what `digest_of` gave for the weights and settings that it was made of.
        is_near: whether its answers were near enough to theirs.
        told: in which way they are or are not, for people.
        is_exact: whether it was judged on a processor that adds up eight bits exactly.
        bf16: what was found of the weights in bfloat16, where that was judged.
        tight: what was found of tight frames, by the precision in which they were judged.
        facts: all that `form.json` says.
    """

    path: Path
    of: str
    is_near: bool
    told: str
    is_exact: bool
    bf16: Verdict | None
    tight: Mapping[str, Verdict]
    facts: Mapping[str, Any]

    def graph(self) -> tuple[bytes, bytes]:
        """Return what OpenVINO reads, the graph and its numbers; raises FormError, or OSError."""
        try:
            with zipfile.ZipFile(self.path) as archive:
                return archive.read(_GRAPH), archive.read(_WEIGHTS)
        except _DAMAGES as error:
            raise FormError(f"{self.path.name} is damaged: {error}") from error


def form_path(weights: Path, precision: str) -> Path:
    """Return where a weight file's form of a precision lies."""
    return weights.with_name(f"{weights.stem}.{precision}.openvino")


def digest_of(weights: Path, config: Config) -> str:
    """Return what changes where a form of these weights and settings has to be made anew.

    Raises OSError.
    """
    settings = {name: np.asarray(getattr(config, name)).tolist() for name in _SETTINGS}
    with weights.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256")
    digest.update(json.dumps(settings, sort_keys=True).encode())
    return digest.hexdigest()


def read_form(path: Path) -> Form | None:
    """Return what a form says of itself, None where there is none; raises FormError, or OSError."""
    if not path.exists():
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            if damaged := archive.testzip():
                raise FormError(f"{path.name} is damaged: {damaged} is not as it was written")
            facts = json.loads(archive.read(_FACTS))
        if facts["format"] != FORMAT:
            raise FormError(
                f"{path.name} is of format {facts['format']}, this release reads {FORMAT}: "
                "slipway quantize makes it anew"
            )
        bf16 = _verdict(facts["bf16"]) if "bf16" in facts else None
        tight = {name: _verdict(told) for name, told in facts.get("tight", {}).items()}
        own, is_exact = _verdict(facts), bool(facts.get("is_exact", True))
        return Form(path, str(facts["of"]), own.is_near, own.told, is_exact, bf16, tight, facts)
    except FormError:
        raise
    except (*_DAMAGES, TypeError, AttributeError) as error:
        raise FormError(f"{path.name} is damaged: {error}") from error


def _verdict(facts: Mapping[str, Any]) -> Verdict:
    return Verdict(bool(facts["is_near"]), str(facts["told"]))


def write_form(path: Path, graph: bytes, numbers: bytes, facts: Mapping[str, Any]) -> None:
    """Write a form, whole or not at all; raises OSError.

    Args:
        facts: what `Form` has of them, and what else is to be known.
    """
    remove_leftovers(path)
    partial = partial_path(path)
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(_FACTS, json.dumps({**facts, "format": FORMAT}, indent=2))
            archive.writestr(_GRAPH, graph)
            archive.writestr(_WEIGHTS, numbers)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)

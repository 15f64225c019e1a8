"""What a `model.yaml` may say of the pictures that a classifier takes, and of its scores."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.kinds.classes import Numbers, Resize
from app.kinds.options import Options, Text

_Side = Annotated[int, Field(ge=1, le=16384)]
_PerChannel = float | Annotated[list[float], Field(min_length=1, max_length=4)]


class InputOption(BaseModel):
    """The size of the pictures, where the file leaves it open."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    height: _Side | None = None
    width: _Side | None = None
    channels: Literal[1, 3, 4] | None = None


class Scaling(BaseModel):
    """`((x * scale + offset) - mean) / std`, of pixels from 0 to 255."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    scale: float = 1.0
    offset: float = 0.0
    mean: _PerChannel = 0.0
    std: _PerChannel = 1.0


class PictureOptions(Options):
    """The options of a kind whose models classify pictures."""

    input: InputOption = Field(
        InputOption(), description="a mapping of height, width and channels (1, 3 or 4)"
    )
    preprocessing: Literal["none", "unit", "tf", "caffe", "torch"] | Scaling | None = Field(
        None,
        description="one of none, unit, tf, caffe and torch, or a mapping of scale, offset, mean "
        "and std",
    )
    outputs: Numbers | None = Field(
        None,
        description="one of probabilities, logits, independent, binary and binary_logit",
    )
    resize: Resize | None = Field(None, description="one of stretch, crop and pad")
    output: Text | None = Field(None, description="the name of an output")

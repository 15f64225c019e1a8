"""The bodies of a prediction's request, beside the picture's own bytes: a form, and JSON.

Parameters stand beside the inputs in both.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from app.api.parameters import PredictParameters
from app.kinds.pictures import MAX_PICTURES, Picture
from app.kinds.values import MOST_INSTANCES

_Value = Annotated[
    Any,
    Field(
        description="Of a model whose `face` is `values`: an object with each input by its name, "
        "or the value alone where there is one input."
    ),
]
_Instances = Annotated[
    list[Picture | _Value],
    Field(
        min_length=1,
        max_length=MOST_INSTANCES,
        description=f"At most {MAX_PICTURES} where they are pictures.",
    ),
]


class OnePicture(PredictParameters):
    """A picture with its parameters, answered by an object."""

    image: Picture


class Instances(PredictParameters):
    """Inputs with parameters that are the same for all, answered by a list."""

    instances: _Instances


class InstancesBeside(BaseModel):
    """Inputs beside an object of parameters, as Vertex AI sends them; answered by a list."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instances: _Instances
    parameters: PredictParameters | None


class PictureForm(PredictParameters):
    """A form with the picture as a file; its other fields are the parameters."""

    image: Annotated[
        bytes, Field(description="The picture's file.", json_schema_extra={"format": "binary"})
    ]

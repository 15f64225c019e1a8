"""The bodies of a prediction's request, beside the picture's own bytes: a form, and JSON.

Parameters stand beside the pictures in both.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from app.api.parameters import PredictParameters
from app.kinds.pictures import MAX_PICTURES, Picture


class OnePicture(PredictParameters):
    """A picture with its parameters, answered by an object."""

    image: Picture


class SeveralPictures(PredictParameters):
    """Pictures with parameters that are the same for all, answered by a list."""

    instances: Annotated[list[Picture], Field(min_length=1, max_length=MAX_PICTURES)]


class Pictures(BaseModel):
    """Pictures beside an object of parameters, as Vertex AI sends them; answered by a list."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instances: Annotated[list[Picture], Field(min_length=1, max_length=MAX_PICTURES)]
    parameters: PredictParameters | None


class PictureForm(PredictParameters):
    """A form with the picture as a file; its other fields are the parameters."""

    image: Annotated[
        bytes, Field(description="The picture's file.", json_schema_extra={"format": "binary"})
    ]

"""Asks a Slipway server: pictures and values in, typed results with numpy masks out.

`Client` blocks, `AsyncClient` awaits; both have the same methods. Nothing of the server is
imported.
"""

from __future__ import annotations

from slipway_client.async_client import AsyncClient
from slipway_client.client import Client
from slipway_client.errors import (
    AnswerError,
    ProblemError,
    SlipwayError,
    TooLateError,
    UnreachableError,
)
from slipway_client.inputs import Given
from slipway_client.log import LoggedRow
from slipway_client.many import Outcome
from slipway_client.results import (
    Answer,
    Box,
    Classes,
    ClassScore,
    Detections,
    Instance,
    Model,
    Prediction,
    Segment,
    Segments,
    Size,
    Values,
)

#: The server's: they are released together.
__version__ = "0.1.0"

__all__ = [
    "Answer",
    "AnswerError",
    "AsyncClient",
    "Box",
    "ClassScore",
    "Classes",
    "Client",
    "Detections",
    "Given",
    "Instance",
    "LoggedRow",
    "Model",
    "Outcome",
    "Prediction",
    "ProblemError",
    "Segment",
    "Segments",
    "Size",
    "SlipwayError",
    "TooLateError",
    "UnreachableError",
    "Values",
    "__version__",
]

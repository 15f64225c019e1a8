"""Pictures for models that find instances, and what they find, by any client."""

from __future__ import annotations

from typing import Any

import numpy as np

from app.kinds.mask_rcnn.tensors import PICTURE, instances_of
from app.serving.client import Ask, InferenceClient, Prediction, Turn
from mrcnn.instances import Instances


def ask(
    client: InferenceClient,
    picture: np.ndarray,
    model: str | None = None,
    version: int | str | None = None,
    **asked: Any,
) -> Prediction:
    """Return what a model says of a picture."""
    return client.predict({PICTURE: picture}, Ask(model, version), asked)


def find(client: InferenceClient, picture: np.ndarray, model: str | None = None) -> Instances:
    """Return the instances that a model finds on a picture."""
    return instances_of(ask(client, picture, model).result)


def find_in_turn(turn: Turn, picture: np.ndarray) -> Instances:
    """Return the instances that are found once a place was taken."""
    return instances_of(turn.predict({PICTURE: picture}).result)

"""A peer: BentoML, one service with a method for each kind of request."""

import os
from typing import Any

import bentoml
from PIL.Image import Image

from bench.peers import models


@bentoml.service(workers=int(os.environ.get("WORKERS", "1")))
class Demo:
    def __init__(self) -> None:
        self._iris, self._fashion = models.Iris(), models.Fashion()

    @bentoml.api
    def iris(self, instances: list[dict[str, float]]) -> dict[str, Any]:
        return {"predictions": self._iris.rows(instances)}

    @bentoml.api
    def fashion(self, instances: list[dict[str, str]]) -> dict[str, Any]:
        return {"predictions": self._fashion.rows(instances)}

    @bentoml.api
    def picture(self, image: Image) -> dict[str, Any]:
        return {"predictions": self._fashion.pictures([image])}

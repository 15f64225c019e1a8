"""A peer: LitServe, with an API for each of the two; WORKERS processes run each model."""

import os
from typing import Any

import litserve
from fastapi import Request

from bench.peers import models


class Iris(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self._iris = models.Iris()

    def predict(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {"predictions": self._iris.rows(asked["instances"])}


class Fashion(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self._fashion = models.Fashion()

    def decode_request(self, request: Request) -> Any:
        return request

    def predict(self, asked: Any) -> dict[str, Any]:
        if "image" in asked:
            return {"predictions": self._fashion.files([asked["image"].file.read()])}
        return {"predictions": self._fashion.rows(asked["instances"])}


if __name__ == "__main__":
    both = [Iris(api_path="/iris"), Fashion(api_path="/fashion")]
    server = litserve.LitServer(
        both, accelerator="cpu", workers_per_device=int(os.environ["WORKERS"])
    )
    server.run(host="127.0.0.1", port=int(os.environ["PORT"]), generate_client_file=False)

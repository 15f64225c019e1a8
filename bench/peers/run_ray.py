"""A peer: Ray Serve, with a deployment for each of the two, in WORKERS replicas."""

import os
from typing import Any

import ray
from ray import serve
from starlette.requests import Request

from bench.peers import models

# All replicas find a place on the two cores.
REPLICAS: dict[str, Any] = {
    "num_replicas": int(os.environ.get("WORKERS", "1")),
    "ray_actor_options": {"num_cpus": 0.2},
}


@serve.deployment(**REPLICAS)
class Iris:
    def __init__(self) -> None:
        self._iris = models.Iris()

    async def __call__(self, request: Request) -> dict[str, Any]:
        return {"predictions": self._iris.rows((await request.json())["instances"])}


@serve.deployment(**REPLICAS)
class Fashion:
    def __init__(self) -> None:
        self._fashion = models.Fashion()

    async def __call__(self, request: Request) -> dict[str, Any]:
        if request.headers.get("content-type") == "image/png":
            return {"predictions": self._fashion.files([await request.body()])}
        return {"predictions": self._fashion.rows((await request.json())["instances"])}


if __name__ == "__main__":
    ray.init(include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(os.environ["PORT"])})
    # By their full names: replicas import them anew.
    from bench.peers import run_ray

    serve.run(run_ray.Iris.bind(), name="iris", route_prefix="/iris")
    serve.run(run_ray.Fashion.bind(), name="fashion", route_prefix="/fashion", blocking=True)

"""A Kubernetes API server that is only read from, and told Events: where no rollout is staged."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cloud_function.border import Answer, Request

_DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments/"
_REPLICA_SETS = "/apis/apps/v1/namespaces/default/replicasets"
_EVENTS = "/api/v1/namespaces/default/events"


@dataclass
class ApiServer:
    """Answers with its Deployments, by name; refuses what a rollout would change."""

    deployments: dict[str, dict[str, Any]]
    events: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, request: Request) -> Answer:
        path = request.path.partition("?")[0]
        if path == _REPLICA_SETS:
            return 200, {"metadata": {}, "items": []}
        if path == _EVENTS and request.method == "POST":
            self.events.append(request.body)
            return 201, request.body
        found = self.deployments.get(path.removeprefix(_DEPLOYMENTS))
        if found and request.method == "GET":
            return 200, found
        return 404, {"message": f"{request.method} {path} is not here"}


def kubeconfig(path: Path, url: str) -> Path:
    """Write a kubeconfig that leads to `url`, and return its path."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "nobody"}}],
        "clusters": [{"name": "here", "cluster": {"server": url}}],
        "users": [{"name": "nobody", "user": {}}],
    }
    path.write_text(json.dumps(config))
    return path

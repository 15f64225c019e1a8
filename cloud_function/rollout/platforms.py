"""Which platform a target is on: the one place that knows them all."""

from __future__ import annotations

from typing import Any

from rollout import cluster
from rollout.cloud_run import CloudRun
from rollout.gcp import GoogleApis
from rollout.platform import Platform
from rollout.settings import Settings
from rollout.targets import Target


def connect(target: Target, apis: GoogleApis, settings: Settings) -> Platform[Any]:
    """Return the target's platform. Raises PermanentError and TransientError."""
    if target.service:
        return CloudRun(apis, settings.cloud_run_endpoint, target)
    return cluster.connect(target, apis, settings.container_endpoint)

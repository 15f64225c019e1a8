"""A Kubernetes API server: the one place that knows the kubernetes package.

Objects go in and out as the API's own JSON. Errors come out as this room's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import kubernetes.client
import kubernetes.config
import urllib3

from rollout.changes import Change
from rollout.deployment import DeploymentSnapshot, patch_of
from rollout.errors import ConflictError, PermanentError, TransientError
from rollout.gcp import GoogleApis
from rollout.gke import Endpoint, locate
from rollout.progress import Progress, Verdict
from rollout.snapshot import Json
from rollout.targets import Target
from rollout.watch import TemplateAge, assess, newest_pods

FIELD_MANAGER = "onNewImage"
_TIMEOUT_S = (5, 30)
_WORTH_ANOTHER_TRY = frozenset({401, 403, 408, 429})


class Cluster:
    """What a rollout needs of an API server, and not more: the Role grants exactly these calls."""

    def __init__(
        self, configuration: kubernetes.client.Configuration, namespace: str, deployment: str
    ) -> None:
        # Reads that a connection gone stale swallowed are sent again; patches never are.
        configuration.retries = urllib3.Retry(total=2, backoff_factor=0.1)
        client = kubernetes.client.ApiClient(configuration)
        self._apps = kubernetes.client.AppsV1Api(client)
        self._core = kubernetes.client.CoreV1Api(client)
        self._namespace = namespace
        self._deployment = deployment

    def snapshot(self) -> DeploymentSnapshot:
        """Return the Deployment with its ReplicaSets. Raises PermanentError and TransientError."""
        replica_sets = self._list(self._apps.list_namespaced_replica_set)
        with _errors(f"deployment {self._namespace}/{self._deployment}"):
            deployment = _json(
                self._apps.read_namespaced_deployment(
                    self._deployment,
                    self._namespace,
                    _preload_content=False,
                    _request_timeout=_TIMEOUT_S,
                )
            )
        uid = deployment["metadata"]["uid"]
        owned = tuple(found for found in replica_sets if _owns(uid, found))
        return DeploymentSnapshot(deployment, owned)

    def watcher(self) -> Callable[[DeploymentSnapshot], Progress]:
        """Return what judges one rollout; pods are only asked for while it is under way."""
        template_age = TemplateAge()

        def look(snapshot: DeploymentSnapshot) -> Progress:
            since = template_age.since(snapshot.deployment)
            progress = assess(snapshot, since=since)
            if progress.verdict == Verdict.COMPLETE:
                return progress
            pods = self._pods(snapshot)
            progress = assess(snapshot, pods, since)
            if progress.verdict != Verdict.FAILED:
                return progress
            words = self._last_warning(newest_pods(snapshot, pods))
            if not words or words in progress.message:
                return progress
            return replace(progress, message=f"{progress.message} (last event: {words})")

        return look

    def change(
        self, snapshot: DeploymentSnapshot, change: Change, *, dry_run: bool = False
    ) -> DeploymentSnapshot:
        """Patch the Deployment and return what it has become, without its ReplicaSets.

        Raises ConflictError if the Deployment has changed since `snapshot`.
        """
        with _errors(f"deployment {self._namespace}/{self._deployment}"):
            changed = _json(
                self._apps.patch_namespaced_deployment(
                    self._deployment,
                    self._namespace,
                    patch_of(snapshot, change),
                    dry_run="All" if dry_run else None,
                    field_manager=FIELD_MANAGER,
                    _content_type="application/strategic-merge-patch+json",
                    _preload_content=False,
                    _request_timeout=_TIMEOUT_S,
                )
            )
        return DeploymentSnapshot(changed)

    def _last_warning(self, pods: list[Json]) -> str:
        """Return what the kubelet complained of last, for a pod that says nothing itself."""
        for pod in pods:
            if warnings := self._warnings(pod):
                return " ".join(str(warnings[-1].get("message", "")).split())[:300]
        return ""

    def _pods(self, snapshot: DeploymentSnapshot) -> list[Json]:
        """Return the pods that the Deployment selects."""
        selector = snapshot.deployment["spec"]["selector"].get("matchLabels") or {}
        labels = ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
        return self._list(self._core.list_namespaced_pod, label_selector=labels)

    def _warnings(self, pod: Json) -> list[Json]:
        """Return the Warning events about a pod, the newest last."""
        about = f"involvedObject.uid={pod['metadata']['uid']},type=Warning"
        found = self._list(self._core.list_namespaced_event, field_selector=about)
        return sorted(found, key=lambda event: str(event.get("lastTimestamp") or ""))

    def record(self, snapshot: DeploymentSnapshot, name: str, event: Mapping[str, str]) -> bool:
        """Write a Kubernetes Event about the Deployment; return False if it is there already.

        `event` has type, reason and message. Raises PermanentError and TransientError.
        """
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        body: Any = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": self._namespace},
            "involvedObject": {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "name": snapshot.name,
                "namespace": self._namespace,
                "uid": snapshot.uid,
                "resourceVersion": snapshot.resource_version,
            },
            "source": {"component": FIELD_MANAGER},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            **event,
        }
        try:
            with _errors(f"event {name}"):
                _json(
                    self._core.create_namespaced_event(
                        self._namespace,
                        body,
                        field_manager=FIELD_MANAGER,
                        _preload_content=False,
                        _request_timeout=_TIMEOUT_S,
                    )
                )
        except ConflictError:
            return False
        return True

    def _list(self, call: Callable[..., Any], **selector: str) -> list[Json]:
        with _errors(f"namespace {self._namespace}"):
            answer = call(
                self._namespace, **selector, _preload_content=False, _request_timeout=_TIMEOUT_S
            )
            items = _json(answer).get("items") or []
            if not isinstance(items, list):
                raise ValueError(f"it answers with items={items!r:.100}, not a list")
            return [_object(item) for item in items]


def connect(target: Target, apis: GoogleApis, container_endpoint: str) -> Cluster:
    """Return the target's cluster. Raises PermanentError and TransientError."""
    if target.kubeconfig is not None:
        configuration = kubernetes.client.Configuration()
        try:
            kubernetes.config.load_kube_config(  # type: ignore[no-untyped-call]
                str(target.kubeconfig), target.context or None, configuration
            )
        except kubernetes.config.ConfigException as error:
            raise PermanentError(f"KUBECONFIG={str(target.kubeconfig)!r}: {error}") from error
    else:
        configuration = gke_configuration(locate(apis, container_endpoint, target), apis.token)
    return Cluster(configuration, target.namespace, target.deployment)


def gke_configuration(
    endpoint: Endpoint, token: Callable[[], str]
) -> kubernetes.client.Configuration:
    """Return a configuration that sends a fresh token with each request."""
    configuration = kubernetes.client.Configuration(host=endpoint.url)
    if endpoint.authority is not None:
        configuration.ca_cert_data = endpoint.authority

    def refresh(configuration: kubernetes.client.Configuration) -> None:
        configuration.api_key["BearerToken"] = token()

    configuration.api_key["BearerToken"] = token()
    configuration.api_key_prefix["BearerToken"] = "Bearer"
    # Called before each request: a token lives an hour, a warm instance longer.
    configuration.refresh_api_key_hook = refresh  # type: ignore[assignment]
    return configuration


def _json(response: Any) -> dict[str, Any]:
    try:
        return _object(json.loads(response.data))
    except RecursionError:
        raise ValueError("it answers with JSON that is nested too deep") from None


def _object(found: Any) -> dict[str, Any]:
    """Return what every object and list of Kubernetes is. Raises ValueError."""
    if not isinstance(found, dict) or not isinstance(found.get("metadata"), dict):
        raise ValueError(f"it answers with {found!r:.100}, which has no metadata")
    return found


def _owns(uid: str, thing: Json) -> bool:
    return any(owner.get("uid") == uid for owner in thing["metadata"].get("ownerReferences") or ())


@contextmanager
def _errors(what: str) -> Iterator[None]:
    """Turn what the kubernetes package raises into this room's errors."""
    try:
        yield
    except kubernetes.client.ApiException as error:
        status = error.status or 0
        message = f"{what}: the API server answers {status}: {_words(error)}"
        if status == 409:
            raise ConflictError(message) from error
        is_ours = 400 <= status < 500 and status not in _WORTH_ANOTHER_TRY
        raise (PermanentError if is_ours else TransientError)(message) from error
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise TransientError(f"{what}: the API server cannot be asked: {error}") from error


def _words(error: kubernetes.client.ApiException) -> str:
    try:
        return str(json.loads(error.body or "")["message"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return str(error.reason)

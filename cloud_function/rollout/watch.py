"""How far a Deployment's rollout is, as `kubectl rollout status` judges, and sooner by its pods.

What cannot heal (a missing image, a crash loop) is FAILED at once; what may (a registry that does
not answer or lets nobody in, a quota) is TROUBLED, and becomes a failure only if it lasts. No I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rollout.deployment import DeploymentSnapshot
from rollout.progress import Progress, Verdict, one_line
from rollout.snapshot import Json
from rollout.start_errors import blames_image

_TROUBLES = frozenset(
    {
        "InvalidImageName",
        "ErrImageNeverPull",
        "ErrImagePull",
        "ImagePullBackOff",
        "ImageInspectError",
        "SignatureValidationFailed",
        "RegistryUnavailable",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
        "CrashLoopBackOff",
    }
)
# Ends of a container whose program never ran, or of which the node knows nothing any more.
_NO_ENDS_OF_A_PROGRAM = frozenset({"StartError", "ContainerCannotRun", "ContainerStatusUnknown"})
_CRASHES_OF_A_LOOP = 2
_LONGEST_WORDS = 600


class TemplateAge:
    """From which generation on the Deployment's pods are to be what they are now.

    That one the controller must have seen for its numbers to count, not the newest: annotations
    and replicas raise the generation too, and under somebody who sets them all the time the
    newest is never seen.
    """

    def __init__(self) -> None:
        self._template: Json | None = None
        self._since = 0

    def since(self, deployment: Json) -> int:
        """Return that generation, by this Deployment and those that were shown before."""
        template = deployment["spec"]["template"]
        if template != self._template:
            self._template, self._since = template, _generation(deployment)
        return self._since


def assess(
    snapshot: DeploymentSnapshot, pods: Iterable[Json] = (), since: int | None = None
) -> Progress:
    """Return how far the Deployment's newest revision is; `pods` may be all that it selects.

    `since`: the generation from which on that revision is asked for; None: the newest one.
    """
    deployment = snapshot.deployment
    status = deployment.get("status") or {}
    needed = _generation(deployment) if since is None else since
    if status.get("observedGeneration", 0) < needed:
        return Progress(Verdict.ROLLING, "Unobserved", "waiting for the controller to see it")
    waiting = _waiting(deployment["spec"].get("replicas", 1), status)
    if waiting is None:
        return Progress(Verdict.COMPLETE, "Available", f"{_count(status)} serve")
    new = snapshot.newest_replica_set
    ours = snapshot.rolled_out_names
    newest = list(_owned(pods, new))
    troubles = [trouble for pod in newest for trouble in _troubles(pod, ours)]
    fatal = [trouble for trouble in troubles if trouble.verdict == Verdict.FAILED]
    if fatal:
        return fatal[0]
    conditions = _conditions(status)
    progressing = conditions.get("Progressing", {})
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        return _never_ready(newest, troubles, ours, str(progressing.get("message", "")))
    if troubles:
        return troubles[0]
    failure = conditions.get("ReplicaFailure", {})
    if failure.get("status") == "True":
        return Progress(
            Verdict.TROUBLED, failure.get("reason", "ReplicaFailure"), failure.get("message", "")
        )
    return Progress(Verdict.ROLLING, "Progressing", waiting)


def _never_ready(
    pods: list[Json], troubles: list[Progress], ours: frozenset[str], otherwise: str
) -> Progress:
    """Return the failure at the deadline: the image's where its container ran and did not work."""
    words = [trouble.message for trouble in troubles]
    words = words or [text for pod in pods if (text := _unready(pod))] or [otherwise]
    is_images_fault = (
        any(trouble.is_images_fault for trouble in troubles)
        if troubles
        else any(_runs_in_vain(pod, ours) for pod in pods)
    )
    reason = "ProgressDeadlineExceeded"
    return Progress(Verdict.FAILED, reason, f"never ready: {words[0]}", is_images_fault)


def newest_pods(snapshot: DeploymentSnapshot, pods: Iterable[Json]) -> list[Json]:
    """Return those of `pods` that are of the Deployment's newest revision."""
    return list(_owned(pods, snapshot.newest_replica_set))


def _generation(deployment: Json) -> int:
    return int(deployment["metadata"].get("generation", 0))


def _waiting(wanted: int, status: Mapping[str, Any]) -> str | None:
    """Return what is waited for; None when nothing is."""
    updated = status.get("updatedReplicas", 0)
    available = status.get("availableReplicas", 0)
    if updated < wanted:
        return f"{updated} of {wanted} new pods made"
    if status.get("replicas", 0) > updated:
        return f"{status['replicas'] - updated} old pods end"
    if available < updated:
        return f"{available} of {updated} new pods available"
    return None


def _count(status: Mapping[str, Any]) -> str:
    number = status.get("availableReplicas", 0)
    return "1 new pod" if number == 1 else f"{number} new pods"


def _conditions(status: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {condition["type"]: condition for condition in status.get("conditions") or ()}


def _owned(pods: Iterable[Json], replica_set: Json | None) -> Iterator[Json]:
    if replica_set is None:
        return
    uid = replica_set["metadata"]["uid"]
    for pod in pods:
        owners = pod["metadata"].get("ownerReferences") or ()
        is_leaving = pod["metadata"].get("deletionTimestamp")
        if not is_leaving and any(owner.get("uid") == uid for owner in owners):
            yield pod


def _containers(pod: Json) -> Iterator[Mapping[str, Any]]:
    """Yield each container's status, init containers first, without those put in to debug."""
    status = pod.get("status") or {}
    for kind in ("initContainerStatuses", "containerStatuses"):
        yield from status.get(kind) or ()


def _troubles(pod: Json, ours: frozenset[str]) -> Iterator[Progress]:
    for container in _containers(pod):
        if trouble := _trouble(pod["metadata"]["name"], container, ours):
            yield trouble


def _trouble(pod: str, container: Mapping[str, Any], ours: frozenset[str]) -> Progress | None:
    waiting = (container.get("state") or {}).get("waiting") or {}
    reason, words = waiting.get("reason", ""), waiting.get("message", "")
    if reason not in _TROUBLES:
        return None
    is_bad = reason == "InvalidImageName" or blames_image(words)
    is_hopeless = is_bad
    if reason == "CrashLoopBackOff":
        is_bad = _is_own_end(container)
        is_hopeless = is_bad and container.get("restartCount", 0) >= _CRASHES_OF_A_LOOP
        words = _last_end(container) or words
    name = container.get("name", "?")
    return Progress(
        Verdict.FAILED if is_hopeless else Verdict.TROUBLED,
        reason,
        f"pod {pod}, container {name}: {reason}: {one_line(words, _LONGEST_WORDS)}",
        is_bad and name in ours,
    )


def _runs_in_vain(pod: Json, ours: frozenset[str]) -> bool:
    """Tell whether a container of ours was started and is not ready, or never ends."""
    return any(
        container.get("name") in ours
        and "running" in (container.get("state") or {})
        and not container.get("ready")
        for container in _containers(pod)
    )


def _is_own_end(container: Mapping[str, Any]) -> bool:
    """Tell whether the container's program ended by itself, or could not start by its image."""
    ended = (container.get("lastState") or {}).get("terminated") or {}
    return ended.get("reason") not in _NO_ENDS_OF_A_PROGRAM or blames_image(
        str(ended.get("message") or "")
    )


def _last_end(container: Mapping[str, Any]) -> str:
    """Return how the container ended last, with what it left as its message."""
    ended = (container.get("lastState") or {}).get("terminated") or {}
    if not ended:
        return ""
    why = ended.get("reason", "Error")
    said = str(ended.get("message") or "").strip()
    return f"ended with status {ended.get('exitCode', '?')} ({why})" + (f": {said}" if said else "")


def _unready(pod: Json) -> str:
    """Return why a pod is not ready, by its conditions."""
    conditions = _conditions(pod.get("status") or {})
    for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready"):
        condition = conditions.get(kind, {})
        if condition.get("status") == "False":
            said = condition.get("message") or condition.get("reason", "")
            return f"pod {pod['metadata']['name']}: {one_line(said, _LONGEST_WORDS)}"
    return ""

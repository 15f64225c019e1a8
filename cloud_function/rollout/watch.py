"""How far a rollout is, as `kubectl rollout status` judges, and sooner where pods tell. No I/O.

What cannot heal (a missing image, a crash loop) is FAILED at once; what may (a registry that does
not answer, a quota) is TROUBLED, and becomes a failure only if it lasts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rollout.snapshot import Json, Snapshot

_NEVER_PULLED = ("not found", "notfound", "manifest unknown", "denied", "unauthorized", "forbidden")
_HOPELESS = frozenset({"InvalidImageName", "ErrImageNeverPull"})
_MAY_HEAL = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "RegistryUnavailable",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
        "CrashLoopBackOff",
    }
)
_CRASHES_OF_A_LOOP = 2
_LONGEST_WORDS = 600


class Verdict(StrEnum):
    """What can be said of a rollout at one moment."""

    ROLLING = "rolling"
    TROUBLED = "troubled"
    FAILED = "failed"
    COMPLETE = "complete"


@dataclass(frozen=True)
class Progress:
    """A verdict, its reason as Kubernetes calls it, and a sentence with the pod's own words."""

    verdict: Verdict
    reason: str
    message: str


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


def assess(snapshot: Snapshot, pods: Iterable[Json] = (), since: int | None = None) -> Progress:
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
    troubles = [trouble for pod in _owned(pods, new) for trouble in _troubles(pod)]
    fatal = [trouble for trouble in troubles if trouble.verdict == Verdict.FAILED]
    if fatal:
        return fatal[0]
    conditions = _conditions(status)
    progressing = conditions.get("Progressing", {})
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        words = [trouble.message for trouble in troubles] or [
            text for pod in _owned(pods, new) if (text := _unready(pod))
        ]
        detail = words[0] if words else progressing.get("message", "")
        return Progress(Verdict.FAILED, "ProgressDeadlineExceeded", f"never ready: {detail}")
    if troubles:
        return troubles[0]
    failure = conditions.get("ReplicaFailure", {})
    if failure.get("status") == "True":
        return Progress(
            Verdict.TROUBLED, failure.get("reason", "ReplicaFailure"), failure.get("message", "")
        )
    return Progress(Verdict.ROLLING, "Progressing", waiting)


def newest_pods(snapshot: Snapshot, pods: Iterable[Json]) -> list[Json]:
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


def _troubles(pod: Json) -> Iterator[Progress]:
    status = pod.get("status") or {}
    for kind in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(kind) or ():
            if trouble := _trouble(pod["metadata"]["name"], container):
                yield trouble


def _trouble(pod: str, container: Mapping[str, Any]) -> Progress | None:
    waiting = (container.get("state") or {}).get("waiting") or {}
    reason, words = waiting.get("reason", ""), waiting.get("message", "")
    if reason not in _HOPELESS | _MAY_HEAL:
        return None
    verdict = Verdict.FAILED if reason in _HOPELESS else Verdict.TROUBLED
    if reason == "CrashLoopBackOff":
        words = _last_end(container) or words
        if container.get("restartCount", 0) >= _CRASHES_OF_A_LOOP:
            verdict = Verdict.FAILED
    elif reason in ("ErrImagePull", "ImagePullBackOff") and any(
        sign in words.lower() for sign in _NEVER_PULLED
    ):
        verdict = Verdict.FAILED
    where = f"pod {pod}, container {container.get('name', '?')}"
    return Progress(verdict, reason, f"{where}: {reason}: {_short(words)}")


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
            return f"pod {pod['metadata']['name']}: {_short(said)}"
    return ""


def _short(words: str) -> str:
    """Return one line; of a long one the end, which is where the error is."""
    line = " ".join(words.split())
    return line if len(line) <= _LONGEST_WORDS else "…" + line[-_LONGEST_WORDS:]

"""How far a Cloud Run service's rollout is, by its newest revision's own conditions. No I/O."""

from __future__ import annotations

from collections.abc import Iterator

from rollout.progress import Progress, Verdict, one_line
from rollout.service import ServiceSnapshot, images_of, last_part
from rollout.snapshot import Json

_LONGEST_WORDS = 900
# Reasons that say the image is bad: it is not there, or its container ran and did not answer.
_IMAGES_FAULT = frozenset({"CONTAINER_MISSING", "HEALTH_CHECK_CONTAINER_ERROR"})


def assess(snapshot: ServiceSnapshot) -> Progress:
    """Return how far it is; READY: the newest revision has passed its check and has no requests.

    A revision that has failed is not tried again by Cloud Run, and is FAILED at once.
    """
    service = snapshot.service
    is_busy = bool(service.get("reconciling"))
    serving = _serving(service)
    if not is_busy and serving and all(_has_images(snapshot, name) for name in serving):
        return Progress(Verdict.COMPLETE, "Serving", f"{', '.join(serving)} has all requests")
    newest = last_part(service.get("latestCreatedRevision", ""))
    if not _has_images(snapshot, newest):
        return _of_service(service, is_busy=is_busy, otherwise="the revision is being made")
    revision = snapshot.revisions[newest]
    ready = _condition(revision, "Ready")
    state = ready.get("state")
    if state == "CONDITION_FAILED":
        return _failed(newest, list(_failures(revision)), revision.get("logUri", ""))
    if state != "CONDITION_SUCCEEDED":
        words = one_line(ready.get("message", ""), _LONGEST_WORDS) or "it starts"
        return Progress(Verdict.ROLLING, _reason(ready) or "Starting", f"{newest}: {words}")
    if set(snapshot.shares) == {newest}:
        return _of_service(service, is_busy=is_busy, otherwise=f"requests are led to {newest}")
    return Progress(Verdict.READY, "Ready", f"{newest} has passed its check")


def _of_service(service: Json, *, is_busy: bool, otherwise: str) -> Progress:
    """Return what the service says as a whole: its failure, or else that it is on its way."""
    condition = service.get("terminalCondition") or {}
    if not is_busy and condition.get("state") == "CONDITION_FAILED":
        return _failed(last_part(service["name"]), [condition], "")
    return Progress(Verdict.ROLLING, _reason(condition) or "Reconciling", otherwise)


def _failed(name: str, failures: list[Json], log_uri: str) -> Progress:
    reasons = [_reason(failure) for failure in failures]
    bad = [reason for reason in reasons if reason in _IMAGES_FAULT]
    reason = next(iter(bad or reasons), "") or "Failed"
    said = dict.fromkeys(one_line(each.get("message", ""), _LONGEST_WORDS) for each in failures)
    words = "; ".join(filter(None, said))
    if log_uri and log_uri not in words:
        words = f"{words} ({log_uri})"
    return Progress(Verdict.FAILED, reason, f"{name}: {reason}: {words}", bool(bad))


def _failures(revision: Json) -> Iterator[Json]:
    """Yield what has failed; that a revision without requests is not active is no failure."""
    for condition in revision.get("conditions") or ():
        is_grave = condition.get("severity") not in ("WARNING", "INFO")
        if condition.get("state") == "CONDITION_FAILED" and is_grave:
            yield condition


def _condition(thing: Json, kind: str) -> Json:
    found: list[Json] = [
        condition for condition in thing.get("conditions") or () if condition.get("type") == kind
    ]
    return found[0] if found else {}


def _reason(condition: Json) -> str:
    return str(condition.get("revisionReason") or condition.get("reason") or "")


def _serving(service: Json) -> list[str]:
    """Return the revisions that have requests now."""
    latest = last_part(service.get("latestReadyRevision", ""))
    return [
        last_part(status.get("revision", "")) or latest
        for status in service.get("trafficStatuses") or ()
        if status.get("percent", 0)
    ]


def _has_images(snapshot: ServiceSnapshot, name: str) -> bool:
    """Tell whether a revision that was read is made of the images that are asked for."""
    revision = snapshot.revisions.get(name)
    return revision is not None and images_of(revision) == snapshot.images()

"""Cloud Run's Admin API v2: services and revisions, as JSON in and out.

The JSON goes back as it came, so that a field which this code has never heard of is not lost: the
typed client packages drop those, and a template is only written whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from rollout.changes import Change, Step
from rollout.errors import ConflictError, NotFoundError, TransientError
from rollout.gcp import GoogleApis, failed_operation
from rollout.progress import Progress
from rollout.revision import assess
from rollout.service import TOLD, ServiceSnapshot, change_of, images_of, last_part, told
from rollout.snapshot import Json
from rollout.targets import Target

_TRIES = 10
# Of what kind the fields are that are read, wherever they stand.
_KINDS: dict[str, type] = {
    **dict.fromkeys(("template", "terminalCondition"), dict),
    **dict.fromkeys(("traffic", "trafficStatuses", "containers", "conditions", "revisions"), list),
    **dict.fromkeys(("name", "etag", "uid", "image", "revision", "state", "type"), str),
    **dict.fromkeys(
        ("message", "reason", "revisionReason", "createTime", "logUri", "severity"), str
    ),
    **dict.fromkeys(("latestReadyRevision", "latestCreatedRevision", "tag"), str),
    "percent": int,
}
_REVISIONS_LOOKED_AT = 100


class CloudRun:
    """One service; the function's role has exactly what is asked for here."""

    def __init__(self, apis: GoogleApis, endpoint: str, target: Target) -> None:
        self._apis = apis
        where = f"projects/{target.project}/locations/{target.region}/services/{target.service}"
        self._url = f"{endpoint}/v2/{where}"

    def snapshot(self) -> ServiceSnapshot:
        """Return the service with the revisions that count, as `Platform` has it."""
        service = self._service()
        names = set(ServiceSnapshot(service).shares)
        statuses = service.get("trafficStatuses") or ()
        names |= {last_part(each.get("revision", "")) for each in statuses}
        names |= {last_part(service.get("latestCreatedRevision", ""))}
        read = {name: self._revision(name) for name in sorted(names - {""})}
        return ServiceSnapshot(service, {name: found for name, found in read.items() if found})

    def watcher(self) -> Callable[[ServiceSnapshot], Progress]:
        """Return what judges one rollout."""
        return assess

    def change(
        self, snapshot: ServiceSnapshot, change: Change, *, dry_run: bool = False
    ) -> ServiceSnapshot:
        """Patch the service and return what it has become.

        Raises ConflictError if it has changed since `snapshot`.
        """
        back_to = self._server_of(snapshot, change) if change.step == Step.RESTORE else ""
        body, mask = change_of(snapshot, change, back_to)
        self._patch(body, mask, dry_run=dry_run)
        return snapshot if dry_run else self.snapshot()

    def record(self, snapshot: ServiceSnapshot, name: str, event: Mapping[str, str]) -> bool:
        """Write down in an annotation what happened; return False if it is there already.

        Cloud Run has no events: what was told last is `slipway.dev/event`.
        """
        moment = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        sentence = f"{moment} {event['type']} {event['reason']}: {event['message']}"
        for _ in range(_TRIES):
            now = ServiceSnapshot(self._service())
            if name in now.annotations.get(TOLD, "").split():
                return False
            try:
                self._patch(told(now, name, sentence), "annotations")
            except ConflictError:
                continue
            return True
        raise TransientError(f"{self._url} changed {_TRIES} times while it was told of {name}")

    def _server_of(self, snapshot: ServiceSnapshot, change: Change) -> str:
        """Return the newest revision that was ready with the images which come back, if any."""
        wanted = set(change.images.values())
        for image in wanted:
            if found := snapshot.serves(image):
                return found
        url = f"{self._url}/revisions"
        listed = _shaped(self._apis.get(url, {"pageSize": str(_REVISIONS_LOOKED_AT)}), url)
        for revision in listed.get("revisions") or ():
            if wanted <= set(images_of(revision).values()) and _was_ready(revision):
                return last_part(revision["name"])
        return ""

    def _patch(self, body: Mapping[str, Any], mask: str, *, dry_run: bool = False) -> None:
        parameters = {"updateMask": mask} | ({"validateOnly": "true"} if dry_run else {})
        operation = self._apis.send("PATCH", self._url, body, parameters)
        if error := operation.get("error"):
            raise failed_operation(self._url, error)

    def _revision(self, name: str) -> Json | None:
        """Return a revision; None where it has been deleted."""
        try:
            url = f"{self._url}/revisions/{name}"
            return _shaped(self._apis.get(url), url)
        except NotFoundError:
            return None

    def _service(self) -> Json:
        return _shaped(self._apis.get(self._url), self._url, "name", "etag", "template")


def _shaped(document: Json, url: str, *needed: str) -> Json:
    """Return an answer if what is needed is there, and every field that is read is of its kind."""
    odd = _odd_field(document) or next((f"no {key}" for key in needed if key not in document), "")
    if odd:
        raise TransientError(f"{url} answers with {odd}, which is not of the API")
    return document


def _odd_field(document: Json) -> str:
    """Return the first field that is not of its kind, with its value; nothing where all are."""
    for name, value in document.items():
        kind = _KINDS.get(name, object)
        inner = value if kind is list else [value] if kind is dict else ()
        if not isinstance(value, kind) or not all(isinstance(each, dict) for each in inner):
            return f"{name}={value!r:.100}"
        for each in inner:
            if odd := _odd_field(each):
                return f"{name}: {odd}"
    annotations = document.get("annotations", {})
    is_right = isinstance(annotations, dict) and all(
        isinstance(text, str) for text in annotations.values()
    )
    return "" if is_right else f"annotations={annotations!r:.100}"


def _was_ready(revision: Json) -> bool:
    return any(
        condition.get("type") == "Ready" and condition.get("state") == "CONDITION_SUCCEEDED"
        for condition in revision.get("conditions") or ()
    )

"""A Cloud Run service and its revisions as they were read at one moment, and changes of it. No I/O.

The objects are the JSON of Cloud Run's Admin API v2,
https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.services. What counts as live
is the revision that has the requests, not the template: people go back by leading them elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from rollout import state as states
from rollout.build import repository_of
from rollout.changes import Change, Step
from rollout.snapshot import Earlier, Json, Snapshot
from rollout.state import PREFIX, Phase
from rollout.targets import Target

#: What was told to people already, and what last.
TOLD = PREFIX + "told"
EVENT = PREFIX + "event"

_LATEST = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
_REVISION = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
_ALL = 100
# On its way, or with nothing good before it, the template tells what was set last.
_BY_TEMPLATE = (Phase.ROLLING, Phase.FAILED)


@dataclass(frozen=True)
class ServiceSnapshot(Snapshot):
    """What was read; `revisions` are those that have requests and the newest, by their names."""

    service: Json
    revisions: Mapping[str, Json] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return the service's name."""
        return last_part(self.service["name"])

    @property
    def uid(self) -> str:
        """Return the service's uid."""
        return str(self.service.get("uid", ""))

    @property
    def annotations(self) -> Mapping[str, str]:
        """Return the service's own annotations; its revisions' are theirs."""
        found: Mapping[str, str] = self.service.get("annotations") or {}
        return found

    @property
    def pause(self) -> str:
        """Return why it stands still: split requests, or nothing that would check a revision."""
        shares = self.shares
        if len(shares) > 1:
            split = " and ".join(f"{name} ({share} %)" for name, share in sorted(shares.items()))
            return (
                f"its requests are split between {split}; all of them to one ends it "
                "(gcloud run services update-traffic)"
            )
        template = self.service.get("template") or {}
        if template.get("healthCheckDisabled"):
            return (
                "health checks at deployment are off, so that no revision could show that it works "
                "(gcloud run services update --deploy-health-check)"
            )
        probes = [container.get("startupProbe") or {} for container in _containers(template)]
        if not any("httpGet" in probe or "grpc" in probe for probe in probes):
            return (
                "no container has an HTTP startup probe, so that a revision would get requests "
                "before its models are loaded (gcloud run services update "
                "--startup-probe=httpGet.path=/readyz,periodSeconds=10,failureThreshold=24)"
            )
        return ""

    @property
    def plain_images(self) -> Mapping[str, str]:
        """Return container -> image of the template."""
        return images_of(self.service.get("template") or {})

    def earlier(self) -> list[Earlier]:
        """Return what the revisions have, the newest first."""
        newest_first = sorted(
            self.revisions.items(),
            key=lambda each: str(each[1].get("createTime", "")),
            reverse=True,
        )
        return [Earlier(images_of(found), name in self.shares) for name, found in newest_first]

    @cached_property
    def shares(self) -> dict[str, int]:
        """Return revision -> percent of the requests, as it is to be; empty where none is ready."""
        found: dict[str, int] = {}
        for target in self.traffic:
            name = self._revision_of(target)
            if name and target.get("percent", 0):
                found[name] = found.get(name, 0) + target["percent"]
        return found

    @property
    def traffic(self) -> list[Json]:
        """Return where requests go; without a word all go to the latest revision that is ready."""
        return list(self.service.get("traffic") or [{"type": _LATEST, "percent": _ALL}])

    def live_image(self, target: Target, repository: str) -> str:
        """Return the image that has the requests; while a rollout is on its way, the template's.

        Empty where nothing has ever been ready.
        """
        asked = super().live_image(target, repository)
        if self.own_state.phase in _BY_TEMPLATE or not asked:
            return asked
        serving = [
            image for name in self.shares if (image := self._image(name, target, repository))
        ]
        # Where requests are split, ours is among those that serve.
        ours = self.own_state.image
        return ours if ours in serving else next(iter(serving), "")

    def _image(self, name: str, target: Target, repository: str) -> str:
        """Return the image that a revision has where the template has that of `repository`."""
        images = images_of(self.revisions.get(name) or {})
        containers = self.containers(target, repository)
        if containers and containers.main in images:
            return images[containers.main]
        return next((each for each in images.values() if repository_of(each) == repository), "")

    def serves(self, image: str) -> str:
        """Return the name of a revision that was read, has requests and this image."""
        for name in self.shares:
            if image in images_of(self.revisions.get(name) or {}).values():
                return name
        return ""

    def _revision_of(self, target: Json) -> str:
        if target.get("type") == _REVISION or target.get("revision"):
            return last_part(target.get("revision", ""))
        return last_part(self.service.get("latestReadyRevision", ""))


def change_of(
    snapshot: ServiceSnapshot, change: Change, back_to: str = ""
) -> tuple[dict[str, Any], str]:
    """Return a change as a service with only what changes, and the mask that names it.

    The etag makes it fail if anything else has changed. `back_to` is the revision that served the
    image which comes back; without it a new one is made of it.
    """
    kept = {name: text for name, text in snapshot.annotations.items() if not _is_ours(name)}
    written = {name: text for name, text in states.written(change.state).items() if text}
    told = {name: snapshot.annotations.get(name) for name in (TOLD, EVENT)}
    annotations = kept | written | {name: text for name, text in told.items() if text}
    body: dict[str, Any] = {
        "name": snapshot.service["name"],
        "etag": snapshot.service["etag"],
        "annotations": annotations,
    }
    if change.images:
        body["template"] = _template(snapshot, change.images)
    traffic = _traffic(snapshot, change.step, back_to)
    if traffic is not None:
        body["traffic"] = traffic
    return body, ",".join(key for key in body if key not in ("name", "etag"))


def told(snapshot: ServiceSnapshot, name: str, sentence: str, most: int = 20) -> dict[str, Any]:
    """Return the change by which something is told once: it is in the annotations from then on."""
    known = [*snapshot.annotations.get(TOLD, "").split(), name][-most:]
    return {
        "name": snapshot.service["name"],
        "etag": snapshot.service["etag"],
        "annotations": {**snapshot.annotations, TOLD: " ".join(known), EVENT: sentence},
    }


def images_of(template: Json) -> dict[str, str]:
    """Return container -> image of a template or a revision; one without a name has its place."""
    return {
        container.get("name") or f"#{place}": str(container.get("image", ""))
        for place, container in enumerate(_containers(template), 1)
    }


def last_part(name: str) -> str:
    """Return the last part of a resource's name."""
    return name.rpartition("/")[2]


def _containers(template: Json) -> list[Json]:
    return list(template.get("containers") or ())


def _template(snapshot: ServiceSnapshot, images: Mapping[str, str]) -> dict[str, Any]:
    """Return the whole template, which is written as one, with other images.

    Without a name for the revision: a second one of the same name would be refused.
    """
    template = dict(snapshot.service["template"])
    template.pop("revision", None)
    names = list(images_of(template))
    template["containers"] = [
        {**container, "image": images.get(name, container.get("image", ""))}
        for name, container in zip(names, _containers(template), strict=True)
    ]
    return template


def _traffic(snapshot: ServiceSnapshot, step: Step, back_to: str) -> list[dict[str, Any]] | None:
    """Return where requests are to go from now on; None where that is not touched.

    What is new is made without requests, and gets all of them once it is ready.
    """
    if step == Step.PROMOTE:
        return _to_latest(snapshot)
    if step == Step.NOTE:
        return None
    holder = back_to if step == Step.RESTORE else next(iter(snapshot.shares), "")
    if not holder:
        return None if step == Step.ROLL else _to_latest(snapshot)
    return [{"type": _REVISION, "revision": holder, "percent": _ALL}, *_tags(snapshot)]


def _to_latest(snapshot: ServiceSnapshot) -> list[dict[str, Any]]:
    return [{"type": _LATEST, "percent": _ALL}, *_tags(snapshot)]


def _tags(snapshot: ServiceSnapshot) -> list[dict[str, Any]]:
    """Return the tags that people gave, which have addresses of their own, without requests."""
    tagged = (target for target in snapshot.traffic if target.get("tag"))
    return [{key: value for key, value in each.items() if key != "percent"} for each in tagged]


def _is_ours(name: str) -> bool:
    return name.startswith(PREFIX)

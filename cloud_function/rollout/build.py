"""A build as Cloud Build tells it, read into the few facts that a rollout depends on. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rollout import steps
from rollout.errors import BadEventError

#: The enum's numbers, for publishers that write enums as numbers.
_STATUSES = {
    0: "STATUS_UNKNOWN",
    10: "PENDING",
    1: "QUEUED",
    2: "WORKING",
    3: "SUCCESS",
    4: "FAILURE",
    5: "INTERNAL_ERROR",
    6: "TIMEOUT",
    7: "CANCELLED",
    9: "EXPIRED",
}
FAILURES = frozenset({"FAILURE", "INTERNAL_ERROR", "TIMEOUT", "CANCELLED", "EXPIRED"})

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_NUMBER = re.compile(r"[0-9]{1,9}")
_BUILD_NAME = re.compile(r"projects/([^/]+)/locations/([a-z0-9-]+)/builds/[^/]+")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)")


@dataclass(frozen=True, order=True)
class Image:
    """An image as a rollout names it: by its content, never by a tag."""

    repository: str
    digest: str

    def __str__(self) -> str:
        return f"{self.repository}@{self.digest}"


@dataclass(frozen=True)
class Build:
    """One build; `created_ns` counts nanoseconds since 1970, UTC."""

    id: str
    location: str
    status: str
    created_ns: int
    images: tuple[Image, ...]
    requested_images: tuple[str, ...]
    pushed_by_steps: tuple[str, ...]
    substitutions: Mapping[str, str]
    trigger_id: str
    log_url: str

    @property
    def order(self) -> tuple[int, str]:
        """Return what builds are ordered by: the newer is greater, ids break ties."""
        return self.created_ns, self.id

    @property
    def trigger(self) -> str:
        """Return the trigger's name; whether it was one, `trigger_id` tells."""
        return self.substitutions.get("TRIGGER_NAME", "")

    @property
    def ref(self) -> str:
        """Return the full git ref that was built, `refs/heads/main`; empty where it is unknown."""
        if branch := self.substitutions.get("BRANCH_NAME"):
            return f"refs/heads/{branch}"
        tag = self.substitutions.get("TAG_NAME")
        return f"refs/tags/{tag}" if tag else ""

    @property
    def commit(self) -> str:
        """Return the commit's SHA, or nothing."""
        substitutions = self.substitutions
        return substitutions.get("COMMIT_SHA") or substitutions.get("REVISION_ID", "")

    @property
    def source(self) -> str:
        """Return the source repository, `owner/name` where the host knows owners."""
        substitutions = self.substitutions
        return substitutions.get("REPO_FULL_NAME") or substitutions.get("REPO_NAME", "")

    @property
    def is_pull_request(self) -> bool:
        """Tell whether a pull request was built: a stranger's code, perhaps."""
        return any(self.substitutions.get(name) for name in ("_PR_NUMBER", "_HEAD_REPO_URL"))

    @property
    def repositories(self) -> frozenset[str]:
        """Return where it pushed to or was to push to: what a failed build too tells of itself."""
        names = (*self.requested_images, *self.pushed_by_steps)
        return frozenset(map(repository_of, names)) | {image.repository for image in self.images}


def parse(document: object) -> Build:
    """Read Cloud Build's JSON, leniently. Raises BadEventError for what is missing."""
    if not isinstance(document, Mapping):
        raise BadEventError("the build is no object")
    build_id = document.get("id")
    if not isinstance(build_id, str) or not build_id:
        raise BadEventError("the build has no id")
    given = document.get("substitutions")
    substitutions = {
        str(name): str(value)
        for name, value in (given if isinstance(given, Mapping) else {}).items()
    }
    variables = _built_in(document) | substitutions
    artifacts = document.get("artifacts")
    listed = (document, artifacts if isinstance(artifacts, Mapping) else {})
    requested = dict.fromkeys(name for each in listed for name in steps.texts(each.get("images")))
    return Build(
        id=build_id,
        location=location(document),
        status=status(document.get("status")),
        created_ns=_created_ns(build_id, document.get("createTime")),
        images=_images(document),
        requested_images=tuple(steps.expanded(name, variables) for name in requested),
        pushed_by_steps=tuple(steps.pushed(document, variables)),
        substitutions=substitutions,
        trigger_id=str(document.get("buildTriggerId") or ""),
        log_url=str(document.get("logUrl") or ""),
    )


def status(value: object) -> str:
    """Return the status's name; what is unknown is a status like any other, and no success."""
    if isinstance(value, str) and value.isdigit():
        return _STATUSES.get(int(value) if _NUMBER.fullmatch(value) else -1, "STATUS_UNKNOWN")
    if isinstance(value, int):
        return _STATUSES.get(value, "STATUS_UNKNOWN")
    return value.upper() if isinstance(value, str) and value else "STATUS_UNKNOWN"


def location(document: Mapping[str, Any]) -> str:
    """Return the region that a build ran in by its name; empty where it has no such name."""
    match = _BUILD_NAME.fullmatch(str(document.get("name") or ""))
    return match[2] if match else ""


def repository_of(image: str) -> str:
    """Return an image's name without tag and digest; a registry's port is part of the name."""
    name = image.partition("@")[0]
    last = name.rpartition("/")[2]
    return name.removesuffix(f":{last.partition(':')[2]}") if ":" in last else name


def digest_of(image: str) -> str:
    """Return an image's digest; empty where it is named by a tag."""
    digest = image.partition("@")[2]
    return digest if _DIGEST.fullmatch(digest) else ""


def nanoseconds(moment: str) -> int:
    """Return an RFC 3339 moment in nanoseconds since 1970. Raises ValueError."""
    match = _MOMENT.fullmatch(moment)
    if match is None:
        raise ValueError(f"{moment!r} is not an RFC 3339 moment")
    whole = datetime.fromisoformat(match[1].upper() + match[3].upper().replace("Z", "+00:00"))
    return int(whole.timestamp()) * 10**9 + int((match[2] or "0").ljust(9, "0"))


def moment(nanoseconds: int) -> str:
    """Return nanoseconds since 1970 as RFC 3339, always with nine decimals: texts sort by time."""
    seconds, rest = divmod(nanoseconds, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def _created_ns(build_id: str, created: object) -> int:
    try:
        return nanoseconds(created if isinstance(created, str) else "")
    except ValueError:
        raise BadEventError(f"build {build_id}: createTime={created!r} is not a moment") from None


def _built_in(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the substitutions that Cloud Build knows without being told."""
    match = _BUILD_NAME.fullmatch(str(document.get("name") or ""))
    return {
        "PROJECT_ID": str(document.get("projectId") or ""),
        "BUILD_ID": str(document.get("id") or ""),
        "PROJECT_NUMBER": match[1] if match else "",
        "LOCATION": match[2] if match else "",
    }


def _images(document: Mapping[str, Any]) -> tuple[Image, ...]:
    """Return what was pushed, each once: two tags of one image are two entries of one digest."""
    results = document.get("results")
    pushed = results.get("images") if isinstance(results, Mapping) else None
    found: dict[Image, None] = {}
    for entry in pushed if isinstance(pushed, list) else []:
        if not isinstance(entry, Mapping):
            continue
        name, digest = entry.get("name"), entry.get("digest")
        if isinstance(name, str) and isinstance(digest, str) and _DIGEST.fullmatch(digest):
            found[Image(repository_of(name), digest)] = None
    return tuple(found)

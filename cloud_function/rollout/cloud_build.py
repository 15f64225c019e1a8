"""Asks Cloud Build for builds: only what its API says of our own project's builds is believed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from rollout import build as builds
from rollout.build import Build
from rollout.errors import BadEventError, PermanentError
from rollout.gcp import GoogleApis

_BUILD_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
_MOST_LISTED = 100


@dataclass(frozen=True)
class CloudBuild:
    """The builds of one project."""

    apis: GoogleApis
    endpoint: str
    project: str
    region: str

    def fetch(self, build_id: str, location: str = "") -> Build:
        """Return the build of that id. Raises BadEventError where there is none.

        The project is ours whatever a message says: nobody else's build is ever asked for.
        """
        if not _BUILD_ID.fullmatch(build_id):
            raise BadEventError(f"build id {build_id!r}: must be letters, digits and hyphens")
        try:
            document = self.apis.get(f"{self._builds(location)}/{build_id}")
        except PermanentError as error:
            raise BadEventError(f"build {build_id} is not believed: {error}") from error
        found = builds.parse(document)
        if found.id != build_id:
            raise BadEventError(f"build {build_id} was asked for, {found.id} came")
        return found

    def newest(self) -> list[Build]:
        """Return the newest successful builds, the newest first."""
        parameters = {"filter": 'status="SUCCESS"', "pageSize": str(_MOST_LISTED)}
        listed: list[dict[str, Any]] = self.apis.get(self._builds(), parameters).get("builds") or []
        return sorted(map(builds.parse, listed), key=lambda build: build.order, reverse=True)

    def _builds(self, location: str = "") -> str:
        region = location or self.region
        return f"{self.endpoint}/v1/projects/{self.project}/locations/{region}/builds"

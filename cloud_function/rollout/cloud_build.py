"""Asks Cloud Build for builds: only what its API says of our own project's builds is believed."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from rollout import build as builds
from rollout import log
from rollout.build import Build
from rollout.errors import BadEventError, PermanentError, TransientError
from rollout.gcp import GoogleApis

_BUILD_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
_PAGE_SIZE = 100
#: So many builds a sweep looks at, at most: a busy project's of some weeks.
MOST_LISTED = 2000


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

    def newest(self) -> NewestBuilds:
        """Return the successful builds, the newest first; they are asked for as they are read."""
        return NewestBuilds(self.apis, self._builds())

    def _builds(self, location: str = "") -> str:
        region = location or self.region
        return f"{self.endpoint}/v1/projects/{self.project}/locations/{region}/builds"


class NewestBuilds:
    """A list that is fetched by the page, as far as somebody reads; threads may share it.

    Iterating raises PermanentError and TransientError.
    """

    def __init__(self, apis: GoogleApis, url: str) -> None:
        self._apis = apis
        self._url = url
        self._pages: list[list[Build]] = []
        self._listed = 0
        self._token: str | None = ""
        self._fetching = threading.Lock()

    def __iter__(self) -> Iterator[Build]:
        number = 0
        while self._has(number):
            yield from self._pages[number]
            number += 1

    def _has(self, number: int) -> bool:
        with self._fetching:
            if number == len(self._pages) and self._token is not None:
                self._fetch(self._token)
            return number < len(self._pages)

    def _fetch(self, token: str) -> None:
        parameters = {"filter": 'status="SUCCESS"', "pageSize": str(_PAGE_SIZE)}
        answer = self._apis.get(self._url, parameters | ({"pageToken": token} if token else {}))
        entries = answer.get("builds") or []
        if not isinstance(entries, list):
            raise TransientError(f"{self._url} answers with builds={entries!r:.100}, not a list")
        found = (self._read(entry, self._listed + place) for place, entry in enumerate(entries))
        page = sorted(filter(None, found), key=lambda build: build.order, reverse=True)
        self._pages.append(page)
        self._listed += len(entries)
        following = answer.get("nextPageToken")
        self._token = following if isinstance(following, str) and following != token else None
        if self._token and self._listed >= MOST_LISTED:
            self._token = None
            message = f"the newest {self._listed} builds are listed; what is older is not found"
            log.event("list-cut", message, "WARNING")

    def _read(self, entry: object, place: int) -> Build | None:
        """Return a listed build; one that nobody can read must not hide the others."""
        try:
            return builds.parse(entry)
        except BadEventError as error:
            log.event("unreadable", f"{self._url} lists build {place}: {error}", "WARNING")
            return None

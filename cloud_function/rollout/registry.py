"""Artifact Registry: is an image still there, and the tags that keep a clean-up policy off it.

Such a policy goes by age and tags and knows nothing of clusters. So what serves has the tag `live`,
what would come back `previous`, and the policy keeps both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

from rollout.errors import NotFoundError, RolloutError
from rollout.gcp import GoogleApis

_IMAGE = re.compile(
    r"(?P<location>[a-z0-9-]+)-docker\.pkg\.dev/(?P<project>(?:[a-z0-9-]+\.[a-z0-9.-]+/)?[a-z0-9-]+)/(?P<repository>[a-z0-9-]+)/"
    r"(?P<image>[a-z0-9._/-]+)@(?P<digest>sha256:[0-9a-f]{64})"
)


@dataclass(frozen=True)
class Registry:
    """The API, which is asked for nothing unless `is_on`."""

    apis: GoogleApis
    endpoint: str
    is_on: bool

    def lacks(self, image: str) -> bool:
        """Tell whether an image is certainly gone. Where nobody can tell, it is not."""
        place = _IMAGE.fullmatch(image)
        if not self.is_on or place is None:
            return False
        try:
            self.apis.get(f"{self.endpoint}/v1/{_package(place)}/versions/{place['digest']}")
        except NotFoundError:
            return True
        except RolloutError:
            return False
        return False

    def tag(self, **images: str) -> None:
        """Give each image its tag, which leaves the one that had it. Raises RolloutError."""
        for tag, image in images.items():
            place = _IMAGE.fullmatch(image)
            if self.is_on and place:
                self._move(tag, _package(place), place["digest"])

    def _move(self, tag: str, package: str, digest: str) -> None:
        url = f"{self.endpoint}/v1/{package}/tags"
        body = {"name": f"{package}/tags/{tag}", "version": f"{package}/versions/{digest}"}
        try:
            self.apis.send("PATCH", f"{url}/{tag}", body, {"updateMask": "version"})
        except NotFoundError:
            # There is no such tag yet.
            self.apis.send("POST", url, body, {"tagId": tag})


def _package(place: re.Match[str]) -> str:
    """Return an image's name as the API has it: a slash in it is written as an escape."""
    repository = f"locations/{place['location']}/repositories/{place['repository']}"
    project = place["project"].replace("/", ":")
    return f"projects/{project}/{repository}/packages/{quote(place['image'], safe='')}"

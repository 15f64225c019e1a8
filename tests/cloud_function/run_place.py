"""A Cloud Run service on loopback, and the function that takes messages for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest

from rollout import log
from rollout.cli import main
from rollout.delivery import Delivery
from rollout.execution import Outcome
from rollout.settings import Settings
from tests.cloud_function.border import Border, BuildApi
from tests.cloud_function.run_api import Person, RunApi
from tests.cloud_function.samples import build_document, push

SERVICE = {"PROJECT": "my-project", "SERVICE": "ml-model", "REGION": "europe-west1"}
LABEL = "cloud-run/europe-west1/ml-model"


@dataclass
class Place:
    """A service that serves image 0, and the function that takes messages for it."""

    api: RunApi
    builds: BuildApi
    person: Person
    environment: dict[str, str]

    def delivered(self, letter: str, minute: int, **variables: str) -> Outcome:
        """Let the message of a build come once."""
        document = self.builds.add(build_document(letter, minute))
        (outcome,) = self.delivery(**variables).take(push(document))
        return outcome

    def delivery(self, **variables: str) -> Delivery:
        settings = Settings.from_environment(self.environment | variables)
        # What is looked at is next door.
        return Delivery(replace(settings, poll_interval_s=0.01))

    def command(self, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
        """Run `python -m rollout` with the function's environment."""
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)
        # It has the log go elsewhere for as long as its process lasts.
        monkeypatch.setattr(log, "_on_stderr", False)
        return main(words)


@contextmanager
def placed(api: RunApi, build_api: BuildApi, build_border: Border) -> Iterator[Place]:
    """Serve an API; in the end nothing went in or out that is not of Cloud Run's."""
    with Border(api.answer) as border:
        environment = SERVICE | {
            "CLOUD_RUN_ENDPOINT": border.url,
            "CLOUD_BUILD_ENDPOINT": build_border.url,
            "ARTIFACT_REGISTRY_ENDPOINT": build_border.url,
            "POLL_INTERVAL_S": "0.1",
            "WATCH_TIMEOUT_S": "20",
        }
        yield Place(api, build_api, Person(border, api), environment)
    assert api.complaints == []

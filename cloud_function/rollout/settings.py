"""Every setting of the function, read once from the environment.

A wrong or missing one stops the start with one line that names the variable.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from rollout import targets, values
from rollout.errors import SettingsError
from rollout.event import ACTIONS
from rollout.targets import Target

_SECRETS = ("SLACK_WEBHOOK_URL", "GITHUB_TOKEN")
# An event's function has 540 s and Pub/Sub waits 600: the rest is for the way back.
_LONGEST_WATCH_S = 530


def _variable(name: str, default: str, parse: object, meaning: str) -> dict[str, Any]:
    return {"variable": name, "default": default, "parse": parse, "meaning": meaning}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The function's settings; `from_environment` is the one way to make them outside of tests."""

    targets: tuple[Target, ...]
    verify_build: bool = field(
        metadata=_variable(
            "VERIFY_BUILD", "1", values.flag, "Whether a build is fetched from Cloud Build's API."
        )
    )
    build_region: str = field(
        metadata=_variable(
            "BUILD_REGION",
            "global",
            values.build_region,
            "Where builds run whose message does not say it, and those that reconcile lists.",
        )
    )
    allow_manual_builds: bool = field(
        metadata=_variable(
            "ALLOW_MANUAL_BUILDS",
            "0",
            values.flag,
            "Whether builds that no trigger started (gcloud builds submit) are deployed.",
        )
    )
    commands: tuple[str, ...] = field(
        metadata=_variable(
            "COMMANDS",
            "reconcile",
            values.some_of(*ACTIONS),
            "What a message may ask for by its attribute action: reconcile, approve.",
        )
    )
    reconcile: str = field(
        metadata=_variable(
            "RECONCILE",
            "repair",
            values.one_of("repair", "report"),
            "What reconcile does with a missed build: repair or report.",
        )
    )
    dry_run: bool = field(
        metadata=_variable(
            "DRY_RUN", "0", values.flag, "Whether patches are only checked by the API server."
        )
    )
    approval_timeout_s: float = field(
        metadata=_variable(
            "APPROVAL_TIMEOUT_S",
            "86400",
            values.seconds(60, 30 * 86400),
            "How long a build waits for approval, from when it was asked for.",
        )
    )
    watch_timeout_s: float = field(
        metadata=_variable(
            "WATCH_TIMEOUT_S",
            "480",
            values.seconds(1, _LONGEST_WATCH_S),
            "How long one invocation watches a rollout; the next delivery goes on with it.",
        )
    )
    poll_interval_s: float = field(
        metadata=_variable(
            "POLL_INTERVAL_S", "0.5", values.seconds(0.1, 60), "How often a rollout is looked at."
        )
    )
    trouble_timeout_s: float = field(
        metadata=_variable(
            "TROUBLE_TIMEOUT_S",
            "30",
            values.seconds(0, 3600),
            "How long pods may be in trouble that can pass before the rollout has failed.",
        )
    )
    image_tags: bool = field(
        metadata=_variable(
            "IMAGE_TAGS",
            "0",
            values.flag,
            "Whether what is live, and what was before, is tagged live and previous in Artifact "
            "Registry, and looked for there before it comes back.",
        )
    )
    artifact_registry_endpoint: str = field(
        metadata=_variable(
            "ARTIFACT_REGISTRY_ENDPOINT",
            "https://artifactregistry.googleapis.com",
            values.url,
            "Artifact Registry's API.",
        )
    )
    cloud_build_endpoint: str = field(
        metadata=_variable(
            "CLOUD_BUILD_ENDPOINT",
            "https://cloudbuild.googleapis.com",
            values.url,
            "Cloud Build's API.",
        )
    )
    container_endpoint: str = field(
        metadata=_variable(
            "CONTAINER_ENDPOINT", "https://container.googleapis.com", values.url, "GKE's API."
        )
    )
    cloud_run_endpoint: str = field(
        metadata=_variable(
            "CLOUD_RUN_ENDPOINT", "https://run.googleapis.com", values.url, "Cloud Run's API."
        )
    )
    slack_webhook_url: str = field(
        metadata=_variable("SLACK_WEBHOOK_URL", "", values.url, "Slack's incoming webhook. Secret.")
    )
    github_token: str = field(
        metadata=_variable(
            "GITHUB_TOKEN",
            "",
            values.text,
            "A token that may write deployments of the source repository. Secret.",
        )
    )
    github_endpoint: str = field(
        metadata=_variable("GITHUB_ENDPOINT", "https://api.github.com", values.url, "GitHub's API.")
    )
    github_environment: str = field(
        metadata=_variable(
            "GITHUB_ENVIRONMENT", "production", values.text, "The environment shown on GitHub."
        )
    )

    @property
    def project(self) -> str:
        """Return the project whose builds are believed."""
        return self.targets[0].project

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read every variable; an empty one counts as unset. Raises SettingsError."""
        parsed: dict[str, Any] = {"targets": targets.from_environment(environment)}
        for setting in fields(cls):
            if variable := setting.metadata.get("variable"):
                value = environment.get(variable, "").strip() or setting.metadata["default"]
                try:
                    parsed[setting.name] = setting.metadata["parse"](value)
                except ValueError as allowed:
                    shown = "***" if variable in _SECRETS else value
                    raise SettingsError(f"{variable}={shown!r}: must be {allowed}") from None
        return cls(**parsed)

    @classmethod
    def variables(cls) -> dict[str, tuple[str, str]]:
        """Return each variable with its default and its meaning, for documentation."""
        of_targets = {
            item.variable: (item.default, item.meaning) for item in targets.FIELDS.values()
        }
        several = {"TARGETS": ("", "Several targets: a list in YAML or JSON.")}
        return (
            of_targets
            | several
            | {
                setting.metadata["variable"]: (
                    setting.metadata["default"],
                    setting.metadata["meaning"],
                )
                for setting in fields(cls)
                if setting.metadata
            }
        )

    def masked(self) -> dict[str, Any]:
        """Return variable -> value for the log, with secrets masked."""
        shown: dict[str, Any] = {"TARGETS": [target.label for target in self.targets]}
        for setting in fields(self):
            if variable := setting.metadata.get("variable"):
                value = getattr(self, setting.name)
                shown[variable] = "***" if variable in _SECRETS and value else value
        return shown

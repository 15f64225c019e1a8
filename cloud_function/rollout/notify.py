"""Tells people of a transition, once: a Kubernetes Event, Slack, GitHub's deployment status.

The Event's name is made of what happened, so that the API server itself lets only one through. A
notifier that fails never fails a rollout, and no secret of one is ever logged.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode

import urllib3

from rollout import log
from rollout.errors import RolloutError
from rollout.platform import Platform
from rollout.settings import Settings
from rollout.snapshot import Snapshot

_TIMEOUT = urllib3.Timeout(connect=3, read=10)
_LONGEST_EVENT_BYTES = 1000
_REASONS = {
    "rolling": "RollingOut",
    "live": "RolledOut",
    "rolled-back": "RolledBack",
    "failed": "RolloutFailed",
    "approval-required": "ApprovalRequired",
    "build-failed": "BuildFailed",
}
_GOOD = frozenset({"rolling", "live", "approval-required"})
_GITHUB_STATES = {
    "rolling": "in_progress",
    "live": "success",
    "rolled-back": "failure",
    "failed": "failure",
    "approval-required": "queued",
}


@dataclass(frozen=True)
class Transition:
    """Something that happened to a target, for people; `serial` tells one from the next."""

    kind: str
    target: str
    build_id: str
    commit: str
    ref: str
    source: str
    log_url: str
    image: str
    detail: str
    serial: int

    @property
    def is_good(self) -> bool:
        """Tell whether nobody has to do anything about it."""
        return self.kind in _GOOD

    @property
    def sentence(self) -> str:
        """Return what happened, in one line."""
        at = f" ({self.ref.removeprefix('refs/heads/') or 'no ref'} {self.commit[:8]})"
        return f"{self.kind}: build {self.build_id}{at}: {self.detail}"


class Notifier(Protocol):
    """Somewhere that people look."""

    name: str

    def notify(self, transition: Transition) -> None:
        """Tell it. Raises RolloutError, without any secret in its text."""


class Slack:
    """Posts to an incoming webhook, whose URL is the secret."""

    name = "slack"

    def __init__(self, webhook_url: str, http: urllib3.PoolManager) -> None:
        self._url = webhook_url
        self._http = http

    def notify(self, transition: Transition) -> None:
        """Post one message."""
        mark = ":white_check_mark:" if transition.is_good else ":rotating_light:"
        link = f"\n<{transition.log_url}|build log>" if transition.log_url else ""
        text = f"{mark} *{transition.target}* {_slack_text(transition.sentence)}{link}"
        _send(self._http, "POST", self._url, {}, {"text": text})


class GitHub:
    """Keeps a deployment of the commit on GitHub, found again by the build it carries."""

    name = "github"

    def __init__(self, settings: Settings, http: urllib3.PoolManager) -> None:
        self._endpoint = settings.github_endpoint
        self._environment = settings.github_environment
        self._headers = {
            "Authorization": f"Bearer {settings.github_token}",
            "Accept": "application/vnd.github+json",
            "User-Agent": "slipway-onNewImage",
        }
        self._http = http

    def notify(self, transition: Transition) -> None:
        """Set the status of the build's deployment; what is no rollout is not for GitHub."""
        state = _GITHUB_STATES.get(transition.kind)
        if state is None or "/" not in transition.source or not transition.commit:
            return
        deployments = f"{self._endpoint}/repos/{transition.source}/deployments"
        number = self._find(deployments, transition) or self._create(deployments, transition)
        status = {
            "state": state,
            "description": transition.detail[:140],
            "log_url": transition.log_url,
            "auto_inactive": state == "success",
        }
        _send(self._http, "POST", f"{deployments}/{number}/statuses", self._headers, status)

    def _find(self, deployments: str, transition: Transition) -> int | None:
        query = "?" + urlencode({"sha": transition.commit, "environment": self._environment})
        for found in _send(self._http, "GET", deployments + query, self._headers) or ():
            payload = found.get("payload")
            is_ours = isinstance(payload, Mapping) and payload == _payload(transition)
            if is_ours:
                return int(found["id"])
        return None

    def _create(self, deployments: str, transition: Transition) -> int:
        body = {
            "ref": transition.commit,
            "environment": self._environment,
            "auto_merge": False,
            "required_contexts": [],
            "payload": _payload(transition),
            "description": f"build {transition.build_id} on {transition.target}",
        }
        return int(_send(self._http, "POST", deployments, self._headers, body)["id"])


class Announcer:
    """Writes the Event, and if it is the first of its kind tells every notifier."""

    def __init__(self, notifiers: Sequence[Notifier]) -> None:
        self._notifiers = tuple(notifiers)

    def announce(self, platform: Platform[Any], snapshot: Snapshot, transition: Transition) -> None:
        """Tell of a transition; whatever fails is logged, and nothing is raised."""
        event = {
            "type": "Normal" if transition.is_good else "Warning",
            "reason": _REASONS.get(transition.kind, "NotRolledOut"),
            "message": _cut(transition.sentence),
        }
        try:
            if not platform.record(snapshot, _event_name(snapshot, transition), event):
                return
        except RolloutError as error:
            _log_failure("event", transition, str(error))
        for notifier in self._notifiers:
            try:
                notifier.notify(transition)
            except RolloutError as error:
                _log_failure(notifier.name, transition, str(error))


def from_settings(settings: Settings) -> Announcer:
    """Return an announcer with the notifiers that are configured."""
    http = urllib3.PoolManager(retries=urllib3.Retry(total=1, backoff_factor=0.2))
    notifiers: list[Notifier] = []
    if settings.slack_webhook_url:
        notifiers.append(Slack(settings.slack_webhook_url, http))
    if settings.github_token:
        notifiers.append(GitHub(settings, http))
    return Announcer(notifiers)


def _send(
    http: urllib3.PoolManager,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: Mapping[str, Any] | None = None,
) -> Any:
    """Return the answer's JSON, or None. Raises RolloutError that does not name the URL."""
    try:
        response = http.request(method, url, headers=dict(headers), json=body, timeout=_TIMEOUT)
    except urllib3.exceptions.HTTPError as error:
        raise RolloutError(f"cannot be reached ({type(error).__name__})") from None
    if response.status >= 300:
        raise RolloutError(f"answers {response.status}")
    try:
        return json.loads(response.data)
    except ValueError:
        return None


def _payload(transition: Transition) -> dict[str, str]:
    return {"build": transition.build_id, "target": transition.target}


def _event_name(snapshot: Snapshot, transition: Transition) -> str:
    what = (snapshot.uid, transition.build_id, transition.kind, str(transition.serial))
    return f"{snapshot.name[:200]}.{hashlib.sha256('|'.join(what).encode()).hexdigest()[:16]}"


def _slack_text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(text: str) -> str:
    return text.encode()[:_LONGEST_EVENT_BYTES].decode(errors="ignore")


def _log_failure(name: str, transition: Transition, error: str) -> None:
    log.event(
        "notifier_failed",
        f"{name} was not told: {error}",
        "WARNING",
        notifier=name,
        target=transition.target,
        build=transition.build_id,
        transition=transition.kind,
    )

"""How the text of a setting becomes a value: each parser raises ValueError with what is allowed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

_PROJECT = re.compile(r"(?:[a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]")
_LOCATION = re.compile(r"[a-z]+-[a-z]+\d+(?:-[a-z])?")
_REGION = re.compile(r"[a-z]+-[a-z]+\d+")
_SERVICE = re.compile(r"[a-z](?:[-a-z0-9]{0,47}[a-z0-9])?")
_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?")
_REPOSITORY = re.compile(r"[a-z0-9.-]+(?::\d+)?(?:/[a-z0-9._-]+)+")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def text(value: str) -> str:
    """Take any text."""
    return value


def project(value: str) -> str:
    """Take a Google Cloud project's id."""
    return _matching(value, _PROJECT, "a project id: 6 to 30 lower-case letters, digits, hyphens")


def location(value: str) -> str:
    """Take a zone or a region."""
    return _matching(value, _LOCATION, "a zone or region, as europe-west1-b or europe-west1")


def build_region(value: str) -> str:
    """Take where builds run: a region, or the default pool's `global`."""
    return value if value == "global" else location(value)


def region(value: str) -> str:
    """Take a region."""
    return _matching(value, _REGION, "a region, as europe-west1")


def service(value: str) -> str:
    """Take the name of a Cloud Run service."""
    allowed = "a Cloud Run service's name: at most 49 lower-case letters, digits, hyphens"
    return _matching(value, _SERVICE, allowed)


def name(value: str) -> str:
    """Take the name of a Kubernetes object."""
    return _matching(value, _NAME, "a Kubernetes name: lower-case letters, digits, - and .")


def repository(value: str) -> str:
    """Take an image's name without tag and digest."""
    allowed = "an image's name without tag or digest, as europe-west1-docker.pkg.dev/p/r/image"
    return _matching(value, _REPOSITORY, allowed)


def file(value: str) -> Path | None:
    """Take a file that is there."""
    if not value:
        return None
    try:
        path = Path(value).expanduser()
    except RuntimeError:
        raise ValueError("a file that exists: there is no such user's home") from None
    if not path.is_file():
        raise ValueError("a file that exists")
    return path


def url(value: str) -> str:
    """Take an https URL; plain http only to this machine, where no token is sent."""
    try:
        parts = urlsplit(value)
        is_url = parts.port is None or parts.port > 0
    except ValueError:
        is_url = False
    is_here = is_url and parts.scheme == "http" and parts.hostname in _LOOPBACK
    is_safe = is_url and parts.scheme == "https" and parts.hostname
    if value and not is_here and not is_safe:
        raise ValueError("an https:// URL, or http:// on this machine")
    return value.rstrip("/")


def is_loopback(address: str) -> bool:
    """Tell whether a URL leads to this machine."""
    return urlsplit(address).hostname in _LOOPBACK


def words(value: str) -> tuple[str, ...]:
    """Take a list, separated by spaces or commas."""
    return tuple(value.replace(",", " ").split())


def patterns(value: str) -> tuple[str, ...]:
    """Take regular expressions, separated by spaces."""
    found = tuple(value.split())
    for pattern in found:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"regular expressions, separated by spaces ({error})") from None
    return found


def flag(value: str) -> bool:
    """Take yes or no."""
    if value.lower() not in ("1", "true", "yes", "0", "false", "no"):
        raise ValueError("1 or 0")
    return value.lower() in ("1", "true", "yes")


def one_of(*choices: str) -> Callable[[str], str]:
    """Return a parser that takes one of `choices`."""

    def parse(value: str) -> str:
        if value not in choices:
            raise ValueError(f"one of {', '.join(choices)}")
        return value

    return parse


def some_of(*choices: str) -> Callable[[str], tuple[str, ...]]:
    """Return a parser that takes any of `choices`, or none."""

    def parse(value: str) -> tuple[str, ...]:
        found = words(value)
        if set(found) - set(choices):
            raise ValueError(f"any of {', '.join(choices)}")
        return found

    return parse


def seconds(lowest: float, highest: float) -> Callable[[str], float]:
    """Return a parser that takes seconds between two bounds."""

    def parse(value: str) -> float:
        try:
            number = float(value)
        except ValueError:
            number = -1
        if not lowest <= number <= highest:
            raise ValueError(f"a number of seconds from {lowest:g} to {highest:g}")
        return number

    return parse


def _matching(value: str, pattern: re.Pattern[str], allowed: str) -> str:
    if value and not pattern.fullmatch(value):
        raise ValueError(allowed)
    return value

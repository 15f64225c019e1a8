"""Which versions of a model are served: the latest, unless its `versions.yaml` says otherwise.

`serve` there is `latest`, `{latest: 2}`, `all`, or a list of versions; `labels` is a mapping of
what versions are called to them, as `{stable: 1}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.kinds.face import VERSION_LABEL
from app.serving.yaml_mapping import MappingError, read_mapping

#: Lies beside the folders of a model's versions.
VERSIONS_FILE = "versions.yaml"
_KEYS = ("serve", "labels")
_LABEL = re.compile(VERSION_LABEL)
_ALLOWED = "latest, all, {latest: NUMBER} or a list of versions"


class VersionsError(Exception):
    """A `versions.yaml` that says nothing of use; its text is one line."""


def served(model: Path, there: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """Return which of the versions that are there are to be served, rising, with their labels.

    Raises VersionsError.
    """
    path = model / VERSIONS_FILE
    if not there or not path.is_file():
        return dict.fromkeys(sorted(there)[-1:], ())
    try:
        told = read_mapping(path)
    except MappingError as error:
        raise VersionsError(f"{model.name}/{error}") from error
    if unknown := [key for key in told if key not in _KEYS]:
        reason = f"there is no key {unknown[0]!r}; allowed are {', '.join(_KEYS)}"
        raise VersionsError(f"{model.name}/{path.name}: {reason}")
    versions = _chosen(model, sorted(there), told.get("serve", "latest"))
    labels = _labels(model, versions, told.get("labels", {}))
    return {
        version: tuple(label for label, of in labels.items() if of == version)
        for version in versions
    }


def _labels(model: Path, versions: list[int], told: object) -> dict[str, int]:
    where = f"{model.name}/{VERSIONS_FILE}: labels"
    if not isinstance(told, Mapping):
        raise VersionsError(f"{where} is {told!r}; it must be a mapping of labels to versions")
    for label, version in told.items():
        if not isinstance(label, str) or not _LABEL.fullmatch(label):
            allowed = "it must begin with a letter, and have letters, digits, _, . and - alone"
            raise VersionsError(f"{where} has {label!r}; {allowed}")
        if version not in versions or isinstance(version, bool):
            there = ", ".join(map(str, versions))
            raise VersionsError(f"{where} has {label}: {version!r}; served is {there}")
    return dict(told)


def _chosen(model: Path, there: list[int], serve: object) -> list[int]:
    match serve:
        case "all":
            return there
        case "latest":
            return there[-1:]
        case {"latest": int(count), **others} if not others and _is_whole(count):
            return there[-count:]
        case [*versions] if versions and all(map(_is_whole, versions)):
            wanted = sorted({int(str(version)) for version in versions})
            if absent := [version for version in wanted if version not in there]:
                where = f"{model.name}/{VERSIONS_FILE}: serve names version {absent[0]}"
                raise VersionsError(f"{where}; there are {', '.join(map(str, there))}")
            return wanted
    shown = dict(serve) if isinstance(serve, Mapping) else serve
    reason = f"serve is {shown!r}; it must be {_ALLOWED}"
    raise VersionsError(f"{model.name}/{VERSIONS_FILE}: {reason}")


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1

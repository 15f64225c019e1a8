"""Which versions of a model are served: the latest, unless its `versions.yaml` says otherwise.

`serve` there is `latest`, `{latest: 2}`, `all`, or a list of versions; `labels` is a mapping of
what versions are called to them, as `{stable: 1}`. Of requests that name no version `split` says
how they are shared, as `{1: 90, 2: 10}`, and `shadow` which version gets a copy of each.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

from app.names import VERSION_LABEL
from app.serving.split import Part
from app.serving.yaml_mapping import MappingError, read_mapping

#: Lies beside the folders of a model's versions.
VERSIONS_FILE = "versions.yaml"
#: What the file may say.
KEYS = ("serve", "labels", "split", "shadow")
_MOST_WEIGHT = 1_000_000
_LABEL = re.compile(VERSION_LABEL)
_ALLOWED = "latest, all, {latest: NUMBER} or a list of versions"


class VersionsError(Exception):
    """A `versions.yaml` that says nothing of use; its text is one line."""


@dataclass(frozen=True)
class Standing:
    """What a version that is served is called, and what it answers."""

    labels: tuple[str, ...] = ()
    part: Part = field(default_factory=Part)


def served(model: Path, there: Sequence[int]) -> dict[int, Standing]:
    """Return which of the versions that are there are to be served, rising.

    Raises VersionsError.
    """
    path = model / VERSIONS_FILE
    if not there or not path.is_file():
        return dict.fromkeys(sorted(there)[-1:], Standing())
    try:
        told = read_mapping(path)
    except MappingError as error:
        raise VersionsError(f"{model.name}/{error}") from error
    if unknown := [key for key in told if key not in KEYS]:
        reason = f"there is no key {unknown[0]!r}; allowed are {', '.join(KEYS)}"
        raise VersionsError(f"{model.name}/{path.name}: {reason}")
    versions = _chosen(model, sorted(there), told.get("serve", "latest"))
    labels = _labels(model, versions, told.get("labels", {}))
    try:
        parts = _parts(versions, labels, told)
    except ValueError as error:
        raise VersionsError(f"{model.name}/{path.name}: {error}") from error
    return {
        version: Standing(
            tuple(label for label, of in labels.items() if of == version), parts[version]
        )
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


def _parts(
    versions: list[int], labels: Mapping[str, int], told: Mapping[Any, object]
) -> dict[int, Part]:
    """Return each version's part of the requests that name none; raises ValueError."""
    weights = _weights(versions, labels, told["split"]) if "split" in told else {}
    shadow = _version(versions, labels, "shadow is", told["shadow"]) if "shadow" in told else None
    if shadow in weights:
        raise ValueError(f"shadow is {told['shadow']!r}, a version that split has too")
    if versions == [shadow]:
        raise ValueError(f"shadow is {told['shadow']!r}, and no other version is served")
    return {
        version: Part(weights.get(version, 0) if weights else None, version == shadow)
        for version in versions
    }


def _weights(versions: list[int], labels: Mapping[str, int], told: object) -> dict[int, int]:
    if not isinstance(told, Mapping) or not told:
        shown = dict(told) if isinstance(told, Mapping) else told
        raise ValueError(f"split is {shown!r}; it must be a mapping of versions to their shares")
    weights: dict[int, int] = {}
    for name, weight in told.items():
        version = _version(versions, labels, "split has", name)
        if not _is_whole(weight, least=0) or weight > _MOST_WEIGHT:
            allowed = f"a whole number of 0 to {_MOST_WEIGHT:,} is allowed"
            raise ValueError(f"split gives {name} a share of {weight!r}; {allowed}")
        if version in weights:
            raise ValueError(f"split has version {version} twice")
        weights[version] = weight
    if not any(weights.values()):
        raise ValueError("split gives no version a share of more than 0")
    return weights


def _version(versions: list[int], labels: Mapping[str, int], where: str, told: object) -> int:
    """Return the version that a number or a label means; raises ValueError."""
    version = labels.get(told) if isinstance(told, str) else told
    if not _is_whole(version) or version not in versions:
        there = ", ".join(map(str, (*versions, *labels)))
        raise ValueError(f"{where} {told!r}; served is {there}")
    return version


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


def _is_whole(value: object, least: int = 1) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least

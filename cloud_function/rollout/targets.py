"""Targets as data: which Deployment or Cloud Run service takes which builds' images. No I/O.

One comes from the environment; `TARGETS` lists several, each entry over the environment's values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rollout import values
from rollout.errors import SettingsError


@dataclass(frozen=True, kw_only=True)
class Target:
    """A Deployment or a Cloud Run service, where it is, and what may be rolled out on it."""

    project: str
    zone: str
    cluster: str
    kubeconfig: Path | None
    context: str
    namespace: str
    deployment: str
    region: str
    service: str
    container: str
    repository: str
    triggers: tuple[str, ...]
    refs: tuple[str, ...]
    sources: tuple[str, ...]
    approval: str
    on_manual_change: str
    on_failure: str

    @property
    def label(self) -> str:
        """Return the target's name in logs and on the command line."""
        if self.service:
            return f"cloud-run/{self.region}/{self.service}"
        where = self.cluster or self.context or "kubeconfig"
        return f"{where}/{self.namespace}/{self.deployment}"


@dataclass(frozen=True)
class TargetField:
    """A field of a target: the variable that gives it, its default, how it is read."""

    variable: str
    default: str
    parse: Callable[[str], object]
    meaning: str


FIELDS: dict[str, TargetField] = {
    "project": TargetField("PROJECT", "", values.project, "The Google Cloud project."),
    "zone": TargetField("ZONE", "", values.location, "The cluster's zone or region."),
    "cluster": TargetField("CLUSTER", "", values.name, "The GKE cluster's name."),
    "kubeconfig": TargetField(
        "KUBECONFIG", "", values.file, "A kubeconfig file: any cluster, in place of a GKE one."
    ),
    "context": TargetField(
        "KUBE_CONTEXT", "", values.text, "The kubeconfig's context; by default its current one."
    ),
    "namespace": TargetField("NAMESPACE", "default", values.name, "The Deployment's namespace."),
    "deployment": TargetField("DEPLOYMENT", "", values.name, "The Deployment's name."),
    "region": TargetField("REGION", "", values.region, "The Cloud Run service's region."),
    "service": TargetField(
        "SERVICE", "", values.service, "A Cloud Run service's name, in place of a Deployment's."
    ),
    "container": TargetField(
        "CONTAINER",
        "",
        values.name,
        "The container, or init container; by default those whose repository is built.",
    ),
    "repository": TargetField(
        "IMAGE_REPOSITORY",
        "",
        values.repository,
        "The only image repository to deploy from; by default the one that the target uses.",
    ),
    "triggers": TargetField(
        "TRIGGERS",
        "",
        values.words,
        "Names or ids of the build triggers to follow, whose failures are told; empty is any.",
    ),
    "refs": TargetField(
        "REFS",
        "refs/heads/(main|master)",
        values.patterns,
        "Regular expressions, one of which the whole git ref has to match.",
    ),
    "sources": TargetField(
        "SOURCE_REPOSITORIES", "", values.words, "Source repositories to follow; empty is any."
    ),
    "approval": TargetField(
        "APPROVAL",
        "none",
        values.one_of("none", "required"),
        "Whether a person has to approve each build: none or required.",
    ),
    "on_manual_change": TargetField(
        "ON_MANUAL_CHANGE",
        "hold",
        values.one_of("hold", "override"),
        "What an image changed by hand means: hold (until resumed), or override.",
    ),
    "on_failure": TargetField(
        "ON_FAILURE",
        "rollback",
        values.one_of("rollback", "report"),
        "What follows a failed rollout: rollback, or only a report.",
    ),
}

_OF_CLUSTERS = ("zone", "cluster", "context", "namespace")


def from_environment(environment: Mapping[str, str]) -> tuple[Target, ...]:
    """Return the targets. Raises SettingsError."""
    given = {
        name: environment.get(field.variable, "").strip() or field.default
        for name, field in FIELDS.items()
    }
    several = environment.get("TARGETS", "")
    if not several.strip():
        return (_target(given, {name: field.variable for name, field in FIELDS.items()}),)
    targets = tuple(
        _target(
            _merged(given, _entry(entry, number)),
            {name: f"TARGETS[{number}].{name}" for name in FIELDS},
        )
        for number, entry in enumerate(_entries(several))
    )
    for number, target in enumerate(targets):
        if target in targets[:number]:
            raise SettingsError(f"TARGETS[{number}]: is there twice: {target.label}")
    return targets


def _merged(given: Mapping[str, str], entry: Mapping[str, str]) -> dict[str, str]:
    """Return an entry over the environment, which may be of another kind of target."""
    unfit = ("deployment",) if "service" in entry else ("service",) if "deployment" in entry else ()
    return {**given, **dict.fromkeys(unfit, ""), **entry}


class _EachKeyOnce(yaml.SafeLoader):
    """YAML's rule that a mapping has a key once, of which PyYAML lets the last one win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and (key.tag, key.value) in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"{key.value} is there twice", problem_mark=key.start_mark
                )
            seen.add((key.tag, str(key.value)))
        return super().construct_mapping(node, deep)


def _entries(text: str) -> list[Any]:
    try:
        entries = yaml.load(text, _EachKeyOnce)
    # PyYAML raises the last two itself: for a date as 2020-13-45, and for what is nested too deep.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        where = " ".join(str(error).split())
        raise SettingsError(f"TARGETS: must be a list in YAML or JSON: {where}") from None
    if not isinstance(entries, list) or not entries:
        raise SettingsError("TARGETS: must be a list in YAML or JSON with at least one entry")
    return entries


def _entry(entry: object, number: int) -> dict[str, str]:
    if not isinstance(entry, Mapping):
        raise SettingsError(f"TARGETS[{number}]={entry!r}: must be an object")
    texts: dict[str, str] = {}
    for name, value in entry.items():
        if name not in FIELDS:
            raise SettingsError(f"TARGETS[{number}].{name}: unknown; known are {', '.join(FIELDS)}")
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            value = " ".join(value)
        if not isinstance(value, str):
            raise SettingsError(f"TARGETS[{number}].{name}={value!r}: must be text or a list of it")
        texts[str(name)] = value
    return texts


def _target(given: Mapping[str, str], names: Mapping[str, str]) -> Target:
    """Parse one target; `names` says how each field is called where it was written."""
    parsed: dict[str, Any] = {}
    for name, field in FIELDS.items():
        try:
            parsed[name] = field.parse(given[name])
        except ValueError as allowed:
            raise SettingsError(f"{names[name]}={given[name]!r}: must be {allowed}") from None
    if parsed["service"] and parsed["deployment"]:
        raise SettingsError(
            f"{names['service']}={given['service']!r}: must not be beside {names['deployment']}="
            f"{given['deployment']!r}: a target is one or the other, and TARGETS takes several"
        )
    if parsed["service"]:
        needed = ["project", "region"]
        # A shell may have these for other programs.
        parsed |= dict.fromkeys(_OF_CLUSTERS, "") | {"kubeconfig": None}
    else:
        needed = ["project", "deployment", "namespace"]
        parsed |= {"region": ""}
        if parsed["kubeconfig"] is None:
            needed[1:1] = ["zone", "cluster"]
    for name in needed:
        if not parsed[name]:
            raise SettingsError(f"{names[name]}: must be set. {FIELDS[name].meaning}")
    return Target(**parsed)

"""One model of the repository as it goes from found to ready, and which one a request means.

Plain values and rules: nothing here loads, locks or logs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from app.kinds.kind import LoadedModel
from app.serving.client import ModelStatus
from app.serving.errors import ModelAmbiguous, ModelNotFound, ModelNotReady, VersionNotFound
from app.serving.layout import Found
from app.serving.signatures import Signatures
from app.serving.split import Part, Split

#: Of each of a version's files its name, its size and its time.
Stamp = tuple[object, ...]

LOADING = "loading"
READY = "ready"
FAILED = "failed"
UNLOADED = "unloaded"

#: What is told of a model's file that is not loaded.
_STILL_TOLD = ("file", "about")
_ALL_UNLOADED = "every model is unloaded"


@dataclass(frozen=True, eq=False)
class Entry:
    """One model: where it was found and how far it has come."""

    found: Found
    state: str = LOADING
    options: Mapping[str, Any] = field(default_factory=dict)
    kind: str | None = None
    face: str = ""
    loaded: str = ""
    model: LoadedModel | None = None
    signatures: Signatures = field(default_factory=dict)
    max_batch: int = 1
    description: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    loaded_s: float | None = None
    has_failed_golden: bool = False
    stamp: Stamp = ()
    """What changes when its files do."""
    is_update: bool = False
    """Whether it came while others served, or was told to load."""
    samples: Sequence[Path] = ()
    """The pictures that lie with it."""

    @property
    def name(self) -> str:
        """The model's name."""
        return self.found.name

    @property
    def version(self) -> int:
        """The model's version; 0 where none was found."""
        return self.found.version

    @property
    def title(self) -> str:
        """How log lines and errors call it."""
        return f"{self.name} version {self.version}" if self.version else self.name

    @property
    def is_fallback(self) -> bool:
        """Whether it steps aside for other models where a request names none."""
        return bool(self.options.get("fallback", False))

    @property
    def may_be_default(self) -> bool:
        """Whether it may answer a request that names no model, where there are others."""
        return bool(self.options.get("default", True))

    @property
    def state_text(self) -> str:
        """Its state in one line, with the error where it failed."""
        if self.error is None:
            return f"{self.title} is {self.state}"
        return f"{self.title} failed: {self.error}"

    @property
    def part(self) -> Part:
        """What it does for requests that name no version."""
        return self.found.part

    def unloaded(self) -> Entry:
        """Return what is left of it once it was told to serve no more."""
        told = {key: self.description[key] for key in _STILL_TOLD if key in self.description}
        return Entry(
            self.found,
            UNLOADED,
            options=self.options,
            kind=self.kind,
            description=told,
            stamp=self.stamp,
            samples=self.samples,
        )

    def status(self, *, is_default: bool, split: Split | None = None) -> ModelStatus:
        """Return what clients see of it; `split` is that of its model."""
        return ModelStatus(
            name=self.name,
            version=self.version,
            state=self.state,
            kind=self.kind,
            is_default=is_default,
            description=self.description,
            error=self.error,
            loaded_s=self.loaded_s,
            face=self.face or None,
            version_labels=[*self.found.version_labels],
            split=None if split is None else split.percent(self.version),
            share=None if split is None else self._share(split),
            shadow={} if self.part.is_shadow else None,
            samples=[path.name for path in self.samples],
        )

    def _share(self, split: Split) -> float:
        # A version that is loaded anew is there twice.
        return split.percent_now(self.version) if self.state == READY else 0.0


@dataclass(frozen=True)
class Choice:
    """The ready version that a request means.

    `span` is that of `Chosen`; `shadow` is the version that gets a copy of what is asked.
    """

    entry: Entry
    model: LoadedModel
    span: tuple[int, int] | None = None
    shadow: Entry | None = None


def default_entry(entries: Sequence[Entry], default_model: str | None) -> Entry:
    """Return the model of a request that names none; it may not be ready.

    `default_model` if set; else the only model. Fallbacks step aside for all others, for fallbacks
    those that are not to be the default, and a model that failed for one that did not. One that
    was told to serve no more is as if it were not there.

    Raises ModelNotFound, ModelNotReady or ModelAmbiguous.
    """
    if default_model is not None:
        return _named(entries, default_model)
    wanted = _wanted(entries)
    if not wanted:
        raise ModelNotReady(_ALL_UNLOADED if entries else "the model repository holds no model")
    candidates = default_candidates(one_of_each(wanted))
    if len(candidates) == 1:
        return candidates[0]
    if all(entry.state == FAILED for entry in candidates):
        raise ModelNotReady(_texts(candidates))
    raise ModelAmbiguous([entry.name for entry in candidates])


def one_of_each(entries: Sequence[Entry]) -> list[Entry]:
    """Return of each model the version of a request that names none.

    That is the highest that is ready; where none is, the highest that has not failed. Where there
    is a split it is the one with the largest share, and a shadow never is.
    """
    best: dict[str, Entry] = {}
    for entry in sorted(entries, key=_claim):
        best[entry.name] = entry
    return [best[name] for name in dict.fromkeys(entry.name for entry in entries)]


def _claim(entry: Entry) -> tuple[bool, bool, bool, int, int]:
    is_ready, is_hopeful, version = _preference(entry)
    return entry.part.may_answer, is_ready, is_hopeful, entry.part.weight or 0, version


def _preference(entry: Entry) -> tuple[bool, bool, int]:
    return entry.state == READY, entry.state != FAILED, entry.version


def split_of(entries: Sequence[Entry]) -> Split | None:
    """Return how the requests to one model's versions are split; None where they are not."""
    weights = {one.version: one.part.weight for one in entries if one.part.weight is not None}
    ready = {one.version for one in entries if one.state == READY and one.version in weights}
    return Split(weights, ready) if weights else None


def span_of(versions: Sequence[Entry], key: str | None) -> tuple[int, int] | None:
    """Return for which points of a split a version is chosen by its key; None without a split.

    Without a key it is chosen for none.
    """
    split = split_of(versions)
    if split is None:
        return None
    if key is None or not split.spans:
        return 0, 0
    span, _ = split.span_of(key)
    return span.start, span.stop


def shares_of(entries: Sequence[Entry]) -> dict[str, dict[str, Any]]:
    """Return of each model with a split, or a shadow, what a log line says of it."""
    told: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(entry.name for entry in entries):
        versions = [entry for entry in _wanted(entries) if entry.name == name]
        split, shadow = split_of(versions), shadow_of(versions)
        if split is None and shadow is None:
            continue
        parts = [one for one in versions if one.part.weight or one.part.is_shadow]
        ready = {one.version for one in parts if one.state == READY}
        told[name] = {
            "model": name,
            "shares": split and split.shares(),
            "shadow": shadow and shadow.version,
            "not_ready": sorted({one.version for one in parts} - ready),
        }
    return told


def shadow_of(entries: Sequence[Entry]) -> Entry | None:
    """Return the version of a model that gets a copy of the requests; None where none can."""
    shadows = [one for one in entries if one.part.is_shadow and one.state == READY]
    return max(shadows, key=_preference, default=None)


def with_parts(
    entries: Sequence[Entry], parts: Mapping[tuple[str, int], Part]
) -> tuple[Entry, ...]:
    """Return the entries with the parts that they are to have now.

    Those of a model stay as they are while none that may answer then is ready: what answers goes
    on.
    """
    moved = [
        one
        if (part := parts.get((one.name, one.version), one.part)) == one.part
        else replace(one, found=replace(one.found, part=part))
        for one in entries
    ]
    able = {one.name for one in moved if one.state == READY and one.part.may_answer}
    return tuple(new if new.name in able else old for old, new in zip(entries, moved, strict=True))


def default_candidates(entries: Sequence[Entry]) -> list[Entry]:
    """Return the models among which there must be one only for a request that names none.

    A fallback never answers in the place of a model that failed: the demo's shapes would look
    like that model's answer.
    """
    eligible = [entry for entry in entries if entry.may_be_default] or list(entries)
    candidates = [entry for entry in eligible if not entry.is_fallback] or eligible
    return [entry for entry in candidates if entry.state != FAILED] or candidates


def choose(
    entries: Sequence[Entry],
    name: str | None,
    version: int | str | None,
    default_model: str | None,
    *,
    key: str | None = None,
) -> Entry:
    """Return the ready model that a request means; raises ServingError.

    `key` decides where the requests that name no version are split.
    """
    entry = default_entry(entries, default_model) if name is None else _named(entries, name)
    if version is None and key is not None and entry.part.weight is not None:
        split = split_of(named(entries, entry.name))
        version = split.span_of(key)[1] if split and split.spans else None
    if version is not None and version != entry.version:
        entry = _of_version(named(entries, entry.name), version)
    if entry.state != READY:
        raise ModelNotReady(entry.state_text)
    return entry


def _of_version(entries: Sequence[Entry], version: int | str) -> Entry:
    if isinstance(version, str):
        labels = [label for entry in entries for label in entry.found.version_labels]
        entries_of = [entry for entry in entries if version in entry.found.version_labels]
        if not entries_of:
            raise VersionNotFound(entries[0].name, version, sorted(set(labels)))
        return max(entries_of, key=_preference)
    found = [entry for entry in entries if entry.version == version]
    if not found:
        there = [entry.version for entry in entries if entry.version]
        raise VersionNotFound(entries[0].name, version, sorted(there))
    return max(found, key=_preference)


def readiness(
    entries: Sequence[Entry], default_model: str | None, *, wants_all: bool = False
) -> tuple[bool, str]:
    """Say whether traffic may come: all have finished loading, and what has to serve does.

    That is the model that a request without a name means, or with `wants_all` every one; a model
    that failed a golden is never passed over. What came while others served, or was told to load,
    changes nothing until it serves, unless it is meant by requests without a name; and what was
    told to serve no more has not to. The reason is one line.
    """
    there, entries = entries, _wanted(entries)
    if there and not entries:
        return False, _ALL_UNLOADED
    if default_model not in {entry.name for entry in entries} and any(
        entry.name == default_model for entry in there
    ):
        default_model = None
    all_wanted = entries
    updates = [entry for entry in entries if entry.is_update and entry.state != READY]
    entries = [entry for entry in entries if entry not in updates]
    if updates and not entries:
        return False, _texts(updates)
    loading = [entry for entry in entries if entry.state == LOADING]
    if loading:
        return False, loading[0].state_text
    failed = [entry for entry in entries if entry.state == FAILED]
    unfaithful = [entry for entry in failed if entry.has_failed_golden]
    if unfaithful:
        return False, unfaithful[0].state_text
    if len(failed) == len(entries) or (failed and wants_all):
        return False, _texts(failed) or "the model repository holds no model"
    try:
        choose(all_wanted, None, None, default_model)
    except ModelAmbiguous:
        return True, "ready"  # each request names its model
    except (ModelNotFound, ModelNotReady) as error:
        told = "" if default_model is None else f"DEFAULT_MODEL={default_model}: "
        return False, f"{told}{error}"
    return True, "ready"


def _wanted(entries: Sequence[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry.state != UNLOADED]


def named(entries: Sequence[Entry], name: str) -> list[Entry]:
    """Return the entries of a name; raises ModelNotFound where there is none."""
    found = [entry for entry in entries if entry.name == name]
    if not found:
        raise ModelNotFound(name, [entry.name for entry in entries])
    return found


def _texts(entries: Sequence[Entry]) -> str:
    return "; ".join(entry.state_text for entry in entries)


def _named(entries: Sequence[Entry], name: str) -> Entry:
    return one_of_each(named(entries, name))[0]

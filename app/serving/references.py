"""Models by reference: a `model.yaml` whose `source` says where the model's file is to be had.

Git takes no large files, so what lies there is the YAML alone. `slipway fetch` brings the file to
the place that it would have in git, and from then on it is a model as any other. What belongs
beside it, such as another form of it, is referred to by `companions`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

from app.kinds.registry import companion_suffixes, suffixes
from app.serving.yaml_mapping import MappingError, read_mapping

#: What a `source` may begin with.
SCHEMES = ("gs", "s3", "az", "https", "http")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FIELDS = ("uri", "sha256", "bytes")
_SUFFIXES, _COMPANION_SUFFIXES = suffixes(), companion_suffixes()
_LARGEST_BYTES = 1 << 40
_LARGEST_YAML_BYTES = 1 << 20
_MEANT = re.compile(rb"(?im)^[\xef\xbb\xbf\s{\"',]*source[\"']?\s*:")


class SourceError(Exception):
    """A reference that says nothing of use; its text is one line that names the field."""


@dataclass(frozen=True)
class Source:
    """Where a model's file is to be had, and what it is."""

    uri: str
    sha256: str
    size_bytes: int

    @classmethod
    def of(cls, value: object, key: str = "source", endings: tuple[str, ...] = _SUFFIXES) -> Source:
        """Return what `source:` says, or another key of a file so called. Raises SourceError."""
        if not isinstance(value, Mapping) or set(value) != set(_FIELDS):
            what = list(value) if isinstance(value, Mapping) else type(value).__name__
            told = f"a mapping of {', '.join(_FIELDS)}"
            raise SourceError(f"{key} has {what}; it must be {told}")
        uri, sha256, size_bytes = (value[name] for name in _FIELDS)
        if not isinstance(uri, str) or not _is_address(uri, endings):
            known = ", ".join(f"{scheme}://…" for scheme in SCHEMES[:-1])
            raise SourceError(
                f"{key}: uri is {shown(uri)!r}; it must be one of {known}, and end in "
                f"{' or '.join(endings)}"
            )
        if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
            allowed = "64 digits 0-9 and a-f, in quotes"
            raise SourceError(f"{key}: sha256 is {sha256!r}; it must be {allowed}")
        is_number = isinstance(size_bytes, int) and not isinstance(size_bytes, bool)
        if not is_number or not 1 <= size_bytes <= _LARGEST_BYTES:
            allowed = f"a whole number from 1 to {_LARGEST_BYTES}"
            raise SourceError(f"{key}: bytes is {size_bytes!r}; it must be {allowed}")
        return cls(uri, sha256, size_bytes)

    @property
    def file_name(self) -> str:
        """What the file is called at its source."""
        return _file_name(self.uri)

    def difference(self, path: Path) -> str | None:
        """Say how a file differs from this; None where it is this. Raises OSError."""
        size_bytes = path.stat().st_size
        if size_bytes != self.size_bytes:
            return f"has {size_bytes:,} bytes, and its source {self.size_bytes:,}"
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return (
            None if digest == self.sha256 else f"has sha256 {digest}, and its source {self.sha256}"
        )


@dataclass(frozen=True)
class Reference:
    """What a `model.yaml` refers to: a model's file, and those that belong beside it."""

    source: Source
    companions: tuple[Source, ...] = ()

    @classmethod
    def of(cls, options: Mapping[Any, Any]) -> Reference | None:
        """Return what options refer to; None where that is nothing. Raises SourceError."""
        listed = options.get("companions", [])
        if "source" not in options:
            if listed:
                raise SourceError("companions are listed, and no source; add it, or leave them out")
            return None
        source = Source.of(options["source"])
        if not isinstance(listed, list):
            raise SourceError(f"companions is {listed!r}; it must be a list, as source has it each")
        stem = PurePosixPath(source.file_name).stem
        names = tuple(stem + suffix for suffix in _COMPANION_SUFFIXES)
        companions = tuple(Source.of(one, "companions", names) for one in listed)
        for one in companions:
            if one.file_name not in names:
                allowed = f"as the source's file it must be {' or '.join(names)}"
                raise SourceError(f"companions: uri ends in {one.file_name!r}; {allowed}")
        if len({one.file_name for one in companions}) < len(companions):
            raise SourceError("companions: two have one name; keep one")
        return cls(source, companions)

    def targets(self, folder: Path, stem: str | None = None) -> list[tuple[Source, Path]]:
        """Return each file and where it belongs, the model's own first."""
        target = target_of(self.source, folder, stem)
        there = len(PurePosixPath(self.source.file_name).stem)
        beside = [
            (one, target.with_name(target.stem + one.file_name[there:])) for one in self.companions
        ]
        return [(self.source, target), *beside]


def problem_of(options: Mapping[Any, Any]) -> str | None:
    """Say what is wrong with what options refer to; None where nothing is."""
    try:
        Reference.of(options)
    except SourceError as error:
        return str(error)
    return None


def reference_in(path: Path) -> Reference | None:
    """Return what a `model.yaml` refers to; None where that is nothing.

    Raises SourceError, whose text names the file.
    """
    try:
        return Reference.of(read_mapping(path))
    except MappingError as error:
        raise SourceError(str(error)) from error
    except SourceError as error:
        raise SourceError(f"{path.name}: {error}") from error


def is_reference(path: Path) -> bool:
    """Say whether a YAML file refers to a model, or was meant to: it may be broken."""
    try:
        with path.open("rb") as file:
            return _MEANT.search(file.read(_LARGEST_YAML_BYTES)) is not None
    except OSError:
        return False


def absence(options: Path, folder: Path, stem: str | None = None) -> str | None:
    """Say that the file that a `model.yaml` refers to is not in `folder`, and how it gets there.

    With a `stem` it would have that name there. None where the YAML refers to nothing.
    """
    if not is_reference(options):
        return None
    if problem := misnamed(options):
        return problem
    try:
        reference = reference_in(options)
    except SourceError as error:
        return str(error)
    if reference is None:
        return f"{options.name} has no key source, and there is no model file beside it"
    source = reference.source
    name = target_of(source, folder, stem).name
    return f"{name} is not here yet ({source.size_bytes:,} bytes); slipway fetch brings it"


def misnamed(options: Path) -> str | None:
    """Say of a reference that nobody reads how it has to be named."""
    right = options.with_suffix(".yaml").name
    return f"{options.name} is not read; name it {right}" if options.name != right else None


def target_of(source: Source, folder: Path, stem: str | None = None) -> Path:
    """Return where the file belongs: under its own name, or another stem."""
    name = source.file_name
    return folder / (f"{stem}{PurePosixPath(name).suffix}" if stem else name)


def shown(uri: object) -> object:
    """Return an address without what may be a secret in it: who asks, and the query."""
    if not isinstance(uri, str) or not uri.startswith("http"):
        return uri
    return re.sub(r"^(https?://)[^/@]*@", r"\1", uri.partition("?")[0])


def _is_address(uri: str, endings: tuple[str, ...]) -> bool:
    scheme, separator, rest = uri.partition("://")
    name = _file_name(uri)
    has_name = name.lower().endswith(tuple(map(str.lower, endings))) and not name.startswith(".")
    is_whole = bool(separator) and not rest.startswith("/") and "/" in rest
    return scheme in SCHEMES and is_whole and has_name and uri.isprintable() and name.isprintable()


def _file_name(uri: str) -> str:
    """Return the last part of the path; a web address's may be written in escapes."""
    path = uri.partition("://")[2]
    if uri.startswith("http"):
        path = unquote(re.split(r"[?#]", path)[0])
    return PurePosixPath(path).name

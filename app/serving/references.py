"""Models by reference: a `model.yaml` whose `source` says where the model's file is to be had.

Git takes no large files, so what lies there is the YAML alone. `slipway fetch` brings the file to
the place that it would have in git, and from then on it is a model as any other.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from app.kinds.registry import suffixes
from app.serving.yaml_mapping import MappingError, read_mapping

#: What a `source` may begin with.
SCHEMES = ("gs", "s3", "az", "https", "http")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FIELDS = ("uri", "sha256", "bytes")
_SUFFIXES = suffixes()
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
    def of(cls, value: object) -> Source:
        """Return what `source:` says. Raises SourceError."""
        if not isinstance(value, Mapping) or set(value) != set(_FIELDS):
            what = list(value) if isinstance(value, Mapping) else type(value).__name__
            told = f"a mapping of {', '.join(_FIELDS)}"
            raise SourceError(f"source has {what}; it must be {told}")
        uri, sha256, size_bytes = (value[name] for name in _FIELDS)
        if not isinstance(uri, str) or not _is_address(uri):
            known = ", ".join(f"{scheme}://…" for scheme in SCHEMES[:-1])
            raise SourceError(
                f"source: uri is {shown(uri)!r}; it must be one of {known}, and end in "
                f"{' or '.join(_SUFFIXES)}"
            )
        if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
            allowed = "64 digits 0-9 and a-f, in quotes"
            raise SourceError(f"source: sha256 is {sha256!r}; it must be {allowed}")
        is_number = isinstance(size_bytes, int) and not isinstance(size_bytes, bool)
        if not is_number or not 1 <= size_bytes <= _LARGEST_BYTES:
            allowed = f"a whole number from 1 to {_LARGEST_BYTES}"
            raise SourceError(f"source: bytes is {size_bytes!r}; it must be {allowed}")
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


def problem_of(value: object) -> str | None:
    """Say what is wrong with a `source:`; None where nothing is."""
    try:
        Source.of(value)
    except SourceError as error:
        return str(error)
    return None


def source_in(path: Path) -> Source | None:
    """Return the source that a `model.yaml` names; None where it names none.

    Raises SourceError, whose text names the file.
    """
    try:
        mapping = read_mapping(path)
    except MappingError as error:
        raise SourceError(str(error)) from error
    if "source" not in mapping:
        return None
    try:
        return Source.of(mapping["source"])
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
        source = source_in(options)
    except SourceError as error:
        return str(error)
    if source is None:
        return f"{options.name} has no key source, and there is no model file beside it"
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


def _is_address(uri: str) -> bool:
    scheme, separator, rest = uri.partition("://")
    name = _file_name(uri)
    has_name = PurePosixPath(name).suffix.lower() in _SUFFIXES and not name.startswith(".")
    is_whole = bool(separator) and not rest.startswith("/") and "/" in rest
    return scheme in SCHEMES and is_whole and has_name and uri.isprintable() and name.isprintable()


def _file_name(uri: str) -> str:
    """Return the last part of the path; a web address's may be written in escapes."""
    path = uri.partition("://")[2]
    if uri.startswith("http"):
        path = unquote(re.split(r"[?#]", path)[0])
    return PurePosixPath(path).name

"""How a room declares its settings, a frozen group each, and how they are read.

A refusal is one line that names the variable, the value and what is allowed. The standard library
alone: process 1 and `slipway fetch` read settings where nothing else is installed or wanted.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field, fields
from pathlib import Path
from typing import Any, TypeVar

Group = TypeVar("Group")

# An AF_UNIX address holds 108 bytes with its closing zero; macOS has four less.
LONGEST_SOCKET_PATH = 103

# So many that every limit has fewer: Python refuses to read thousands.
_DIGITS = re.compile(r"[0-9]{1,18}")
_BUCKET = re.compile(r"(?:gs|s3|az)://[^/\s?#]+(?:/[^/\s?#]+)*/?")
_ROUTE = re.compile(r"/(?:[\w.~:@-]+(?:/[\w.~:@-]+)*/?)?", re.ASCII)

#: What a path is where none is given.
NO_PATH = Path()


class SettingsError(Exception):
    """A setting that cannot be used; its text is one line."""


def text(value: str) -> str | None:
    return value or None


def whole_number(lowest: int, highest: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if _DIGITS.fullmatch(value) and lowest <= int(value) <= highest:
            return int(value)
        raise ValueError(f"a whole number from {lowest} to {highest}")

    return parse


def seconds(lowest: float, highest: float) -> Callable[[str], float]:
    def parse(value: str) -> float:
        allowed = f"a number of seconds from {lowest:g} to {highest:g}"
        try:
            seconds = float(value)
        except ValueError:
            raise ValueError(allowed) from None
        if not lowest <= seconds <= highest:
            raise ValueError(allowed)
        return seconds

    return parse


def one_of(*choices: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value.lower() not in choices:
            raise ValueError(f"one of {', '.join(choices)}")
        return value.lower()

    return parse


def repository(value: str) -> Path | str:
    """Return a folder, or the address of a bucket or of a folder in it."""
    if "://" not in value:
        return Path(value).expanduser()
    if not _BUCKET.fullmatch(value):
        buckets = "gs://, s3:// or az:// with the name of a bucket, and perhaps a folder in it"
        raise ValueError(f"a folder on this machine, or {buckets}")
    return value.rstrip("/")


def folder(value: str) -> Path | None:
    if "://" in value:
        raise ValueError("a folder on this machine")
    return Path(value).expanduser().absolute() if value else None


def file(value: str) -> Path | None:
    if not value:
        return None
    path = Path(value).expanduser().absolute()
    # Where nginx reads of it these would end it.
    if not path.is_file() or set(str(path)) & set(" \t\n;{}\"'$"):
        raise ValueError("a file, in whose path is no blank, quote, brace, ; or $")
    return path


def socket(value: str) -> Path:
    if not value:
        return NO_PATH
    path = Path(value).expanduser().absolute()
    if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
        raise ValueError(f"a path of at most {LONGEST_SOCKET_PATH} bytes")
    return path


def route(value: str) -> str | None:
    if value and not _ROUTE.fullmatch(value):
        raise ValueError("a path of letters, digits and -._~:@/, that begins with one /")
    return value or None


def variable(
    name: str, default: str, parse: Callable[[str], object], meaning: str, alias: str | None = None
) -> Any:
    """Declare a setting, as the field of a frozen dataclass.

    Args:
        name: of its variable.
        default: as the variable would have it.
        parse: makes its value of the text; raises ValueError with what is allowed.
        meaning: in one sentence.
        alias: the variable in which a platform gives it.
    """
    metadata = {
        "variable": name,
        "default": default,
        "parse": parse,
        "meaning": meaning,
        "alias": alias,
    }
    return field(default_factory=lambda: parse(default), metadata=metadata)


def group(of: Callable[[], object]) -> Any:
    """Declare another room's settings, or others of this one, as a field beside `variable`s."""
    return field(default_factory=of, metadata={"group": of})


def read(
    of: type[Group], environment: Mapping[str, str], defaults: Mapping[str, str] | None = None
) -> Group:
    """Read a group's variables; an empty one counts as unset. Raises SettingsError.

    `defaults` are those of this start, where they are others than declared.
    """
    values = {}
    for setting in fields(of):  # type: ignore[arg-type]
        told = setting.metadata
        if not told:
            # What no variable says follows from what others do.
            continue
        if "group" in told:
            values[setting.name] = read(told["group"], environment, defaults)
        else:
            default = (defaults or {}).get(told["variable"], told["default"])
            values[setting.name] = _value({**told, "default": default}, environment)
    return of(**values)


def described(settings: Any) -> Iterator[tuple[Mapping[str, Any], object]]:
    """Yield what is declared of each variable of a group, and its value."""
    for setting in fields(settings):
        value = getattr(settings, setting.name)
        if "group" in setting.metadata:
            yield from described(value)
        elif setting.metadata:
            yield setting.metadata, value


def _value(setting: Mapping[str, Any], environment: Mapping[str, str]) -> object:
    """Return what a setting's variable, or the platform's for it, says; else the default.

    Raises SettingsError for a value that is not allowed, and where the two contradict each other.
    """
    variable, alias = setting["variable"], setting["alias"]
    given = environment.get(variable, "").strip()
    value = _parsed(setting, variable, given or setting["default"])
    told = environment.get(alias, "").strip() if alias else ""
    if not told:
        return value
    platforms = _parsed(setting, alias, told)
    if given and value != platforms:
        raise SettingsError(f"{variable}={given!r}: must be {told!r}, as {alias} is, or not set")
    return platforms


def _parsed(setting: Mapping[str, Any], variable: str, value: str) -> object:
    try:
        return setting["parse"](value)
    except ValueError as allowed:
        raise SettingsError(f"{variable}={value!r}: must be {allowed}") from None

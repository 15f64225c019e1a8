"""What a setting's variable may hold: how its text is read, and what a refusal says is allowed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

# An AF_UNIX address holds 108 bytes with its closing zero; macOS has four less.
LONGEST_SOCKET_PATH = 103

# So many that every limit has fewer: Python refuses to read thousands.
_DIGITS = re.compile(r"[0-9]{1,18}")
_BUCKET = re.compile(r"(?:gs|s3|az)://[^/\s?#]+(?:/[^/\s?#]+)*/?")
_ROUTE = re.compile(r"/(?:[\w.~:@-]+(?:/[\w.~:@-]+)*/?)?", re.ASCII)


#: The variables of tensorflow/serving's image, and what is the default where one of them is set.
_OF_TENSORFLOW_SERVING = ("MODEL_NAME", "MODEL_BASE_PATH")
_ITS_DEFAULTS = {"MODEL_REPOSITORY": "/models", "PORT": "8501"}


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


def socket(value: str) -> Path | None:
    if not value:
        return None
    path = Path(value).expanduser().absolute()
    if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
        raise ValueError(f"a path of at most {LONGEST_SOCKET_PATH} bytes")
    return path


def route(value: str) -> str | None:
    if value and not _ROUTE.fullmatch(value):
        raise ValueError("a path of letters, digits and -._~:@/, that begins with one /")
    return value or None


def other_defaults(environment: Mapping[str, str]) -> Mapping[str, str]:
    """Return the defaults of variables that another server's image has, whose ways are taken."""
    is_like_it = any(environment.get(name, "").strip() for name in _OF_TENSORFLOW_SERVING)
    return _ITS_DEFAULTS if is_like_it else {}


def variable(
    name: str, default: str, parse: Callable[[str], object], meaning: str, alias: str | None = None
) -> dict[str, Any]:
    """Describe a setting; `alias` is the variable in which a platform gives it."""
    return {
        "variable": name,
        "default": default,
        "parse": parse,
        "meaning": meaning,
        "alias": alias,
    }

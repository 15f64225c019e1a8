"""Reads what arrives, in whichever of its forms, into a report of a build or a command.

Lenient as the bus is loose: a CloudEvent's data, a whole structured CloudEvent, Pub/Sub's push
wrapper, a bare message or a bare build; snake_case beside camelCase; unknown fields. No I/O.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rollout.errors import BadEventError

#: What a message may ask for, by its attribute `action`.
ACTIONS = ("reconcile", "approve")


@dataclass(frozen=True)
class BuildReport:
    """What a message says of a build: not believed until the API says it too."""

    build_id: str
    status: str
    document: Mapping[str, Any] = field(default_factory=dict)
    message_id: str = ""


@dataclass(frozen=True)
class Command:
    """What a message asks for in place of reporting a build."""

    action: str
    build_id: str = ""
    message_id: str = ""


def read(content: object) -> BuildReport | Command:
    """Return what `content` says: bytes, text or parsed JSON. Raises BadEventError."""
    document = _object(content, "the event")
    if "specversion" in document:
        document = _cloud_event_data(document)
    message = document.get("message", document)
    if not isinstance(message, Mapping):
        raise BadEventError(f"the event's message is {_kind(message)} where an object is expected")
    if _is_build(message):
        return _report(message, {}, "")
    attributes = message.get("attributes") or {}
    if not isinstance(attributes, Mapping):
        raise BadEventError(f"the message's attributes are {_kind(attributes)}, not an object")
    message_id = _text(message, "messageId") or _text(message, "message_id")
    if action := _text(attributes, "action"):
        if action not in ACTIONS:
            raise BadEventError(f"action={action!r}: must be one of {', '.join(ACTIONS)}")
        return Command(action, _text(attributes, "buildId"), message_id)
    return _report(_payload(message), attributes, message_id)


def _report(build: Mapping[str, Any], attributes: Mapping[str, Any], message: str) -> BuildReport:
    build_id = _text(build, "id") or _text(attributes, "buildId")
    if not build_id:
        raise BadEventError("the message names no build: neither `id` in its data nor `buildId`")
    status = build.get("status", attributes.get("status", ""))
    return BuildReport(build_id, str(status), build, message)


def _is_build(message: Mapping[str, Any]) -> bool:
    return "id" in message and "status" in message and "data" not in message


def _payload(message: Mapping[str, Any]) -> Mapping[str, Any]:
    data = message.get("data")
    if data in (None, ""):
        return {}
    if isinstance(data, Mapping):
        return data
    if not isinstance(data, str):
        raise BadEventError(f"the message's data is {_kind(data)}, not base64 text")
    return _object(_decoded(data), "the message's data")


def _decoded(text: str) -> bytes:
    """Decode base64 of either alphabet, with or without its padding."""
    compact = "".join(text.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)
    except binascii.Error as error:
        raise BadEventError(f"the message's data is not base64: {error}") from None


def _cloud_event_data(envelope: Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(encoded := envelope.get("data_base64"), str):
        return _object(_decoded(encoded), "the CloudEvent's data")
    return _object(envelope.get("data"), "the CloudEvent's data")


def _object(content: object, what: str) -> Mapping[str, Any]:
    if isinstance(content, bytes | bytearray | str):
        try:
            content = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise BadEventError(f"{what} is not JSON: {error}") from None
    if not isinstance(content, Mapping):
        raise BadEventError(f"{what} is {_kind(content)} where an object is expected")
    return content


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    return value if isinstance(value, str) else ""


def _kind(value: object) -> str:
    kinds = {type(None): "missing", list: "a list", str: "text", bool: "a boolean"}
    return kinds.get(type(value), "a number" if isinstance(value, int | float) else "odd")

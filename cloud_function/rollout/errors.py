"""What can go wrong, by what it leads to; `delivery.py` alone turns these into ack or retry."""

from __future__ import annotations


class RolloutError(Exception):
    """Base of all errors here; its text is for a person."""


class PermanentError(RolloutError):
    """It would fail however often it is tried: the message is acknowledged, the log says so."""


class SettingsError(RolloutError):
    """A setting that cannot be used; its text is one line that names it."""


class BadEventError(PermanentError):
    """A message that nobody can make sense of."""


class NotFoundError(PermanentError):
    """What was asked for is not there."""


class TransientError(RolloutError):
    """It may succeed later: raised out of the function, so that Pub/Sub delivers it again."""


class ConflictError(RolloutError):
    """The target has changed since it was read: read it again and decide anew."""

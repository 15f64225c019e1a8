"""The Cloud Function `onNewImage`: a finished build's message in, its image rolled out.

What it does is in the package `rollout` beside this file. Settings are read at the start: a wrong
one ends it there, with one line that names the variable.
"""

from __future__ import annotations

import sys

import functions_framework
from cloudevents.http import CloudEvent

from rollout import log
from rollout.delivery import Delivery
from rollout.errors import SettingsError
from rollout.settings import Settings

try:
    _SETTINGS = Settings.from_environment()
except SettingsError as error:
    sys.exit(f"onNewImage: {error}")

log.event("started", "onNewImage has started", settings=_SETTINGS.masked())
_DELIVERY = Delivery(_SETTINGS)


# The name is the function's entry point, in every project that deploys it.
@functions_framework.cloud_event
def onNewImage(event: CloudEvent) -> None:
    """Take one message; returning acknowledges it, raising has it delivered again."""
    _DELIVERY.take(event.data)

"""Chooses where inference runs: in its own process, or in this one."""

from __future__ import annotations

from collections.abc import Sequence

from app.kinds.kind import Kind
from app.serving.client import InferenceClient
from app.serving.settings import ServingSettings


def connect(settings: ServingSettings, *, kinds: Sequence[Kind] | None = None) -> InferenceClient:
    """Return the client that the settings ask for, at once: models may still be loading.

    With `INFERENCE=process` nothing is started here and no framework is imported. `kinds`
    replaces the list in `app.kinds.registry` where the models run in this process.
    """
    if settings.inference == "in_process":
        # Only here: the kinds' side of the repository stays out of the HTTP workers.
        from app.serving.local_client import LocalClient

        return LocalClient.start(settings, kinds=kinds)
    from app.serving.socket_client import SocketClient

    return SocketClient(settings.inference_socket, timeout_s=settings.inference_timeout_s)

"""How other protocols tell errors: `{"error": "…"}`, with the statuses that their clients know.

What is wrong, `problems` says, once for all; here is how it is put. No Flask in here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

#: What is wrong with an input is one thing to these protocols.
_BAD_REQUEST = dict.fromkeys((406, 411, 415, 422), 400)


@dataclass(frozen=True)
class Dialect:
    """A protocol's way with errors.

    Args:
        blueprint: the protocol's.
        prefix: what the paths of all its models begin with.
        statuses: those that it does not have, with what stands for them.
        no_route: what it says of a path or a method that it does not have, with 400; nothing
            where it says what the server itself does.
    """

    blueprint: str
    prefix: str
    statuses: Mapping[int, int] = field(default_factory=lambda: _BAD_REQUEST)
    no_route: str = ""

    def status(self, status: int) -> int:
        """Return the status that stands for one of the server's."""
        return self.statuses.get(status, status)

    def body(self, detail: str) -> bytes:
        """Return the body of an error."""
        text = json.dumps({"error": detail}, ensure_ascii=False)
        return text.encode(errors="backslashreplace") + b"\n"


#: TensorFlow Serving's. `/v1/endpoints/…`, where Vertex AI sends, is none of its paths.
V1 = Dialect("v1", "/v1/models", no_route="Malformed request: {method} {path}")
#: The Open Inference Protocol's.
V2 = Dialect("v2", "/v2")
DIALECTS = (V1, V2)


def of_path(path: str) -> Dialect | None:
    """Return the dialect of a path that leads nowhere; None is the server's own."""
    return next(
        (
            one
            for one in DIALECTS
            if path.startswith(one.prefix) and path[len(one.prefix) :][:1] in ("", "/")
        ),
        None,
    )


def of_blueprint(name: str | None) -> Dialect | None:
    """Return the dialect of a route's blueprint; None is the server's own."""
    return next((one for one in DIALECTS if one.blueprint == name), None)

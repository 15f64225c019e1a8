"""The log: one JSON object a line, with the fields that Cloud Logging reads, on stdout."""

from __future__ import annotations

import json
import sys
import threading
from datetime import UTC, datetime

_WRITING = threading.Lock()
_on_stderr = False


def to_stderr() -> None:
    """Leave stdout to a command's answers."""
    global _on_stderr
    _on_stderr = True


def event(name: str, message: str, severity: str = "INFO", **fields: object) -> None:
    """Write one line; `name` is what metrics and alerts count by, `message` is for a person."""
    line: dict[str, object] = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "severity": severity,
        "event": name,
        "message": message,
    }
    line |= {key: value for key, value in fields.items() if value not in (None, "")}
    text = json.dumps(line, default=str, ensure_ascii=False) + "\n"
    # JSON that came may hold half a surrogate pair, which is no character; escaped it is JSON.
    text = text.encode(errors="backslashreplace").decode()
    with _WRITING:
        stream = sys.stderr if _on_stderr else sys.stdout
        stream.write(text)
        stream.flush()

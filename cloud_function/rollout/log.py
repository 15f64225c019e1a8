"""The log: one JSON object a line on stdout, with the fields that Cloud Logging reads."""

from __future__ import annotations

import json
import sys
import threading
from datetime import UTC, datetime

_WRITING = threading.Lock()


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
    with _WRITING:
        sys.stdout.write(text)
        sys.stdout.flush()

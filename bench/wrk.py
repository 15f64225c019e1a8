"""wrk, a client in C: at thousands of requests a second one in Python would be measured itself."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench.served import Sent

_TIMEOUT_S = 30
_SCRIPT = """
local file = io.open(%(body)s, "rb")
wrk.method, wrk.body = "POST", file:read("*a")
file:close()
%(headers)s
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '{"seconds": %%f, "requests": %%d, "not_200": %%d, "broken": %%d, "ms": [%%f, %%f, %%f]}\\n',
    summary.duration / 1e6, summary.requests, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(95) / 1e3, latency:percentile(99) / 1e3))
end
"""


@dataclass(frozen=True)
class Result:
    """What came back in one run."""

    clients: int
    rate: float
    """Answers with 200, a second."""
    not_200: int
    broken: int
    """Connections that broke, and answers that did not come in time."""
    p50_ms: float
    p95_ms: float
    p99_ms: float


def require() -> str:
    """Return the program; exits with one line where it is not there."""
    found = shutil.which("wrk")
    if found is None:
        sys.exit("wrk is not on the PATH: apt-get install wrk (Debian), brew install wrk (macOS)")
    return found


def load(port: int, sent: Sent, *, seconds: int, clients: int) -> Result:
    """Let clients send one request after the other, each when its last one is answered."""
    with tempfile.TemporaryDirectory() as folder:
        body, script = Path(folder) / "body", Path(folder) / "request.lua"
        body.write_bytes(sent.body)
        # A string of JSON is one of Lua.
        headers = [
            f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}"
            for name, value in sent.headers.items()
        ]
        values = {"body": json.dumps(str(body)), "headers": "\n".join(headers)}
        script.write_text(_SCRIPT % values)
        url = f"http://127.0.0.1:{port}{sent.path}"
        options = ["-t1", f"-c{clients}", f"-d{seconds}s", f"--timeout={_TIMEOUT_S}s"]
        ran = subprocess.run(
            [require(), *options, "-s", str(script), url],
            capture_output=True,
            text=True,
            check=True,
            timeout=seconds + 2 * _TIMEOUT_S,
        )
    told = json.loads(ran.stdout.strip().splitlines()[-1])
    answered = told["requests"] - told["not_200"]
    return Result(clients, answered / told["seconds"], told["not_200"], told["broken"], *told["ms"])

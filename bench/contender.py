"""Lets programs that must not share a process take turns: each waits for its turn and times it.

One side is `take_turns`, called in the contender's own process (and environment); the other is
`Contender`, held by the benchmark. They speak lines of JSON over stdin and stdout.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def cpu_seconds() -> float:
    """Return the CPU seconds that this process has used, in all threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def take_turns(run: Callable[[], object], **facts: Any) -> None:
    """Say that this process is ready, then call `run` once for each line that comes in."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer
    print(json.dumps(facts), file=answers)
    for _ in sys.stdin:
        cpu, wall = cpu_seconds(), time.perf_counter()
        run()
        wall, cpu = time.perf_counter() - wall, cpu_seconds() - cpu
        peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"wall_s": wall, "cpu_s": cpu, "peak_mib": peak_mib}), file=answers)


@dataclass
class Contender:
    """A program that takes part; its answers pile up in `turns`."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    facts: dict[str, Any] = field(default_factory=dict)
    turns: list[dict[str, float]] = field(default_factory=list)

    def start(self) -> None:
        """Start the program and wait until it is ready; raises RuntimeError where it ends."""
        self._process = subprocess.Popen(
            self.command,
            cwd=ROOT,
            env={**os.environ, **self.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.facts = self._answer()

    def turn(self) -> None:
        """Let the program run once."""
        assert self._process.stdin is not None
        print(file=self._process.stdin, flush=True)
        self.turns.append(self._answer())

    def stop(self) -> None:
        """End the program."""
        self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name}: ended with status {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

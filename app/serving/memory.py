"""What happens where memory runs out: the kernel kills the inference process, and no other first.

It can be started again without a connection being lost; an HTTP worker, uWSGI's master or process 1
of a container cannot. Only the standard library.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path

from app.serving.cgroups import Cgroups

# Thousandths of all memory that a process counts as larger when the kernel chooses. Enough before
# workers that decode; relative, so that a pod keeps its rank among others when a node runs out.
_PREFERENCE = 300
_HIGHEST = 1000
_UNLIMITED = 1 << 60
_REMEDY = "give the server more of it, or lower MAX_IMAGE_PIXELS and QUEUE_LIMIT"


def be_killed_first(score: Path = Path("/proc/self/oom_score_adj")) -> None:
    """Let the kernel choose this process before others of its group; raising needs no right."""
    with contextlib.suppress(OSError, ValueError):
        score.write_text(str(min(_HIGHEST, int(score.read_text()) + _PREFERENCE)))


@dataclass(frozen=True)
class MemoryGroup:
    """The memory of this process's control group."""

    cgroups: Cgroups = field(default_factory=Cgroups)

    def kills(self) -> int:
        """Return how many processes of the group the kernel has killed for lack of memory."""
        for folder in self.cgroups.folders("memory"):
            for name in ("memory.events", "memory.oom_control"):
                with contextlib.suppress(OSError, LookupError, ValueError):
                    words = (folder / name).read_text().split()
                    return int(words[words.index("oom_kill") + 1])
        return 0

    def limit_mib(self) -> int | None:
        """Return the least limit of the group and of those above, None where there is none."""
        limits = []
        for folder in self.cgroups.folders("memory"):
            for name in ("memory.max", "memory.limit_in_bytes"):
                # A limit may be the word `max`.
                with contextlib.suppress(OSError, ValueError):
                    limits.append(int((folder / name).read_text()))
        least = min(limits, default=_UNLIMITED)
        return least >> 20 if least < _UNLIMITED else None

    def why_killed(self, kills_before: int) -> str:
        """Return why a process was sent SIGKILL, given how many had been killed before."""
        if self.kills() <= kills_before:
            return f"probably out of memory; {_REMEDY}"
        limit_mib = self.limit_mib()
        size = "" if limit_mib is None else f" of {limit_mib} MiB"
        return f"the memory{size} ran out; {_REMEDY}"

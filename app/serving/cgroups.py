"""Where the limits of this process's container are: the folders of its control groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cgroups:
    """The control groups of a process, of version 2 and 1; by default this one's."""

    mounted: Path = Path("/sys/fs/cgroup")
    own: Path = Path("/proc/self/cgroup")

    def folders(self, controller: str) -> Iterator[Path]:
        """Yield the folders of the process's group, then of those above it.

        A container may see its group as the root and its path as the host's: what does not exist
        is for the caller to pass over.
        """
        try:
            lines = self.own.read_text().splitlines()
        except OSError:
            lines = ["0::/"]
        for line in lines:
            _, controllers, path = line.split(":", 2)
            if controllers and controller not in controllers.split(","):
                continue
            root = self.mounted / controller if controllers else self.mounted
            folder = root / path.lstrip("/")
            yield folder
            while folder != root and root in folder.parents:
                folder = folder.parent
                yield folder

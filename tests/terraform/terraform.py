"""Runs terraform in a folder, and knows which folders there are."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TERRAFORM = ROOT / "terraform"


def _folders(parent: str) -> list[str]:
    found = (TERRAFORM / parent).glob("*/main.tf")
    return sorted(str(path.parent.relative_to(TERRAFORM)) for path in found)


MODULES = _folders("modules")
ENVIRONMENTS = _folders("environments")
FOLDERS = MODULES + ENVIRONMENTS


@dataclass(frozen=True)
class Terraform:
    """The command, with one folder of unpacked providers for all that it runs in."""

    path: str
    plugins: Path

    def initialised(self, folder: Path) -> Path:
        """Return a folder that the other commands can be run in."""
        self.run(folder, "init", "-backend=false")
        return folder

    def passed(self, folder: Path) -> int:
        """Run the folder's own tests and return how many passed; none may fail."""
        told = self.run(folder, "test")
        passed = re.search(r"Success! (\d+) passed, 0 failed\.", told)
        assert passed is not None, told[-3000:]
        return int(passed[1])

    def run(self, folder: Path, *words: str, exits: Container[int] = (0,)) -> str:
        """Run it and return what it printed; another exit status is the test's failure."""
        environment = os.environ | {
            "CHECKPOINT_DISABLE": "1",
            # A third of the processor time went into collecting the garbage of Google's schema.
            "GOGC": "400",
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "TF_PLUGIN_CACHE_DIR": str(self.plugins),
        }
        ran = subprocess.run(
            [self.path, words[0], *_flags(words[0]), *words[1:]],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=600,
        )
        assert ran.returncode in exits, f"{folder.name}: {' '.join(words)}\n{ran.stdout[-6000:]}"
        return ran.stdout


def _flags(verb: str) -> list[str]:
    return ["-no-color"] if verb in {"init", "validate", "plan", "apply", "destroy", "test"} else []

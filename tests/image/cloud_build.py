"""Runs the steps of `cloudbuild.yaml` here, with their variables, as Cloud Build would."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.image.containers import ImageTool

CONFIGURATION = yaml.safe_load((Path(__file__).parents[2] / "cloudbuild.yaml").read_text())
COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "my-project/slipway/ml-model"
_BASE = CONFIGURATION["substitutions"]["_BASE"].rpartition("/")[2]


def throwaway_python(folder: Path) -> Path:
    """Make a `python` with the packages of this one; what a step installs beside goes with it.

    Returns the folder that is to be on the `PATH`.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "these.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "bin"


@dataclass(frozen=True)
class Builder:
    """Runs a step's script with its variables, in a folder that stands for /workspace."""

    workspace: Path
    path: str
    registry: str

    def run(self, name: str, **substitutions: str) -> subprocess.CompletedProcess[str]:
        (step,) = [step for step in CONFIGURATION["steps"] if step["id"] == name]
        values = CONFIGURATION["substitutions"] | {"PROJECT_ID": "my-project"} | substitutions
        # A registry of this machine in place of Google's, and the base under its short name.
        values["_BASE"] = _BASE
        variables = dict(
            self._substituted(entry, values).split("=", 1) for entry in step.get("env", ())
        )
        return subprocess.run(
            ["bash", "-c", step["script"]],
            cwd=self.workspace,
            env={"PATH": self.path, "HOME": os.environ["HOME"], **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    def run_in_its_image(self, name: str, tool: ImageTool, folder: Path) -> None:
        """Run a step's script in the image that it names, the workspace its working directory.

        As a step of a build, because those reach what packages come from.
        """
        (step,) = [step for step in CONFIGURATION["steps"] if step["id"] == name]
        assert step["name"] == "${_BASE}"
        folder.mkdir()
        (folder / "script").write_text(step["script"])
        (folder / "Steps").write_text(
            f"FROM {_BASE} AS step\nCOPY script /\nRUN cd /workspace && bash /script\n"
            "FROM scratch\nCOPY --from=step /etc/hostname /\n"
        )
        volume = f"{self.workspace}:/workspace"
        options = ("--layers=false", "--network=host", "--volume", volume)
        tool.ask("build", *options, "-f", str(folder / "Steps"), str(folder))

    def _substituted(self, text: str, values: dict[str, str]) -> str:
        """Substitute as Cloud Build does: what is not known becomes nothing."""
        here = text.replace("${_REGION}-docker.pkg.dev", self.registry)
        return re.sub(r"\$\{(\w+)\}", lambda found: values.get(found[1], ""), here)

    def manifest(self, tag: str, repository: str = REPOSITORY) -> tuple[str, Any]:
        """Return the digest and the manifest that the registry has under a tag."""
        request = urllib.request.Request(
            f"http://{self.registry}/v2/{repository}/manifests/{tag}",
            headers={"Accept": "application/vnd.docker.distribution.manifest.v2+json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return str(answer.headers["Docker-Content-Digest"]), json.load(answer)

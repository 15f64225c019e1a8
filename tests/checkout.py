"""A user's copy of the project: what git has, without git, and with the edits that are theirs."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path


def copy_of(root: Path, folder: Path) -> Path:
    """Copy what git would check out, as it stands in the working tree, to a new folder.

    The edits of docs/by-hand.md are made, and what `gcloud` does not send of it is not there.
    """
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=True,
    )
    there = b"\0".join(
        name for name in listed.stdout.split(b"\0") if name and (root / name.decode()).is_file()
    )
    folder.mkdir()
    copy = "tar --null --files-from=- -c | tar -x -C " + str(folder)
    subprocess.run(["sh", "-c", copy], cwd=root, input=there, check=True)
    (folder / ".gitignore").unlink()
    (edit,) = re.findall(r"^sed -i .+$", (root / "docs" / "by-hand.md").read_text(), re.M)
    theirs = {**os.environ, "PROJECT": "acme-vision", "REGION": "us-central1"}
    subprocess.run(["sh", "-c", edit], cwd=folder, env=theirs, check=True)
    edited = (folder / "kubernetes" / "overlays" / "gke" / "project.yaml").read_text()
    assert "us-central1-docker.pkg.dev/acme-vision/" in edited
    return folder

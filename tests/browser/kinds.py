"""A server with kinds of a test's own: a copy of the code, with their files and lines added."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

from tests.app.api.server import Server
from tests.browser.conftest import running


def running_with(
    kinds: Mapping[str, tuple[str, str]], root: Path, folder: Path, models: Path, **variables: str
) -> Iterator[Server]:
    """Yield a server as README starts it, once it is ready, which has more kinds than what ships.

    `kinds` has by the name of each module its text, and its line in the registry.
    """
    copy = folder / "slipway"
    for room in ("app", "mrcnn"):
        shutil.copytree(root / room, copy / room, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("nginx.conf", "uwsgi.ini"):
        shutil.copy(root / name, copy)
    for name, (text, line) in kinds.items():
        (copy / "app" / "kinds" / f"{name}.py").write_text(text)
        _list(copy / "app" / "kinds" / "registry.py", line)
    command = (sys.executable, "-m", "app.cli", "serve")
    yield from running(Server(folder, models, copy, *command, **variables))


def own_kind(module: ModuleType) -> tuple[str, str]:
    """Return the text of a module with one kind, whose files end in its name, and its line."""
    name = module.__name__.rpartition(".")[2]
    line = f'    "app.kinds.{name}:{name.capitalize()}": (".{name}",),'
    return Path(str(module.__file__)).read_text(), line


def document_kind(root: Path) -> tuple[str, str]:
    """Return the kind of docs/kinds.md, which finds instances, and its line."""
    page = (root / "docs" / "kinds.md").read_text()
    kind, line = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return kind, line


def _list(registry: Path, line: str) -> None:
    text = registry.read_text()
    head, opening, rest = text.partition("LISTED: dict[str, tuple[str, ...]] = {\n")
    assert opening, "the registry lists its kinds in another way"
    registry.write_text(f"{head}{opening}{line}\n{rest}")

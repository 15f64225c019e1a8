"""What Matterport's modules had imported, for scripts that take it from them: `from ... import *`.

A name is imported when it is first asked for, so that no module needs what only scripts use.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

_STANDARD = {"logging": "logging", "math": "math", "os": "os", "random": "random"}
MODEL = {
    **_STANDARD,
    "K": "keras.backend",
    "KE": "keras.engine",
    "KL": "keras.layers",
    "KM": "keras.models",
    "OrderedDict": "collections:OrderedDict",
    "datetime": "datetime",
    "keras": "keras",
    "multiprocessing": "multiprocessing",
    "np": "numpy",
    "re": "re",
    "tf": "tensorflow",
}
UTILS = {
    **_STANDARD,
    "np": "numpy",
    "shutil": "shutil",
    "sys": "sys",
    "tf": "tensorflow",
    "urllib": "urllib",
    "warnings": "warnings",
}
VISUALIZE = {
    "Polygon": "matplotlib.patches:Polygon",
    "colorsys": "colorsys",
    "itertools": "itertools",
    "lines": "matplotlib.lines",
    "np": "numpy",
    "os": "os",
    "patches": "matplotlib.patches",
    "plt": "matplotlib.pyplot",
    "random": "random",
    "sys": "sys",
    "utils": "mrcnn.utils",
}


def importer(module: str, names: dict[str, str]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a module that has `names`, "module" or "module:attribute"."""

    def get(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        source, _, attribute = names[name].partition(":")
        found = importlib.import_module(source)
        return getattr(found, attribute) if attribute else found

    return get

"""Loads a booster in a process of its own, before the server does, and looks at all of its trees.

XGBoost trusts its files: a damaged one may end the process, fill the memory, or have trees in which
a prediction goes round for ever. It is run as a script: nothing of the server is imported. Prints
one JSON object: what the booster is, or `error`.
"""

from __future__ import annotations

import json
import resource
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

# A booster takes some ten times the room of its file, the libraries take the rest.
_LEAST_ROOM, _ROOM_A_BYTE = 3 * 2**30, 64
_TOO_MUCH = "it asks for more memory than a booster of its size takes"
_LEAF = -1


class DamagedError(Exception):
    """A booster that does not hold."""


def main(path: Path) -> dict[str, Any]:
    """Return what a booster is; raises DamagedError, or XGBoost's own error."""
    room = _LEAST_ROOM + _ROOM_A_BYTE * path.stat().st_size
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    warnings.simplefilter("ignore")
    import xgboost

    xgboost.set_config(verbosity=0)
    booster = xgboost.Booster({"nthread": 1}, model_file=bytearray(path.read_bytes()))
    learner = json.loads(booster.save_raw(raw_format="json"))["learner"]
    shape = learner["learner_model_param"]
    features = int(shape["num_feature"])
    groups = max(int(shape["num_class"]), 1) * max(int(shape.get("num_target", 1)), 1)
    gradient = learner["gradient_booster"]
    trees = _trees(gradient)
    if trees is not None:
        _check(trees, features, groups)
    found = [
        booster.predict(xgboost.DMatrix(rows, missing=np.nan, nthread=1), validate_features=False)
        for rows in (np.zeros((2, features)), np.full((2, features), np.nan))
    ]
    return {
        "xgboost": xgboost.__version__,
        "features": features,
        "names": booster.feature_names,
        "types": booster.feature_types,
        "objective": learner["objective"]["name"],
        "booster": gradient["name"],
        "trees": len(trees["trees"]) if trees is not None else 0,
        "nodes": sum(len(tree["left_children"]) for tree in trees["trees"]) if trees else 0,
        "shape": list(found[0].shape[1:]),
    }


def _trees(gradient: dict[str, Any]) -> dict[str, Any] | None:
    """Return a gradient booster's trees; None where it is linear."""
    if gradient["name"] == "dart":
        gradient = gradient["gbtree"]
    return gradient["model"] if gradient["name"] == "gbtree" else None


def _check(model: dict[str, Any], features: int, groups: int) -> None:
    """Raise DamagedError unless each prediction comes to a leaf by columns that are there."""
    info = model["tree_info"]
    if len(info) != len(model["trees"]) or not all(0 <= group < groups for group in info):
        raise DamagedError("its trees are for outputs that it does not have")
    for number, tree in enumerate(model["trees"]):
        if reason := _wrong(tree, features):
            raise DamagedError(f"tree {number} {reason}")


def _wrong(tree: dict[str, Any], features: int) -> str | None:
    left, right = (np.array(tree[f"{side}_children"], np.int64) for side in ("left", "right"))
    columns = np.array(tree["split_indices"], np.int64)
    count = len(left)
    if not count or len(right) != count or len(columns) != count:
        return "has no nodes, or not all of each"
    splits = left != _LEAF
    if ((right != _LEAF) != splits).any():
        return "has a split with one side"
    children = np.concatenate([left[splits], right[splits]])
    # Each node has one parent at most and the root none: what is reached from there is a tree.
    if ((children <= 0) | (children >= count)).any() or len(set(children)) != len(children):
        return "leads out of itself, or round in a circle"
    if ((columns[splits] < 0) | (columns[splits] >= features)).any():
        return f"asks for a column beyond the {features} that there are"
    return _wrong_categories(tree)


def _wrong_categories(tree: dict[str, Any]) -> str | None:
    starts, sizes = tree.get("categories_segments", []), tree.get("categories_sizes", [])
    most = len(tree.get("categories", []))
    fits = len(starts) == len(sizes) == len(tree.get("categories_nodes", []))
    ends = [start + size for start, size in zip(starts, sizes, strict=False)]
    if fits and all(end <= most for end in ends) and all(one >= 0 for one in [*starts, *sizes]):
        return None
    return "has categories that are not there"


if __name__ == "__main__":
    try:
        told = main(Path(sys.argv[1]))
    except MemoryError:
        told = {"error": _TOO_MUCH}
    except DamagedError as damaged:
        told = {"error": f"it is damaged: {damaged}"}
    except UnicodeDecodeError:
        told = {"error": "it is damaged: a text in it is no UTF-8"}
    except (KeyError, TypeError, ValueError) as unfit:
        # XGBoost's own error is a ValueError; its first line says what is wrong, and where in C++.
        is_memory = any(word in str(unfit) for word in ("bad_alloc", "vector::"))
        told = {"error": _TOO_MUCH if is_memory else str(unfit)}
    print(json.dumps(told))

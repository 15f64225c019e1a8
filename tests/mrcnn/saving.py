"""The ways in which Keras names and groups the arrays of one network, as changes to its groups."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from tests.mrcnn.tiny import Groups

Change = Callable[[Groups], object]
_MOVING = ("moving_mean:0", "moving_variance:0")


def renamed(rename: Callable[[str], str], groups: str = "") -> Change:
    """Return a change of all arrays' names, or of those in groups that match a pattern."""

    def change(content: Groups) -> None:
        for group, arrays in content.items():
            if re.fullmatch(groups or ".*", group):
                content[group] = [(rename(name), array) for name, array in arrays]

    return change


def numbered(number: int) -> Change:
    """Return what Keras 2 does in a session in which the model has been built before."""
    return renamed(lambda name: name.replace("/", f"_{number}/"))


def regrouped(rename: Callable[[str], str]) -> Change:
    """Return a change of the groups' names."""

    def change(content: Groups) -> None:
        for group in list(content):
            content[rename(group)] = content.pop(group)

    return change


def nested(*groups: str, inner: str = ".*", frozen: str = "") -> Change:
    """Return what a wrapper of a model saves: one group, what is trained first.

    `groups` are all groups of the wrapper, the last one the model's; `inner` is a pattern of the
    layers that lie in it, `frozen` of those that were not trained.
    """

    def change(content: Groups) -> None:
        arrays = [
            (group, name, array)
            for group in list(content)
            if re.fullmatch(inner, group)
            for name, array in content.pop(group)
        ]
        later = [
            (name, array)
            for group, name, array in arrays
            if name.endswith(_MOVING) or re.fullmatch(frozen, group)
        ]
        names = {name for name, _ in later}
        content.update({group: [] for group in groups})
        content[groups[-1]] = [(n, a) for _, n, a in arrays if n not in names] + later

    return change


def together(*changes: Change) -> Change:
    """Return one change after the other."""

    def change(content: Groups) -> None:
        for one in changes:
            one(content)

    return change


def with_group(name: str, *arrays: tuple[str, tuple[int, ...]]) -> Change:
    """Return the addition of a layer, its arrays' names and shapes given."""
    return lambda content: content.update(
        {name: [(one, np.ones(shape, np.float32)) for one, shape in arrays]}
    )

"""Every hostile input, by groups."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.app.api.hostile.animations import animations
from tests.app.api.hostile.bitmaps import bitmaps
from tests.app.api.hostile.bodies import bodies
from tests.app.api.hostile.damaged import damaged
from tests.app.api.hostile.heads import heads
from tests.app.api.hostile.jpegs import jpegs
from tests.app.api.hostile.pngs import pngs
from tests.app.api.hostile.sending import Hostile

GROUPS: dict[str, Callable[[], Iterator[Hostile]]] = {
    "damaged pictures": damaged,
    "JPEGs": jpegs,
    "PNGs": pngs,
    "animations": animations,
    "bitmaps": bitmaps,
    "bodies": bodies,
    "heads": heads,
}

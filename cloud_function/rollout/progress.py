"""How far a rollout is at one moment, wherever it runs. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What can be said of a rollout at one moment.

    What cannot heal is FAILED at once; what may is TROUBLED, and a failure only if it lasts. READY:
    what is new has passed its check and waits for its requests.
    """

    ROLLING = "rolling"
    TROUBLED = "troubled"
    FAILED = "failed"
    READY = "ready"
    COMPLETE = "complete"


@dataclass(frozen=True)
class Progress:
    """A verdict, its reason as the platform calls it, and a sentence with its own words.

    `is_images_fault`: the image that was rolled out is bad, and would be anywhere and at any time.
    """

    verdict: Verdict
    reason: str
    message: str
    is_images_fault: bool = False


def one_line(words: str, longest: int) -> str:
    """Return one line; of a long one the end, which is where the error is."""
    line = " ".join(words.split())
    return line if len(line) <= longest else "…" + line[-longest:]

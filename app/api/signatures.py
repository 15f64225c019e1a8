"""What a model takes and gives, for the protocols that speak of tensors: `/v1` and `/v2`.

A model of values tells its signatures in its facts. Any other model takes a picture's file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.api.problems import ProblemError
from app.kinds.tensors import Facts
from app.serving.client import Chosen

#: What the only input of a model of pictures is called, and the only signature.
PICTURE, SIGNATURE = "image_bytes", "serving_default"

Declared = Mapping[str, Any]


@dataclass(frozen=True)
class Served:
    """One signature: of each input and output its name, dtype, and shape of one instance.

    Without `is_batched` the graph takes whole arrays, and the shapes are theirs.
    """

    name: str
    inputs: Sequence[Declared]
    outputs: Sequence[Declared]
    is_batched: bool = True

    def shape(self, declared: Declared) -> list[int]:
        """Return a whole tensor's shape, -1 where it is of any length."""
        sides = [-1 if side is None else side for side in declared["shape"]]
        return [-1, *sides] if self.is_batched else sides


def takes_values(facts: Facts) -> bool:
    """Say whether a model takes numbers and text by name, not a picture."""
    return "signatures" in facts


def served(chosen: Chosen) -> Served:
    """Return the signature that answers."""
    if not takes_values(chosen.facts):
        return of_pictures()
    return all_served(chosen.facts)[chosen.facts["default_signature"]]


def all_served(facts: Facts) -> dict[str, Served]:
    """Return the signatures of a model of values by their names."""
    return {
        name: Served(name, one["inputs"], one["outputs"], one.get("is_batched", True))
        for name, one in facts["signatures"].items()
    }


def of_pictures(outputs: Sequence[Declared] = ()) -> Served:
    """Return the signature of a model of pictures."""
    picture = {"name": PICTURE, "dtype": "bytes", "shape": [], "role": "picture"}
    return Served(SIGNATURE, [picture], outputs)


def with_signature(chosen: Chosen, name: str | None, field: str = "signature_name") -> Chosen:
    """Return the model as whoever asks for one of its signatures sees it.

    Raises ProblemError (400) where there is no such one; `field` is what names it in the request.
    """
    if name is None:
        return chosen
    names = chosen.facts.get("signatures", (SIGNATURE,))
    if name not in names:
        detail = f'Serving signature name: "{name}" not found in signature def; it has '
        detail += ", ".join(names)
        raise ProblemError("invalid-parameter", detail, field=field, value=name)
    return replace(chosen, facts={**chosen.facts, "default_signature": name})

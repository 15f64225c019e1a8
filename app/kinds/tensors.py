"""The values that go into a model and come out of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

#: Arrays by their names; text is an array of bytes objects.
Tensors = Mapping[str, NDArray[Any]]

#: What a face has to know of one model to read its inputs and show its outputs: plain JSON values.
Facts = Mapping[str, Any]

"""What a `model.yaml` may hold, whatever the kind of its model; a kind adds its own.

A field's description says what a value has to be: a refusal quotes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

Text = Annotated[str, StringConstraints(pattern=r"\S")]


class Golden(BaseModel):
    """An input's file, and the one with the answer that it must give."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    input: Text
    output: Text


class Quantize(BaseModel):
    """From which pictures a form in eight bits is made: a folder, and what is on them."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    images: Text
    labels: Text | None = None


class Options(BaseModel):
    """The options of any kind."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    kind: Text = Field("", description="a kind of model")
    labels: Annotated[list[Text], Field(min_length=1)] = Field(
        [], description="a list of names, one a class"
    )
    about: Text = Field("", description="a text")
    fallback: bool = Field(False, description="true or false")
    default: bool = Field(True, description="true or false")
    max_batch: int = Field(32, ge=1, description="a whole number from 1 on")
    source: dict[Text, Any] = Field({}, description="a mapping of uri, sha256 and bytes")
    companions: list[dict[Text, Any]] = Field(
        [], description="a list of {uri: ADDRESS, sha256: DIGEST, bytes: SIZE}"
    )
    golden: list[Golden] = Field([], description="a list of {input: FILE, output: FILE}")


def max_batch_of(values: Mapping[str, Any], options: type[Options]) -> int:
    """Return how many predictions may share a pass, by options that `problem_of` let pass."""
    default = options.model_fields["max_batch"].default
    return int(values.get("max_batch", default))


def problem_of(values: Mapping[str, Any], options: type[Options]) -> str | None:
    """Say in one line which key or value does not fit; None where all do."""
    fields = options.model_fields
    for key, value in values.items():
        if key not in fields:
            return f"there is no key {key!r}; allowed are {', '.join(fields)}"
        try:
            options.model_validate({key: value})
        except ValidationError:
            return f"{key} is {value!r}; it must be {fields[key].description}"
    return None

"""What answers look like, beside those of predictions, which the kinds' faces tell.

Each is a plain dict; these types say what is in it. mypy holds the code that makes answers to them,
`/openapi.json` is generated from them, and the tests hold real answers to that. Nothing is checked
while the server runs. No Flask in here.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict


class ModelState(TypedDict):
    """How far one model has come."""

    name: str
    version: Annotated[int, Field(ge=0, description="0 where no numbered version was found.")]
    state: Literal["loading", "ready", "failed", "unloaded"]


class Shadow(TypedDict):
    """What came of the copies of requests that a shadow got, since inference was started."""

    predictions: Annotated[int, Field(ge=0, description="That were made.")]
    failures: Annotated[int, Field(ge=0, description="Requests that it could not predict for.")]
    differences: Annotated[
        int, Field(ge=0, description="Predictions other than the answer, beyond a golden's bounds.")
    ]
    dropped: Annotated[int, Field(ge=0, description="Requests that there was no time for.")]


@with_config(ConfigDict(extra="allow"))
class ModelStatus(ModelState):
    """One model: what it is, and whether it serves. Its kind may tell more than this."""

    error: Annotated[str | None, Field(description="Why it failed.")]
    kind: Annotated[str | None, Field(description="Null until it is known.")]
    face: Annotated[
        str | None,
        Field(
            description="What its inputs and answers are like: `instances`, `classes` or `values`. "
            "Null until it is ready."
        ),
    ]
    version_labels: Annotated[
        list[str], Field(description="What the version may be called, as `stable`.")
    ]
    split: Annotated[
        float | None,
        Field(
            ge=0,
            le=100,
            description="What it is to answer of a hundred requests that name no version. Null "
            "where they are not split.",
        ),
    ]
    share: Annotated[
        float | None,
        Field(
            ge=0,
            le=100,
            description="What it answers of them now: the share of a version that is not ready "
            "goes to the others.",
        ),
    ]
    shadow: Annotated[
        Shadow | None,
        Field(description="Of a shadow, which gets a copy of such requests and answers none."),
    ]
    default: Annotated[bool, Field(description="Whether it answers a request that names none.")]
    loaded_s: Annotated[float | None, Field(ge=0, description="Seconds that it took to load.")]
    about: NotRequired[Annotated[str, Field(description="What its owner wrote about it.")]]
    labels: NotRequired[
        Annotated[
            list[str], Field(description="In the order of the classes, the background aside.")
        ]
    ]
    num_classes: NotRequired[
        Annotated[int, Field(ge=1, description="With the background, where the model knows one.")]
    ]
    input: NotRequired[
        Annotated[
            dict[str, Any],
            Field(description="Of `classes`: height, width, channels and resize of its picture."),
        ]
    ]
    signatures: NotRequired[
        Annotated[
            dict[str, Any],
            Field(
                description="Of `values`: by its name, each with `inputs` and `outputs`, of which "
                "each has name, dtype, shape (null is any length) and role; of inputs some have "
                "`categories`, and `is_optional`: it may be left out."
            ),
        ]
    ]
    default_signature: NotRequired[
        Annotated[str, Field(description="The name of the signature that answers.")]
    ]
    warnings: NotRequired[
        Annotated[list[str], Field(description="What was assumed because the file does not say.")]
    ]
    config: NotRequired[Annotated[dict[str, Any], Field(description="Its settings.")]]
    file: NotRequired[str]
    bytes: NotRequired[Annotated[int, Field(ge=0)]]
    sha256: NotRequired[Annotated[str, Field(pattern="^[0-9a-f]{64}$")]]


class Models(TypedDict):
    """Every model of the repository."""

    models: list[ModelStatus]


class ModelVersions(TypedDict):
    """One model's versions."""

    name: str
    versions: list[ModelStatus]


class Sample(TypedDict):
    """A picture that lies with a model."""

    model: str
    name: str
    url: Annotated[str, Field(json_schema_extra={"format": "uri-reference"})]


class Samples(TypedDict):
    """The pictures to try."""

    samples: list[Sample]


class Alive(TypedDict):
    """The HTTP side works."""

    status: Literal["ok"]


class Ready(TypedDict):
    """Predictions can be made."""

    status: Literal["ready"]


class Problem(TypedDict):
    """An error, as in RFC 9457."""

    type: Annotated[str, Field(description="`/problems/<slug>`.", pattern="^/problems/[a-z0-9-]+$")]
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: Annotated[str, Field(description="What is wrong, in a sentence.")]
    request_id: Annotated[str, Field(description="The same as in `X-Request-ID`.")]
    field: NotRequired[
        Annotated[str, Field(description="The part of the request that does not fit.")]
    ]
    value: NotRequired[Annotated[str | float | bool | None, Field(description="What it was.")]]
    limit: NotRequired[Annotated[float, Field(description="The most that is accepted.")]]
    unit: NotRequired[Annotated[str, Field(description="What `value` and `limit` count.")]]
    allowed: NotRequired[Annotated[list[str | int], Field(description="What would fit.")]]
    models: NotRequired[
        Annotated[list[ModelState], Field(description="The models that are awaited.")]
    ]


class ProtocolError(TypedDict):
    """An error, as TensorFlow Serving and the Open Inference Protocol tell it."""

    error: Annotated[str, Field(description="What is wrong, in a sentence.")]

"""Which images a build's steps push themselves: Cloud Build does not report them. No I/O.

Steps are read as far as their words go: docker, buildx, kaniko, pack, jib, crane and buildah, as
arguments or in a shell's text. What only reads an image, as a cache or a base, pushes none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

_PUSHES = frozenset({"push", "--push", "--push=true", "--publish", "--publish=true"})
_PUSHING_OUTPUT = re.compile(r"(?:--output=|-o=)?type=(?:registry\b.*|.*\bpush=true.*)")
#: Options that name what is pushed, whatever else the command says.
_DESTINATIONS = ("--destination", "-Djib.to.image", "-Dimage")
_TAGS = ("-t", "--tag")
# Options whose value, the next word, is read and not written.
_READS = frozenset(
    {"--build-arg", "--build-context", "--builder", "--cache-from", "--cache-image", "--from"}
    | {"--label", "--lifecycle-image", "--run-image", "-f", "--file"}
)
_SEPARATORS = re.compile(r"[\n;|()]+|&&|(?<!&)&(?!&)")
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_IMAGE = re.compile(
    r"[a-z0-9][a-z0-9.-]*(?::\d+)?(?:/[a-z0-9][a-z0-9._-]*)+(?::[\w.-]+)?(?:@sha256:[0-9a-f]+)?"
)


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """Return a text with its variables; one that nobody knows stays as it is."""
    return _VARIABLE.sub(lambda found: variables.get(found[1] or found[2]) or found[0], text)


def texts(value: object) -> tuple[str, ...]:
    """Return what is text in a list; nothing where it is none."""
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def pushed(document: Mapping[str, Any], variables: Mapping[str, str]) -> Iterator[str]:
    """Yield the images' names; `variables` are the build's substitutions."""
    steps = document.get("steps")
    for step in steps if isinstance(steps, list) else ():
        if not isinstance(step, Mapping):
            continue
        given = dict(each.partition("=")[::2] for each in texts(step.get("env")))
        for words in _commands(step):
            for word in _written(words):
                name = expanded(expanded(word.replace("$$", "$"), given), variables)
                if _IMAGE.fullmatch(name := name.removeprefix("docker://")):
                    yield name


def _commands(step: Mapping[str, Any]) -> Iterator[list[str]]:
    """Yield the words of each command: the step's own, and those of a shell's text."""
    arguments = texts(step.get("args"))
    yield list(arguments)
    for text in (*arguments, step.get("script")):
        if isinstance(text, str) and any(map(str.isspace, text.strip())):
            for line in _SEPARATORS.split(text.replace("\\\n", " ")):
                yield [word.strip("\"'") for word in line.split()]


def _written(words: list[str]) -> Iterator[str]:
    """Yield what a command's words write to, and other words that may be anything."""
    is_push = any(word in _PUSHES or _PUSHING_OUTPUT.fullmatch(word) for word in words)
    for before, word in pairwise(["", *words]):
        option, _, value = word.partition("=")
        if option in _DESTINATIONS or (is_push and option in _TAGS):
            yield value
        elif before in _DESTINATIONS or (is_push and before not in _READS):
            yield word

"""What a framework says against a file, in one line."""

from __future__ import annotations

_LONGEST = 300
# Lines of a trace: where in which code, on which machine.
_TRACE = ("File ", "Detected at", "Graph execution", "Traceback", "Errors may have", "<stack")


def line_of(error: Exception) -> str:
    """Return the reason without the trace that TensorFlow writes into it."""
    lines = [line.strip() for line in str(error).splitlines()]
    told = " ".join(line for line in lines if line and not line.startswith(_TRACE))
    # Keras puts a layer's whole configuration before the reason.
    *_, told = told.rpartition("Exception encountered: ")
    told = told.partition(" Full object config:")[0]
    told = " ".join(told.split()) or type(error).__name__
    return told if len(told) <= _LONGEST else f"{told[:_LONGEST]}..."

"""An ONNX file for a person: its exporter, its ops and its weights. No runtime is imported."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from app.kinds.kind import Inspection
from app.kinds.onnx import files


def inspect(path: Path) -> Inspection:
    """Return what the file is; raises ModelError, or OSError."""
    found = files.check(path)
    opsets = (f"{domain or 'ai.onnx'} {version}" for domain, version in found.opsets.items())
    facts = [
        ("exporter", found.producer or "not told"),
        ("opsets", ", ".join(opsets)),
        ("nodes", f"{len(found.nodes):,}"),
        ("weights", f"{sum(one.declared_bytes for one in found.weights):,} bytes"),
    ]
    if others := sorted({one.external["location"] for one in found.external}):
        facts.append(("beside it", ", ".join(others)))
    ops = Counter((node.op, node.domain) for node in found.nodes)
    rows = [(op, domain or "ai.onnx", f"{count:,}") for (op, domain), count in sorted(ops.items())]
    return Inspection("an ONNX graph", facts, [("op", "domain", "nodes"), *rows], right="  >")

"""What lies beside a weight file and belongs to it: its form in eight bits."""

from __future__ import annotations

from app.kinds.kind import Companion, ModelSource
from app.kinds.mask_rcnn.model import examined
from mrcnn.forms import form_path
from mrcnn.programs.choice import usable_form
from mrcnn.settings import settings_for


def form_of(source: ModelSource) -> Companion | None:
    """Return the form in eight bits; raises ModelError, or OSError."""
    path = form_path(source.path, "int8")
    if not path.exists():
        return None
    network = examined(source).architecture
    config = settings_for(network, source.options.get("config", {}), source.path.name)
    form, fault = usable_form(path, source.path, config)
    is_needed = source.options.get("precision") == "int8"
    return Companion(path, None if form else fault, is_needed)

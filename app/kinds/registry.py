"""The list of kinds, asked in this order whether they recognise a file."""

from __future__ import annotations

from app.kinds.face import Face
from app.kinds.kind import Kind
from app.kinds.mask_rcnn import MaskRcnn

KINDS: tuple[Kind, ...] = (MaskRcnn(),)

#: What clients may meet, by its name.
FACES: dict[str, Face] = {kind.face.name: kind.face for kind in KINDS}

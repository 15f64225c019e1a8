"""Which TIFFs are read: those whose every combination of tags is known to come out right.

TIFF allows far more than anybody tests, and a reader that guesses gives a wrong picture without a
word. So this is a list of what is known; all else is refused with a ValueError that names it.
"""

from __future__ import annotations

from mrcnn.pictures.tiff.layout import Layout
from mrcnn.pictures.tiff.tags import (
    ASSOCIATED,
    FLOAT,
    SIGNED,
    UNSIGNED,
    Compression,
    Fields,
    Photometric,
    Tag,
    listed,
)

_WIDTHS = {UNSIGNED: (*range(1, 17), 32, 64), SIGNED: (8, 16, 32, 64), FLOAT: (16, 32, 64)}
_FORM_NAMES = {UNSIGNED: "unsigned", SIGNED: "signed", FLOAT: "floating"}
# For these colours the bits that are read; for others any that `_WIDTHS` has.
_WIDTHS_OF = {
    Photometric.PALETTE: range(1, 17),
    Photometric.CMYK: (8, 16),
    Photometric.YCBCR: (8,),
    Photometric.CIE_LAB: (8, 16),
    Photometric.ICC_LAB: (8, 16),
}
# Unspecified, associated and unassociated alpha, and what Corel Draw writes for the last.
_EXTRAS = frozenset({0, 1, 2, 999})


def check(fields: Fields, layout: Layout) -> None:
    """Raise ValueError for what is not known to be read right."""
    if not (layout.width and layout.height and all(layout.segment)):
        width, height = layout.segment
        raise ValueError(
            f"it is {layout.width} x {layout.height} pixels large, in parts of {width} x {height}"
        )
    _check_samples(layout)
    _check_extras(layout)
    _check_codec(layout)
    _check_subsampling(layout)
    _check_rare_tags(fields, layout)
    _check_segments(layout, len(fields.directories.data))


def _told(layout: Layout) -> str:
    """Return what a refusal says of the picture."""
    return (
        f"PhotometricInterpretation {layout.photometric} with PlanarConfiguration"
        f" {1 + layout.is_planar}, Compression {layout.compression} and {layout.samples}"
        f" {_FORM_NAMES[layout.form]} samples of {layout.bits} bits is not read"
    )


def _check_samples(layout: Layout) -> None:
    widths = _WIDTHS[layout.form]
    if layout.bits not in widths:
        raise ValueError(f"{_told(layout)}; such samples of {listed(widths)} bits are")
    if layout.photometric not in _WIDTHS_OF:
        return
    # Two of Lab's three have a sign, whatever SampleFormat says.
    is_signed_lab = layout.photometric.is_lab and layout.form == SIGNED and not layout.extras
    of_these = _WIDTHS_OF[layout.photometric]
    if layout.bits not in of_these or not (layout.form == UNSIGNED or is_signed_lab):
        raise ValueError(f"{_told(layout)}; unsigned samples of {listed(of_these)} bits are")


def _check_extras(layout: Layout) -> None:
    if not set(layout.extras) <= _EXTRAS:
        raise ValueError(f"ExtraSamples {listed(layout.extras)} are not read; 0, 1 and 2 are")
    if layout.photometric.is_grey and len(layout.extras) > 1:
        raise ValueError(f"{_told(layout)}: it does not say which of them are the colours")
    if ASSOCIATED in layout.extras[:1]:
        is_of_light = layout.photometric in (Photometric.BLACK_IS_ZERO, Photometric.RGB)
        is_of_range = layout.form == FLOAT or (layout.form == UNSIGNED and layout.bits <= 16)
        if not (is_of_light and is_of_range):
            raise ValueError(f"associated alpha in {_told(layout)}")


def _check_codec(layout: Layout) -> None:
    compression, is_byte = layout.compression, (layout.bits, layout.form) == (8, UNSIGNED)
    is_ycbcr = layout.photometric is Photometric.YCBCR
    if compression.is_fax and (layout.samples, layout.bits, layout.form) != (1, 1, UNSIGNED):
        raise ValueError(_told(layout))
    if compression is Compression.JPEG and (
        not is_byte or layout.together > 4 or (is_ycbcr and layout.together != 3)
    ):
        raise ValueError(_told(layout))
    if layout.predictor == 1:
        return
    is_known = (layout.predictor == 2 and layout.bits in (8, 16, 32, 64)) or (
        layout.predictor == 3 and layout.form == FLOAT
    )
    if not (is_known and compression.has_predictor) or layout.is_subsampled:
        raise ValueError(f"Predictor {layout.predictor} in {_told(layout)}")


def _check_subsampling(layout: Layout) -> None:
    if not layout.is_subsampled:
        return
    across, down = layout.subsampling
    width, height = layout.segment
    is_cut = (layout.is_tiled and width % across) or (layout.down > 1 and height % down)
    if not {across, down} <= {1, 2, 4} or is_cut or layout.together != 3:
        raise ValueError(
            f"YCbCrSubSampling {across}, {down} in parts of {width} x {height} in {_told(layout)}"
        )


def _check_rare_tags(fields: Fields, layout: Layout) -> None:
    if layout.photometric is Photometric.CMYK:
        ink, dots = fields.number(Tag.INK_SET, 1), fields.numbers(Tag.DOT_RANGE)
        if ink != 1:
            raise ValueError(f"InkSet {ink} is not read; 1, cyan, magenta, yellow and black, is")
        if any(dots[::2]) or not set(dots[1::2]) <= {(1 << layout.bits) - 1}:
            raise ValueError(f"DotRange {listed(dots)} is not read")
    if layout.photometric is not Photometric.PALETTE and fields.number(Tag.INDEXED, 0):
        raise ValueError(f"Indexed colours are not read in {_told(layout)}")
    depth = max(fields.number(Tag.IMAGE_DEPTH, 1), fields.number(Tag.TILE_DEPTH, 1))
    if depth != 1:
        raise ValueError(f"ImageDepth {depth} is not read: it is a volume")


def _check_segments(layout: Layout, size: int) -> None:
    wanted = layout.across * layout.down * layout.planes
    sizes = layout.offsets if layout.sizes is None else layout.sizes
    told = min(len(layout.offsets), len(sizes))
    if told < wanted:
        raise ValueError(f"it has {told:,} strips or tiles of {wanted:,}")
    # A sparse file has 0 there.
    offsets = layout.offsets[:wanted]
    if offsets.min() < 8 or offsets.max() >= size or sizes[:wanted].min() < 0:
        raise ValueError("one of its strips or tiles is not in the file")

"""How a TIFF's first picture lies in the file, by its directory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mrcnn.pictures.lab import D50
from mrcnn.pictures.tiff.tags import FORMS, Compression, Fields, Photometric, Tag, listed

# ITU-R BT.601, and the full range of 8 bits: what TIFF has where a file says nothing.
_LUMA = (0.299, 0.587, 0.114)
_REFERENCE = (0.0, 255.0, 128.0, 255.0, 128.0, 255.0)
_NO_SUBSAMPLING = (1, 1)
_MOST_EXTRAS = 60


@dataclass(frozen=True, kw_only=True)
class Colours:
    """What a file says of how its samples become colours, beside its photometric."""

    luma: tuple[float, ...]
    """The parts of red, green and blue in Y."""
    reference: tuple[float, ...]
    """Black and white of Y, Cb and Cr."""
    white: tuple[float, float]
    """The chromaticity of white, x and y."""
    palette: NDArray[np.uint8]
    """uint8 [colours, 3]."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where a picture's samples are, and what they stand for."""

    width: int
    height: int
    bits: int
    form: str
    """NumPy's letter for unsigned, signed or floating."""
    photometric: Photometric
    samples: int
    """A pixel's, the extra ones included."""
    extras: tuple[int, ...]
    """What each sample beyond the colours is: 0 unspecified, 1 associated, 2 unassociated alpha."""
    is_planar: bool
    compression: Compression
    predictor: int
    is_reversed: bool
    """Whether the first bit of a byte is the lowest."""
    order: str
    """Of the bytes in a sample, in struct's letters."""
    is_tiled: bool
    segment: tuple[int, int]
    """Width and height of a tile or strip in pixels."""
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64] | None
    """Bytes of each strip or tile; None where the file does not tell."""
    subsampling: tuple[int, int]
    """Pixels across and down that share their chroma."""
    colours: Colours
    codec: dict[int, bytes | list[int]]
    """Tags that the decoder of the compression needs."""

    @property
    def is_subsampled(self) -> bool:
        return self.subsampling != _NO_SUBSAMPLING

    @property
    def planes(self) -> int:
        return self.samples if self.is_planar else 1

    @property
    def together(self) -> int:
        """Samples that lie beside each other."""
        return 1 if self.is_planar else self.samples

    @property
    def across(self) -> int:
        return -(-self.width // self.segment[0])

    @property
    def down(self) -> int:
        return -(-self.height // self.segment[1])

    @property
    def lines(self) -> int:
        return -(-self.height // self.subsampling[1])

    @property
    def segment_lines(self) -> int:
        """Lines of a strip or tile. A line is a row of pixels, or rows that share chroma."""
        return -(-self.segment[1] // self.subsampling[1])

    @property
    def line_bytes(self) -> int:
        """Bytes of one line of a strip or tile."""
        across, down = self.subsampling
        if self.is_subsampled:
            return -(-self.segment[0] // across) * (across * down + 2)
        return -(-self.segment[0] * self.together * self.bits // 8)

    @property
    def sample_bytes(self) -> int:
        """What all samples take once they are decompressed, padding included."""
        return self.line_bytes * self.across * self.segment_lines * self.down * self.planes


def read_layout(fields: Fields) -> Layout:
    """Return the layout; raises ValueError or struct.error for what cannot be one."""
    samples = fields.number(Tag.SAMPLES_PER_PIXEL, 1)
    compression = Compression(fields.number(Tag.COMPRESSION, 1))
    photometric = _photometric(fields, compression, samples)
    bits = fields.shared(Tag.BITS_PER_SAMPLE, default=1, count=samples, name="BitsPerSample")
    is_tiled = Tag.TILE_WIDTH in fields
    offsets, sizes = _segment_tags(fields, is_tiled=is_tiled)
    height = fields.number(Tag.HEIGHT, 0)
    rows = min(fields.number(Tag.ROWS_PER_STRIP, height), height)
    width = fields.number(Tag.WIDTH, 0)
    tile = fields.number(Tag.TILE_WIDTH, 0), fields.number(Tag.TILE_HEIGHT, 0)
    is_shared = photometric is Photometric.YCBCR and compression is not Compression.JPEG
    shared = fields.numbers(Tag.YCBCR_SUBSAMPLING) or [2, 2]
    return Layout(
        width=width,
        height=height,
        bits=bits,
        form=_form(fields, samples),
        photometric=photometric,
        samples=samples,
        extras=_extras(fields, photometric, samples),
        is_planar=_one_or_two(fields, Tag.PLANAR_CONFIGURATION, "PlanarConfiguration")
        and samples > 1,
        compression=compression,
        predictor=fields.number(Tag.PREDICTOR, 1),
        is_reversed=_one_or_two(fields, Tag.FILL_ORDER, "FillOrder"),
        order=fields.directories.order,
        is_tiled=is_tiled,
        segment=tile if is_tiled else (width, rows),
        offsets=np.array(fields.numbers(offsets), np.int64),
        sizes=np.array(fields.numbers(sizes), np.int64) if sizes in fields else None,
        subsampling=(int(shared[0]), int(shared[-1])) if is_shared else _NO_SUBSAMPLING,
        colours=_colours(fields, photometric, bits),
        codec=_codec(fields, compression),
    )


def _photometric(fields: Fields, compression: Compression, samples: int) -> Photometric:
    if Tag.PHOTOMETRIC not in fields:
        if not compression.is_fax:
            raise ValueError("PhotometricInterpretation, what its samples stand for, is missing")
        return Photometric.WHITE_IS_ZERO
    photometric = Photometric(fields.number(Tag.PHOTOMETRIC, 0))
    if photometric is Photometric.YCBCR and samples == 1:
        # The luma alone, as some scanners write grey.
        return Photometric.BLACK_IS_ZERO
    return photometric


def _form(fields: Fields, samples: int) -> str:
    value = fields.shared(Tag.SAMPLE_FORMAT, default=1, count=samples, name="SampleFormat")
    if value not in FORMS:
        raise ValueError(f"SampleFormat {value} is not read; {listed(FORMS)} are")
    return FORMS[value]


def _extras(fields: Fields, photometric: Photometric, samples: int) -> tuple[int, ...]:
    said = [int(value) for value in fields.numbers(Tag.EXTRA_SAMPLES)]
    beyond = samples - photometric.colours
    if not len(said) <= beyond <= _MOST_EXTRAS:
        raise ValueError(
            f"PhotometricInterpretation {photometric} with SamplesPerPixel {samples} and"
            f" {len(said)} ExtraSamples is not read"
        )
    return (*said, *([0] * (beyond - len(said))))


def _one_or_two(fields: Fields, tag: Tag, name: str) -> bool:
    """Tell whether the tag says 2."""
    value = fields.number(tag, 1)
    if value not in (1, 2):
        raise ValueError(f"{name} {value} is not read; 1 and 2 are")
    return value == 2


def _segment_tags(fields: Fields, *, is_tiled: bool) -> tuple[Tag, Tag]:
    """Return the tags of the strips' or tiles' offsets and sizes."""
    strips, tiles = Tag.STRIP_OFFSETS in fields, Tag.TILE_OFFSETS in fields
    if strips == tiles:
        raise ValueError("it has strips and tiles" if strips else "it has no strips and no tiles")
    if tiles and not is_tiled:
        raise ValueError("it has tiles without TileWidth")
    # Some writers keep their tiles under the strips' tags.
    return (Tag.TILE_OFFSETS, Tag.TILE_SIZES) if tiles else (Tag.STRIP_OFFSETS, Tag.STRIP_SIZES)


def _colours(fields: Fields, photometric: Photometric, bits: int) -> Colours:
    luma = tuple(fields.numbers(Tag.YCBCR_COEFFICIENTS)) or _LUMA
    reference = tuple(fields.numbers(Tag.REFERENCE_BLACK_WHITE)) or _REFERENCE
    if photometric is Photometric.YCBCR:
        ends = np.array(reference).reshape(-1, 2).T if len(reference) == 6 else np.zeros((2, 3))
        # A fraction of nothing is infinite. Each part of the light is less than all of it.
        is_light = len(luma) == 3 and all(0 < part < 1 for part in luma)
        if not (is_light and np.isfinite(ends).all() and (ends[1] > ends[0]).all()):
            raise ValueError("its YCbCrCoefficients or ReferenceBlackWhite make no colours")
    x, y = fields.numbers(Tag.WHITE_POINT)[:2] or D50
    if photometric.is_lab and not (x > 0 and y > 0 and x + y < 1):
        raise ValueError(f"WhitePoint {x:g}, {y:g} is no colour of light")
    palette = np.zeros((0, 3), np.uint8)
    if photometric is Photometric.PALETTE:
        palette = _palette(fields, colours=1 << min(bits, 16))
    return Colours(luma=luma, reference=reference, white=(x, y), palette=palette)


def _palette(fields: Fields, *, colours: int) -> NDArray[np.uint8]:
    values = np.array(fields.numbers(Tag.COLOR_MAP), np.int64)
    if len(values) != 3 * colours:
        raise ValueError(f"its ColorMap has {len(values):,} values, not {3 * colours:,}")
    # Some writers fill the 16 bits as if they were 8.
    levels = values >> 8 if values.max() > 255 else values
    return levels.astype(np.uint8).reshape(3, colours).T


def _codec(fields: Fields, compression: Compression) -> dict[int, bytes | list[int]]:
    if compression is Compression.JPEG:
        return {Tag.JPEG_TABLES: fields.raw(Tag.JPEG_TABLES)} if Tag.JPEG_TABLES in fields else {}
    options = (Tag.T4_OPTIONS, Tag.T6_OPTIONS) if compression.is_fax else ()
    return {tag: [fields.number(tag, 0) & 0xFFFF] for tag in options if tag in fields}

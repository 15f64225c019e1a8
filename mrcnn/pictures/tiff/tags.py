"""TIFF's tags and values that this room knows, by the names that the specification has for them."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from mrcnn.pictures.directories import Directories, Entry


class Tag(IntEnum):
    """The tags that pixels need. No other is looked at."""

    WIDTH = 256
    HEIGHT = 257
    BITS_PER_SAMPLE = 258
    COMPRESSION = 259
    PHOTOMETRIC = 262
    FILL_ORDER = 266
    STRIP_OFFSETS = 273
    SAMPLES_PER_PIXEL = 277
    ROWS_PER_STRIP = 278
    STRIP_SIZES = 279
    PLANAR_CONFIGURATION = 284
    T4_OPTIONS = 292
    T6_OPTIONS = 293
    PREDICTOR = 317
    WHITE_POINT = 318
    COLOR_MAP = 320
    TILE_WIDTH = 322
    TILE_HEIGHT = 323
    TILE_OFFSETS = 324
    TILE_SIZES = 325
    INK_SET = 332
    DOT_RANGE = 336
    EXTRA_SAMPLES = 338
    SAMPLE_FORMAT = 339
    INDEXED = 346
    JPEG_TABLES = 347
    YCBCR_COEFFICIENTS = 529
    YCBCR_SUBSAMPLING = 530
    REFERENCE_BLACK_WHITE = 532
    IMAGE_DEPTH = 32_997
    TILE_DEPTH = 32_998


class Photometric(IntEnum):
    """What samples stand for."""

    WHITE_IS_ZERO = 0
    BLACK_IS_ZERO = 1
    RGB = 2
    PALETTE = 3
    CMYK = 5
    YCBCR = 6
    CIE_LAB = 8
    ICC_LAB = 9

    @classmethod
    def _missing_(cls, value: object) -> None:
        raise ValueError(f"PhotometricInterpretation {value} is not read; {listed(cls)} are")

    @property
    def colours(self) -> int:
        """How many samples of a pixel are colours."""
        if self is Photometric.CMYK:
            return 4
        return 1 if self.is_grey or self is Photometric.PALETTE else 3

    @property
    def is_grey(self) -> bool:
        return self in (Photometric.WHITE_IS_ZERO, Photometric.BLACK_IS_ZERO)

    @property
    def is_lab(self) -> bool:
        return self in (Photometric.CIE_LAB, Photometric.ICC_LAB)


class Compression(IntEnum):
    """The codecs that libtiff is asked to undo."""

    NONE = 1
    CCITT = 2
    CCITT_T4 = 3
    CCITT_T6 = 4
    LZW = 5
    JPEG = 7
    DEFLATE = 8
    CCITT_WORDS = 32_771
    PACKBITS = 32_773
    DEFLATE_OLD = 32_946
    LZMA = 34_925
    ZSTD = 50_000

    @classmethod
    def _missing_(cls, value: object) -> None:
        raise ValueError(f"Compression {value} is not read; {listed(cls)} are")

    @property
    def is_fax(self) -> bool:
        return self.name.startswith("CCITT")

    @property
    def is_of_pixels(self) -> bool:
        """Whether the codec knows pixels; others give back the bytes that were compressed."""
        return self.is_fax or self is Compression.JPEG

    @property
    def has_predictor(self) -> bool:
        return self.name in ("LZW", "DEFLATE", "DEFLATE_OLD", "LZMA", "ZSTD")


#: SampleFormat, as NumPy's letters; 4 is undefined, which readers take for unsigned.
UNSIGNED, SIGNED, FLOAT = "u", "i", "f"
FORMS = {1: UNSIGNED, 2: SIGNED, 3: FLOAT, 4: UNSIGNED}
#: ExtraSamples: alpha that the colours are multiplied by.
ASSOCIATED = 1


class Fields:
    """The values of a file's first directory."""

    def __init__(self, directories: Directories) -> None:
        self.directories = directories
        self._entries: dict[int, Entry] = {}
        known = frozenset(Tag)
        for entry in directories.entries(directories.first):
            if entry.tag in known:
                self._entries.setdefault(entry.tag, entry)

    def __contains__(self, tag: Tag) -> bool:
        return tag in self._entries

    def number(self, tag: Tag, default: int) -> int:
        """Return the first value; raises ValueError where it is no whole number."""
        entry = self._entries.get(tag)
        value = default if entry is None else self.directories.number(entry)
        if value is None:
            raise ValueError(f"tag {tag.value} holds no whole number")
        return value

    def numbers(self, tag: Tag) -> list[float] | list[int]:
        """Return all values; none where the tag is not there."""
        entry = self._entries.get(tag)
        return [] if entry is None else self.directories.numbers(entry).tolist()

    def raw(self, tag: Tag) -> bytes:
        """Return values of a byte each."""
        return bytes(int(value) & 0xFF for value in self.numbers(tag))

    def shared(self, tag: Tag, *, default: int, count: int, name: str) -> int:
        """Return the value that all samples have; one alone stands for them all."""
        values = self.numbers(tag)[: max(1, count)] or [default]
        if len(set(values)) > 1 or 1 < len(values) < count:
            raise ValueError(f"samples of {name} {listed(values)} are not read, only equal ones")
        return int(values[0])


def listed(values: Iterable[float]) -> str:
    """Return the numbers as a text of at most some dozens."""
    texts = [f"{value:g}" for value in values]
    return ", ".join(texts[:12] + ["…"] * (len(texts) > 12))

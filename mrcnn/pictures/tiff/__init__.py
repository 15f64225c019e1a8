"""The first picture of a TIFF as RGB of 8 bits: what is read is right, and all else refused."""

from mrcnn.pictures.tiff.reading import Tiff

__all__ = ["Tiff"]

"""CIE L*a*b* becomes sRGB.

In numbers and not through a profile: at 8 bits that is off by dozens of levels in dark, strong
colours.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: The chromaticity of white, x and y, where a file tells none: D50, as in ICC's profiles.
D50 = (0.34567, 0.35850)
_D65 = (0.31270, 0.32900)
# IEC 61966-2-1: XYZ under D65 to linear RGB.
_LINEAR = np.array(
    [[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]]
)
# Bradford's: XYZ to what the eye's three receptors take.
_RECEPTORS = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_LINEAR_PART = 6 / 29


def lab_to_rgb(lab: NDArray[Any], white: tuple[float, float] = D50) -> NDArray[np.uint8]:
    """Return sRGB, uint8 [..., 3], of L* from 0 to 100, a* and b*, relative to that white."""
    lightness, red, blue = np.moveaxis(np.asarray(lab, np.float64), -1, 0)
    middle = (lightness + 16) / 116
    roots = np.stack([middle + red / 500, middle, middle - blue / 200], axis=-1)
    straight = 3 * _LINEAR_PART**2 * (roots - 4 / 29)
    xyz = np.where(roots > _LINEAR_PART, roots**3, straight) * _xyz(white)
    gains = (_RECEPTORS @ _xyz(_D65)) / (_RECEPTORS @ _xyz(white))
    adapted = np.linalg.inv(_RECEPTORS) @ np.diag(gains) @ _RECEPTORS
    linear = np.clip(xyz @ (_LINEAR @ adapted).T, 0, 1)
    curved = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return (curved * 255 + 0.5).astype(np.uint8)


def _xyz(white: tuple[float, float]) -> NDArray[np.float64]:
    x, y = white
    return np.array([x / y, 1, (1 - x - y) / y])

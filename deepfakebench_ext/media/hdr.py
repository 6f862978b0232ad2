"""Films of high dynamic range (PQ, HLG) as standard pictures, by one named rule. NumPy only, no I/O.

The rule: light is read off the signal by ITU-R BT.2100, HLG as on a display of 1000 cd/m2; the reference white of ITU-R
BT.2408, 203 cd/m2, becomes white and what is brighter stays white; BT.2020's colours become BT.709's, those outside cut
off; the result is coded as sRGB. Faces, which lie below the reference white, keep their tones.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from deepfakebench_ext.media.frame import RGB

Floats = npt.NDArray[np.float32]

TRANSFERS: Final = {16: "PQ", 18: "HLG"}
"""Numbers of the transfer functions, as files carry them (ITU-T H.273), and what they are called."""
RULE: Final = "tone-mapped to SDR, white at 203 cd/m2 (ITU-R BT.2408)"

_WHITE_NITS = 203.0
_HLG_PEAK_NITS, _HLG_GAMMA = 1000.0, 1.2
_BT2020_LUMA = np.array([0.2627, 0.6780, 0.0593], np.float32)
# ITU-R BT.2087, linear light.
_TO_BT709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32)
_LEVELS = 65536


def tone_mapped(signal: npt.NDArray[np.uint16], transfer: int) -> RGB:
    """Return a frame as uint8 (H, W, 3) sRGB.

    Args:
        signal: (H, W, 3), the coded RGB over the full range of 16 bits, with BT.2020's primaries.
        transfer: One of `TRANSFERS`.
    """
    light = _light(transfer)[signal]
    if TRANSFERS[transfer] == "HLG":
        light = light * np.power(np.maximum(light @ _BT2020_LUMA, 1e-6), _HLG_GAMMA - 1)[..., None]
        light *= _HLG_PEAK_NITS / _WHITE_NITS
    linear = np.clip(light @ _TO_BT709.T, 0.0, 1.0)
    return np.asarray(_srgb()[(linear * (_LEVELS - 1) + 0.5).astype(np.uint16)])


@cache
def _light(transfer: int) -> Floats:
    """Linear light of each level of the signal: over the reference white for PQ, of the scene for HLG."""
    level = np.linspace(0, 1, _LEVELS)
    if TRANSFERS[transfer] == "PQ":
        root = level ** (1 / 78.84375)
        nits = 10000 * (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)
        return (nits / _WHITE_NITS).astype(np.float32)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(level <= 0.5, level**2 / 3, (np.exp((level - c) / a) + b) / 12).astype(np.float32)


@cache
def _srgb() -> RGB:
    """The sRGB code of each level of linear light (IEC 61966-2-1)."""
    light = np.linspace(0, 1, _LEVELS)
    code = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray((code * 255).round(), np.uint8)

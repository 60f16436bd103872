"""Noise that pictures are made of: clouds, water, ridges."""

import numpy as np
import numpy.typing as npt
from PIL import Image

from veo_mcp.sandbox.render.picture import Floats, Octets

Indices = npt.NDArray[np.int64]

_SIDE = 2048
_SPECTRUM = 1024
_WRAP = 8


class Texture:
    """Smooth noise without a seam, kept tiled 2x2: a scroll is then one offset, with no arithmetic per pixel."""

    def __init__(self, dice: np.random.Generator, slope: float) -> None:
        tile = _enlarged(_spectral(dice, slope))
        self._flat = np.tile(tile, (2, 2)).ravel()

    @staticmethod
    def index(across: Floats, down: Floats) -> Indices:
        """Prepare where to look; both in texels, of which `2048` make a round."""
        u, v = np.broadcast_arrays(across, down)
        return (v.astype(np.int64) % _SIDE) * 2 * _SIDE + u.astype(np.int64) % _SIDE

    def look(self, index: Indices, across: float = 0.0, down: float = 0.0) -> Floats:
        """Read 0..1 values at the index, scrolled."""
        start = (int(down) % _SIDE) * 2 * _SIDE + int(across) % _SIDE
        return np.take(self._flat[start:], index, mode="clip").astype(np.float32) * np.float32(1 / 255)


def _spectral(dice: np.random.Generator, slope: float) -> Octets:
    side = _SPECTRUM
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    frequency[0, 0] = 1
    spectrum = dice.normal(size=frequency.shape) + 1j * dice.normal(size=frequency.shape)
    spectrum *= frequency**-slope * (frequency < 0.2)
    spectrum[0, 0] = 0
    field = np.fft.irfft2(spectrum, (side, side))
    return (np.clip(field / field.std() / 5 + 0.5, 0, 1) * 255).astype(np.uint8)


def _enlarged(field: Octets) -> Octets:
    padded = np.pad(field, _WRAP, "wrap")
    scale = _SIDE // _SPECTRUM
    side = len(padded) * scale
    edge = _WRAP * scale
    return np.asarray(Image.fromarray(padded).resize((side, side), Image.Resampling.BICUBIC))[edge:-edge, edge:-edge]


def smoothed(line: Floats, span: int) -> Floats:
    """A running mean over `span` columns that keeps the ends level."""
    padded = np.pad(line, (span // 2, span - 1 - span // 2), "edge")
    total = np.cumsum(np.concatenate([[0.0], padded]))
    return (total[span:] - total[:-span]) / span


def ridge(dice: np.random.Generator, width: int, *, cells: float, octaves: int = 6, decay: float = 0.48) -> Floats:
    """A line of hills from 0 to 1: `cells` of them in the widest octave."""
    x = np.linspace(0, 1, width)
    line = np.zeros(width)
    for octave in range(octaves):
        count = cells * 2.1**octave
        knots = dice.uniform(-1, 1, int(count) + 3)
        at = x * count + dice.uniform()
        i = at.astype(np.int64)
        u = at - i
        u = u * u * (3 - 2 * u)
        line += decay**octave * (knots[i] * (1 - u) + knots[i + 1] * u)
    return ((line - line.min()) / (np.ptp(line) + 1e-9)).astype(np.float32)

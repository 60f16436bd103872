"""One frame in the making: its planes, and ways to lay something over them."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import av
import numpy as np
import numpy.typing as npt
from av.video.plane import VideoPlane
from av.video.reformatter import Interpolation, VideoReformatter

from veo_mcp.sandbox.render.palette import Colour
from veo_mcp.sandbox.render.shot import FPS

Floats = npt.NDArray[np.floating[Any]]
Octets = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint16]

BLACK = 16
GREY = 128
_BT709 = 1
_LIMITED = 1


class Yuv(NamedTuple):
    """BT.709, limited range: what the video is made of."""

    y: float
    u: float
    v: float

    @staticmethod
    def of(colour: Colour) -> "Yuv":
        luma = colour.luma
        return Yuv(
            BLACK + luma * (219 / 255),
            GREY + (colour.blue - luma) / 1.8556 * (224 / 255),
            GREY + (colour.red - luma) / 1.5748 * (224 / 255),
        )


def column(colour: Colour) -> Floats:
    """A colour in the shape that spreads over a planar picture (3, height, width)."""
    return np.asarray(colour, np.float32)[:, None, None]


def to_yuv(rgb: Floats) -> tuple[Floats, Floats, Floats]:
    """Turn planar 0..255 RGB into full-size luma and half-size chroma."""
    r, g, b = rgb
    luma = r * np.float32(0.2126) + g * np.float32(0.7152) + b * np.float32(0.0722)
    u = GREY + halved(b - luma) * np.float32(224 / 255 / 1.8556)
    v = GREY + halved(r - luma) * np.float32(224 / 255 / 1.5748)
    return BLACK + luma * np.float32(219 / 255), u, v


def halved(plane: Floats) -> Floats:
    """Average each 2x2 block; the sides must be even."""
    return (plane[0::2, 0::2] + plane[1::2, 0::2] + plane[0::2, 1::2] + plane[1::2, 1::2]) * np.float32(0.25)


def overlap(size: int, length: int, at: int) -> tuple[slice, slice]:
    """Say which stretch of a plane, and of a patch laid `at` it, the two share."""
    low = min(max(0, at), size)
    high = max(low, min(size, at + length))
    return slice(low, high), slice(low - at, high - at)


@dataclass(frozen=True, slots=True)
class Patch:
    """Something to lay over a picture: for each plane its colour times its cover, and what is left of the ground.

    Cover runs from 0 to 256, so that a product of two octets fits 16 bits.
    """

    colour: tuple[Words, Words, Words]
    left: tuple[Words, Words, Words]

    @property
    def height(self) -> int:
        return len(self.left[0])

    @property
    def width(self) -> int:
        return self.left[0].shape[1]

    @staticmethod
    def of(rgb: Floats, cover: Floats) -> "Patch":
        """Make a patch of planar 0..255 RGB and a 0..1 cover; odd sides lose their last line."""
        height, width = cover.shape[0] & ~1, cover.shape[1] & ~1
        cover = cover[:height, :width]
        half = halved(cover)
        covers = [np.round(c * np.float32(256)).astype(np.uint16) for c in (cover, half, half)]
        planes = to_yuv(rgb[:, :height, :width])
        y, u, v = (np.round(p * c).astype(np.uint16) for p, c in zip(planes, covers, strict=True))
        a, b, c = (np.uint16(256) - cover for cover in covers)
        return Patch((y, u, v), (a, b, c))


class Picture:
    """A video frame whose planes are open to drawing."""

    def __init__(self, frame: av.VideoFrame) -> None:
        self.frame = frame
        self.planes = [_view(plane) for plane in frame.planes]
        self.luma = self.planes[0]
        self.height, self.width = self.luma.shape

    def lay(self, patch: Patch, x: float, y: float, opacity: float = 1.0) -> None:
        left, top = int(x), int(y)
        for i, plane in enumerate(self.planes):
            shift = 1 if i else 0
            rows, from_rows = overlap(plane.shape[0], len(patch.left[i]), top >> shift)
            cols, from_cols = overlap(plane.shape[1], patch.left[i].shape[1], left >> shift)
            colour, remain = patch.colour[i][from_rows, from_cols], patch.left[i][from_rows, from_cols]
            if opacity < 1:
                share = np.uint16(max(0, round(opacity * 256)))
                colour = (colour.astype(np.uint32) * share >> 8).astype(np.uint16)
                remain = 256 - ((256 - remain) * share >> 8)
            target = plane[rows, cols]
            target[:] = (target * remain + colour) >> 8

    def drain(self) -> None:
        """Take the colours out."""
        for plane in self.planes[1:]:
            plane[:] = GREY

    def dim(self, share: float) -> None:
        """Fade towards black; 1 leaves the picture as it is."""
        if share >= 1:
            return
        lut = np.arange(256, dtype=np.float32)
        for i, plane in enumerate(self.planes):
            zero = GREY if i else BLACK
            plane[:] = np.clip(zero + (lut - zero) * share, 0, 255).astype(np.uint8)[plane]


class Enlarger:
    """Turns soft RGB pictures into full-size frames, keeping the converter's set-up between frames."""

    def __init__(self, width: int, height: int) -> None:
        self._size = width, height
        self._reformatter = VideoReformatter()

    def picture(self, rgb: Floats, index: int) -> Picture:
        height, width = rgb.shape[1:]
        source = av.VideoFrame(width, height, "gbrp")
        octets = np.clip(rgb, 0, 255, out=rgb).astype(np.uint8)
        for plane, channel in zip(source.planes, (1, 2, 0), strict=True):
            _view(plane)[:] = octets[channel]
        frame = self._reformatter.reformat(
            source,
            *self._size,
            "yuv420p",
            dst_colorspace=_BT709,
            dst_color_range=_LIMITED,
            interpolation=Interpolation.BICUBIC,
        )
        frame.pts, frame.time_base = index, Fraction(1, FPS)
        frame.color_primaries, frame.color_trc = _BT709, _BT709
        return Picture(frame)


def _view(plane: VideoPlane) -> Octets:
    whole = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    return whole[:, : plane.width]

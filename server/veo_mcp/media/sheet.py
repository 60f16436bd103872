"""The contact sheet: nine frames with their timecodes, small enough for a model to look at."""

import io
import math
from functools import cache
from importlib.resources import as_file, files

from av import VideoFrame
from PIL import Image, ImageDraw, ImageFont

from veo_mcp.media.pictures import Shrinker

_TILES = 9
_COLUMNS = 3
_GAP = 6
# The time stands under its frame: on it, it would hide captions.
_STRIP = 22
_BACKGROUND = (16, 18, 22)
_INK = (236, 238, 242)
# A model charges w*h/750 tokens: 1,590 of them.
_MOST_PIXELS = 1_590 * 750
_LONGEST_TILE_SIDE = 512
_MOST_BYTES = 150_000
_QUALITIES = (84, 76, 68, 60, 52, 44, 36)


class Sheet:
    """Keeps the frames in the middle of each ninth of the video."""

    def __init__(self, seconds: float) -> None:
        self._moments = [seconds * (i + 0.5) / _TILES for i in range(_TILES)]
        self._shrinker = Shrinker()
        self._tiles: list[tuple[float, Image.Image]] = []

    def see(self, frame: VideoFrame, at: float) -> None:
        if len(self._tiles) == _TILES or at < self._moments[len(self._tiles)] - 1e-3:
            return
        size = self._tiles[0][1].size if self._tiles else _tile_size(frame.width, frame.height)
        self._tiles.append((at, self._shrinker.shrink(frame, *size)))

    def jpeg(self) -> bytes | None:
        """Return the sheet at the best quality that stays under 150 kB; None without any frame."""
        if not self._tiles:
            return None
        sheet = _arrange(self._tiles)
        while True:
            for quality in _QUALITIES:
                if len(data := _encode(sheet, quality)) < _MOST_BYTES:
                    return data
            sheet = sheet.resize((max(1, sheet.width * 4 // 5), max(1, sheet.height * 4 // 5)))


def _sheet_size(tile: tuple[int, int], tiles: int = _TILES) -> tuple[int, int]:
    columns, rows = min(_COLUMNS, tiles), math.ceil(tiles / _COLUMNS)
    return columns * (tile[0] + _GAP) + _GAP, rows * (tile[1] + _STRIP) + _GAP


def _tile_size(width: int, height: int) -> tuple[int, int]:
    """Return the largest size, in the frame's own shape, of which nine fit on a sheet."""
    for long_side in range(min(_LONGEST_TILE_SIDE, max(width, height)), 1, -1):
        scale = long_side / max(width, height)
        tile = max(1, round(width * scale)), max(1, round(height * scale))
        if math.prod(_sheet_size(tile)) <= _MOST_PIXELS:
            return tile
    return 1, 1


def _arrange(tiles: list[tuple[float, Image.Image]]) -> Image.Image:
    size = tiles[0][1].size
    sheet = Image.new("RGB", _sheet_size(size, len(tiles)), _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for place, (at, picture) in enumerate(tiles):
        left = _GAP + place % _COLUMNS * (size[0] + _GAP)
        top = _GAP + place // _COLUMNS * (size[1] + _STRIP)
        sheet.paste(picture, (left, top))
        middle = left + size[0] // 2, top + size[1] + (_STRIP - _GAP // 2) // 2
        draw.text(middle, f"{int(at // 60)}:{at % 60:04.1f}", font=_font(), fill=_INK, anchor="mm")
    return sheet


@cache
def _font() -> ImageFont.FreeTypeFont:
    with as_file(files("fontpkg_inter") / "files" / "Inter[opsz,wght].ttf") as file:
        font = ImageFont.truetype(file, 15)
    font.set_variation_by_axes([15, 600])
    return font


def _encode(sheet: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=quality, optimize=True, progressive=True)
    return buffer.getvalue()

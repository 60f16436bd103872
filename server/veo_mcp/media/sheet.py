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
_BACKGROUND = (16, 18, 22)
# A model charges w*h/750 tokens; this is under 1,600 of them with the gaps.
_SHEET_PIXELS = 1_130_000
_LONGEST_TILE_SIDE = 512
_MOST_BYTES = 150_000
_QUALITIES = (84, 76, 68, 60, 52, 44, 36)


class Sheet:
    """Keeps the frames in the middle of each ninth of the video."""

    def __init__(self, seconds: float) -> None:
        self._moments = [seconds * (i + 0.5) / _TILES for i in range(_TILES)]
        self._shrinker = Shrinker()
        self._tiles: list[Image.Image] = []

    def see(self, frame: VideoFrame, at: float) -> None:
        if len(self._tiles) == _TILES or at < self._moments[len(self._tiles)] - 1e-3:
            return
        size = self._tiles[0].size if self._tiles else _tile_size(frame.width, frame.height)
        self._tiles.append(_with_timecode(self._shrinker.shrink(frame, *size), at))

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


def _tile_size(width: int, height: int) -> tuple[int, int]:
    tile_width = math.sqrt(_SHEET_PIXELS / _TILES * width / height) - _GAP
    scale = min(1.0, tile_width / width, _LONGEST_TILE_SIDE / max(width, height))
    return max(2, round(width * scale)), max(2, round(height * scale))


def _arrange(tiles: list[Image.Image]) -> Image.Image:
    width, height = tiles[0].width + _GAP, tiles[0].height + _GAP
    columns, rows = min(_COLUMNS, len(tiles)), math.ceil(len(tiles) / _COLUMNS)
    sheet = Image.new("RGB", (columns * width + _GAP, rows * height + _GAP), _BACKGROUND)
    for place, tile in enumerate(tiles):
        sheet.paste(tile, (_GAP + place % _COLUMNS * width, _GAP + place // _COLUMNS * height))
    return sheet


def _with_timecode(tile: Image.Image, at: float) -> Image.Image:
    """Put the time into the lower left corner: white on a dark plate, legible on any picture."""
    text = f"{int(at // 60)}:{at % 60:04.1f}"
    draw = ImageDraw.Draw(tile, "RGBA")
    left, top, right, bottom = draw.textbbox((0, 0), text, font=_font())
    width, height = right - left + 14, bottom - top + 12
    if width + 12 > tile.width or height + 12 > tile.height:
        return tile
    plate = (6, tile.height - height - 6, 6 + width, tile.height - 6)
    draw.rounded_rectangle(plate, radius=5, fill=(0, 0, 0, 176))
    draw.text((13 - left, plate[1] + 6 - top), text, font=_font(), fill=(255, 255, 255, 255))
    return tile


@cache
def _font() -> ImageFont.FreeTypeFont:
    with as_file(files("fontpkg_inter") / "files" / "Inter[opsz,wght].ttf") as file:
        font = ImageFont.truetype(file, 17)
    font.set_variation_by_axes([17, 600])
    return font


def _encode(sheet: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=quality, optimize=True, progressive=True)
    return buffer.getvalue()

"""Type: fonts that have the characters, lines that fit, and patches to lay over a picture."""

import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from itertools import groupby
from pathlib import Path

import fontpkg_inter  # pyright: ignore[reportMissingTypeStubs]
import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from veo_mcp.sandbox.render.picture import Floats, Patch

Font = ImageFont.FreeTypeFont

_INTER = Path(fontpkg_inter.__file__).parent / "files" / "Inter[opsz,wght].ttf"
# What Linux, macOS and Windows usually have for what Inter lacks; Pillow looks these names up in the system's folders.
_FALLBACKS = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJKsc-Regular.otf",
    "PingFang.ttc",
    "Hiragino Sans GB.ttc",
    "AppleSDGothicNeo.ttc",
    "msyh.ttc",
    "YuGothM.ttc",
    "malgun.ttf",
    "DroidSansFallbackFull.ttf",
    "wqy-microhei.ttc",
    "Arial Unicode.ttf",
    "NotoSans-Regular.ttf",
    "segoeui.ttf",
    "DejaVuSans.ttf",
)
_BOX_COVER = 0.6
_NO_CHARACTER = "\U0010ffff"
_ROMANISED = ("HIRAGANA LETTER ", "KATAKANA LETTER ", "HANGUL SYLLABLE ")


@cache
def inter(size: int, weight: str = "Medium") -> Font:
    font = ImageFont.truetype(_INTER, size)
    font.set_variation_by_name(weight)
    return font


@cache
def _fallback(name: str, size: int) -> Font | None:
    with suppress(OSError):
        return ImageFont.truetype(name, size)
    return None


@cache
def _font_for(char: str, size: int, weight: str) -> Font | None:
    own = inter(size, weight)
    if char.isspace() or _has(own, char):
        return own
    others = (_fallback(name, size) for name in _FALLBACKS)
    return next((font for font in others if font and _has(font, char)), None)


def _has(font: Font, char: str) -> bool:
    return _glyph(font, char) != _glyph(font, _NO_CHARACTER)


def _glyph(font: Font, char: str) -> bytes:
    side = int(font.size * 2)
    image = Image.new("L", (side, side))
    ImageDraw.Draw(image).text((font.size // 2, 0), char, font=font, fill=255)
    return image.tobytes()


def legible(text: str) -> str:
    """Write what no font here has by its sound, where its Unicode name tells it; write nothing if little is left."""
    runs = groupby(unicodedata.normalize("NFC", text), lambda char: _font_for(char, 24, "Medium") is not None)
    shown = "".join("".join(run) if known else _sounded(list(run)) for known, run in runs)
    is_told = sum(map(str.isalnum, shown)) * 2 >= sum(map(str.isalnum, text))
    return " ".join(shown.split()) if is_told else ""


def _sounded(run: list[str]) -> str:
    sounds = [_sound(char) for char in run]
    return "".join(sounds) if all(sounds) else " … "


def _sound(char: str) -> str:
    name = unicodedata.name(char, "")
    prefix = next((p for p in _ROMANISED if name.startswith(p)), None)
    return name.removeprefix(prefix).removeprefix("SMALL ").lower() if prefix else ""


class Face:
    """A font of one size and weight, with others behind it for what it lacks."""

    def __init__(self, size: int, weight: str = "Medium") -> None:
        self.size, self._weight = size, weight

    def width(self, text: str) -> float:
        return sum(font.getlength(run) for font, run in self._runs(text))

    def write(self, draw: ImageDraw.ImageDraw, at: tuple[float, float], text: str) -> None:
        x, baseline = at[0], at[1] + self.size
        for font, run in self._runs(text):
            draw.text((x, baseline), run, font=font, fill=255, anchor="ls")
            x += font.getlength(run)

    def wrap(self, text: str, width: float) -> list[str]:
        """Break at spaces, and inside a word only where it is wider than a line."""
        lines = [""]
        for word in text.split():
            for piece in self._pieces(word, width):
                joined = f"{lines[-1]} {piece}".strip()
                if self.width(joined) <= width:
                    lines[-1] = joined
                else:
                    lines.append(piece)
        return [line for line in lines if line]

    def _pieces(self, word: str, width: float) -> Iterable[str]:
        while len(word) > 1 and self.width(word) > width:
            fits = next((i for i in range(min(len(word), 200) - 1, 0, -1) if self.width(word[:i]) <= width), 1)
            yield word[:fits]
            word = word[fits:]
        yield word

    def _runs(self, text: str) -> Iterable[tuple[Font, str]]:
        own = inter(self.size, self._weight)
        for font, run in groupby(text, lambda char: _font_for(char, self.size, self._weight) or own):
            yield font, "".join(run)


def plate(lines: Sequence[str], face: Face, *, padding: int, boxed: bool = False) -> Patch:
    """White type on its own soft shadow, or on a dark rounded box."""
    leading = int(face.size * 1.3)
    size = (
        (int(max(face.width(line) for line in lines)) + 2 * padding + 2) & ~1,
        (leading * len(lines) + 2 * padding + 2) & ~1,
    )
    type_ = Image.new("L", size)
    draw = ImageDraw.Draw(type_)
    for i, line in enumerate(lines):
        face.write(draw, (padding, padding + i * leading), line)
    behind = _box(size, padding) if boxed else _shadow(type_, face.size)
    return _patch(np.asarray(type_, np.float32) / 255, behind)


def _shadow(type_: Image.Image, size: int) -> Floats:
    blurred = type_.filter(ImageFilter.GaussianBlur(size * 0.22))
    return np.clip(np.asarray(blurred, np.float32) / 255 * 2.1, 0, 0.72)


def ground(size: tuple[int, int], radius: int) -> Patch:
    """A dark rounded box without type."""
    cover = _box(size, radius)
    return _patch(np.zeros_like(cover), cover)


def _box(size: tuple[int, int], radius: int) -> Floats:
    box = Image.new("L", size)
    ImageDraw.Draw(box).rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), radius, fill=255)
    return np.asarray(box, np.float32) * np.float32(_BOX_COVER / 255)


def _patch(type_: Floats, behind: Floats) -> Patch:
    """White type over what darkens the picture behind it."""
    cover = 1 - (1 - behind) * (1 - type_)
    share = 255 * type_ / np.maximum(cover, 1e-6)
    return Patch.of(np.stack([share] * 3), cover)

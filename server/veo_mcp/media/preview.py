"""The animated preview: a small moving picture that a chat or a README can show in place."""

import io

from av import VideoFrame
from PIL import Image

from veo_mcp.media.pictures import Shrinker, fit

_LONG_SIDE = 320
_FPS = 8
_MOST_PICTURES = 96
_GIF_COLORS = 96
_QUALITY, _LOW_QUALITY = 45, 25
_LARGE_BYTES = 300_000


class Preview:
    """Keeps eight small pictures a second, fewer if the video is longer than twelve seconds."""

    def __init__(self, seconds: float, fps: float = _FPS) -> None:
        self._interval = max(1 / fps, seconds / _MOST_PICTURES)
        self._next = 0.0
        self._shrinker = Shrinker()
        self._pictures: list[Image.Image] = []

    def see(self, frame: VideoFrame, at: float) -> None:
        if at < self._next - 1e-3 or len(self._pictures) > _MOST_PICTURES:
            return
        self._next += self._interval
        size = self._pictures[0].size if self._pictures else fit(frame, _LONG_SIDE)
        self._pictures.append(self._shrinker.shrink(frame, *size))

    def webp(self) -> bytes | None:
        """Return an endless animation; None without any frame."""
        if not self._pictures:
            return None
        data = self._save(self._pictures, "WEBP", quality=_QUALITY, method=2)
        # Rain and confetti do not compress; nobody misses their details at this size.
        return data if len(data) < _LARGE_BYTES else self._save(self._pictures, "WEBP", quality=_LOW_QUALITY, method=2)

    def gif(self) -> bytes | None:
        """Return an endless animation in one palette of 96 colours; None without any frame."""
        if not self._pictures:
            return None
        palette = _stack(self._pictures[::8]).quantize(_GIF_COLORS, method=Image.Quantize.MEDIANCUT)
        pictures = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in self._pictures]
        return self._save(pictures, "GIF")

    def _save(self, pictures: list[Image.Image], kind: str, **options: int) -> bytes:
        buffer = io.BytesIO()
        pictures[0].save(
            buffer,
            kind,
            save_all=True,
            append_images=pictures[1:],
            duration=round(1000 * self._interval),
            loop=0,
            **options,
        )
        return buffer.getvalue()


def _stack(pictures: list[Image.Image]) -> Image.Image:
    width, height = pictures[0].size
    stack = Image.new("RGB", (width, height * len(pictures)))
    for place, picture in enumerate(pictures):
        stack.paste(picture, (0, place * height))
    return stack

"""What is asked of the renderer: one shot."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

FPS = 24
SAMPLE_RATE = 48_000
SAMPLES_PER_FRAME = SAMPLE_RATE // FPS

_SHORT_SIDE = {"720p": 720, "1080p": 1080}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A request for one video, as the API states it."""

    prompt: str
    duration: Literal[4, 6, 8] = 8
    resolution: Literal["720p", "1080p"] = "1080p"
    aspect_ratio: Literal["16:9", "9:16"] = "16:9"
    generate_audio: bool = True
    negative_prompt: str | None = None
    seed: int = 0

    @property
    def width(self) -> int:
        return self._long_side if self.aspect_ratio == "16:9" else _SHORT_SIDE[self.resolution]

    @property
    def height(self) -> int:
        return _SHORT_SIDE[self.resolution] if self.aspect_ratio == "16:9" else self._long_side

    @property
    def frames(self) -> int:
        return self.duration * FPS

    @property
    def _long_side(self) -> int:
        return int(_SHORT_SIDE[self.resolution] * Fraction(16, 9))

"""What every layer and every sound may know of the shot."""

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

import numpy as np

from veo_mcp.sandbox.render.noise import Texture
from veo_mcp.sandbox.render.palette import Colour, Mood, Palette, coat_of
from veo_mcp.sandbox.render.picture import Floats
from veo_mcp.sandbox.render.shot import Shot
from veo_mcp.sandbox.render.words import names

_SOFT_LONG_SIDE = 480


@dataclass(frozen=True, kw_only=True)
class Stage:
    """The shot's measures, colours and light.

    Sharp layers count in pixels of the video, soft ones in pixels of a small picture that is enlarged beneath them.
    """

    shot: Shot
    text: str
    """What is written over the picture."""
    named: str
    """What words are looked up in."""
    palette: Palette
    mood: Mood
    parts: frozenset[str]
    horizon: float
    floor: float
    pace: float = 1.0
    heading: int = 1
    placeless: bool = False
    monochrome: bool = False

    @property
    def width(self) -> int:
        return self.shot.width

    @property
    def height(self) -> int:
        return self.shot.height

    @property
    def unit(self) -> int:
        """The short side: what sizes that should look alike in both orientations are measured in."""
        return min(self.width, self.height)

    @property
    def is_wide(self) -> bool:
        return self.width > self.height

    @property
    def lift(self) -> float:
        """What heights of land are multiplied by: upright pictures are tall, hills are not."""
        return min(1.0, 1.15 * self.unit / self.height)

    @property
    def shore(self) -> float:
        """Where land in the background ends, as a fraction of the height: at the water, if there is any in front."""
        return self.horizon + 0.004 if self.has("ocean", "beach") else 1.0

    @cached_property
    def soft_size(self) -> tuple[int, int]:
        scale = _SOFT_LONG_SIDE / max(self.width, self.height)
        return round(self.width * scale / 2) * 2, round(self.height * scale / 2) * 2

    @cached_property
    def grid(self) -> tuple[Floats, Floats]:
        """Each soft pixel's place, as fractions of the width and of the height."""
        width, height = self.soft_size
        across = (np.arange(width, dtype=np.float32) + 0.5) / width
        down = (np.arange(height, dtype=np.float32) + 0.5) / height
        x, y = np.meshgrid(across, down)
        return x, y

    @cached_property
    def aspect(self) -> tuple[float, float]:
        """What the fractions of a grid are multiplied by so that circles are round."""
        return self.width / self.unit, self.height / self.unit

    @cached_property
    def sun(self) -> tuple[float, float]:
        """Where the light stands, as fractions of the picture."""
        dice = self.dice("sun")
        low = self.mood in {Mood.SUNSET, Mood.MORNING, Mood.NEON, Mood.FIRE}
        return dice.uniform(0.56, 0.78), self.horizon * (dice.uniform(0.62, 0.78) if low else dice.uniform(0.3, 0.42))

    @cached_property
    def coarse(self) -> Texture:
        return Texture(self.dice("coarse"), 1.9)

    @cached_property
    def fine(self) -> Texture:
        return Texture(self.dice("fine"), 1.45)

    @property
    def is_dark(self) -> bool:
        return self.mood in {Mood.NIGHT, Mood.STORM, Mood.NEON, Mood.SPACE, Mood.FIRE}

    def dice(self, name: str) -> np.random.Generator:
        """Random numbers of a part's own: another part cannot disturb them."""
        key = f"{self.shot.seed}\0{self.text}\0{name}".encode("utf-8", "surrogatepass")
        return np.random.default_rng(int.from_bytes(sha256(key).digest()[:16], "little"))

    def says(self, words: str) -> bool:
        return names(words, self.named)

    def tinted(self, colour: Colour, words: str) -> Colour:
        """The colour, or the one that the prompt gives to what the words name."""
        coat = coat_of(words, self.named)
        return colour.toward(coat.times(0.5 if self.is_dark else 0.9), 0.85) if coat else colour

    def has(self, *parts: str) -> bool:
        return not self.parts.isdisjoint(parts)

    def distance(self, at: tuple[float, float]) -> Floats:
        """Each soft pixel's distance from a point, in short sides."""
        (x, y), (kx, ky) = self.grid, self.aspect
        return np.hypot((x - at[0]) * kx, (y - at[1]) * ky).astype(np.float32)

    def drift(self, seconds: float) -> float:
        """How far the camera has moved: seconds, as hurried and as directed as the prompt says."""
        return seconds * self.pace * self.heading

"""Layers, and the order in which they lie over each other."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from enum import IntEnum

from veo_mcp.sandbox.render.picture import Floats, Picture


class Depth(IntEnum):
    """From the back to the front. Soft layers all lie behind the sharp ones."""

    SKY = 0
    STARS = 10
    CLOUDS = 20
    BACKDROP = 30
    FAR = 40
    MIDDLE = 50
    SUBJECT = 60
    NEAR = 70
    AIR = 80
    LENS = 90


class Soft(ABC):
    @abstractmethod
    def paint(self, rgb: Floats, t: float) -> None:
        """Change the small planar 0..255 RGB picture in place; `t` is in seconds."""


class Sharp(ABC):
    @abstractmethod
    def draw(self, picture: Picture, t: float) -> None:
        """Draw over the full-size picture; `t` is in seconds."""


Layers = Iterable[tuple[Depth, Soft | Sharp]]

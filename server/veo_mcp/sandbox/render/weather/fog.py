import numpy as np

from veo_mcp.sandbox.render.layers import Depth, Layers, Sharp
from veo_mcp.sandbox.render.palette import Colour
from veo_mcp.sandbox.render.part import Weather
from veo_mcp.sandbox.render.picture import Floats, Patch, Picture
from veo_mcp.sandbox.render.shot import FPS
from veo_mcp.sandbox.render.stage import Stage


def layers(stage: Stage) -> Layers:
    for i, (depth, height) in enumerate(((Depth.BACKDROP, 0.03), (Depth.FAR, 0.1), (Depth.MIDDLE, 0.18))):
        yield depth, Bank(stage, stage.horizon + height, speed=0.6 + 0.7 * i, name=f"fog {i}")


class Bank(Sharp):
    """A band of mist that drifts by."""

    def __init__(self, stage: Stage, middle: float, *, speed: float, name: str, colour: Colour | None = None) -> None:
        self._stage, self._speed = stage, speed * stage.unit / 1080
        tall = int(0.26 * stage.height) & ~1
        wide = stage.width + int(abs(self._speed) * stage.pace * stage.shot.frames) + 4
        self._top = int(middle * stage.height) - tall // 2
        self._room = wide - stage.width - 2
        colour = colour or stage.palette.horizon.toward(stage.palette.light, 0.35)
        cover = self._cover(stage, name, tall, wide)
        rgb = np.broadcast_to(np.asarray(colour, np.float32)[:, None, None], (3, tall, wide))
        self._patch = Patch.of(rgb, cover)

    @staticmethod
    def _cover(stage: Stage, name: str, tall: int, wide: int) -> Floats:
        start = float(stage.dice(name).uniform(0, 2048))
        scale = 1080 / stage.unit
        y, x = np.mgrid[0:tall, 0:wide].astype(np.float32)
        wisps = stage.coarse.look(stage.coarse.index(x * scale * 0.32 + start, y * scale))
        away = (y / tall - 0.5) * 2
        return np.clip((1 - away**2) ** 2 * (0.25 + 0.75 * wisps) * 0.75, 0, 0.8).astype(np.float32)

    def draw(self, picture: Picture, t: float) -> None:
        moved = self._speed * self._stage.pace * t * FPS
        offset = moved if self._stage.heading > 0 else self._room - moved
        picture.lay(self._patch, -offset, self._top)


PART = Weather(
    name="fog",
    words="fog*, mist*, haze, hazy, smok*, brume, niebla, nebel, туман*, 雾, 霧",
    layers=layers,
)

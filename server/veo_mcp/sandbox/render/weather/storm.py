from collections.abc import Iterable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from veo_mcp.sandbox.render.desk import Desk
from veo_mcp.sandbox.render.layers import Depth, Layers, Sharp, Soft
from veo_mcp.sandbox.render.palette import Colour
from veo_mcp.sandbox.render.part import Weather
from veo_mcp.sandbox.render.picture import Floats, Patch, Picture, column
from veo_mcp.sandbox.render.sprite import Point, flat
from veo_mcp.sandbox.render.stage import Stage

_FLASH = Colour(222, 230, 255)
_LASTS = 0.5


def strikes(stage: Stage) -> list[float]:
    """When lightning strikes, in seconds: what is seen and what is heard follow it."""
    seconds = stage.shot.duration
    spans = np.linspace(0.7, seconds - 0.5, max(2, seconds // 2))
    return [float(t) for t in spans[:-1] + stage.dice("strikes").uniform(0, 1, len(spans) - 1) * np.diff(spans) * 0.7]


def brightness(since: float) -> float:
    """A flash that flickers out."""
    return float(np.exp(-since * 7) * (0.6 + 0.4 * np.cos(since * 55))) if 0 <= since < _LASTS else 0.0


def layers(stage: Stage) -> Layers:
    yield Depth.CLOUDS, Flash(stage)
    for i, at in enumerate(strikes(stage)):
        yield Depth.CLOUDS, Bolt(stage, f"bolt {i}", at)


class Flash(Soft):
    """The sky lights up, most of all where it strikes."""

    def __init__(self, stage: Stage) -> None:
        self._strikes = strikes(stage)
        self._rows = int(stage.horizon * stage.soft_size[1])
        self._light = column(_FLASH)

    def paint(self, rgb: Floats, t: float) -> None:
        light = max(brightness(t - at) for at in self._strikes)
        if light > 0:
            sky = rgb[:, : self._rows]
            sky += (self._light - sky) * np.float32(light * 0.5)


class Bolt(Sharp):
    def __init__(self, stage: Stage, name: str, at: float) -> None:
        self._at = at
        dice = stage.dice(name)
        trunk = _crooked(dice, (float(dice.uniform(0.3, 0.7)), 0.0), stage.horizon, 0.014)
        image = Image.new("L", (stage.width // 2 & ~1, int(stage.horizon * stage.height) // 2 & ~1))
        draw = ImageDraw.Draw(image)
        _line(draw, image.size, trunk, stage.horizon, max(2, stage.unit // 400))
        for start in trunk[4:-6:5]:
            branch = _crooked(dice, start, min(stage.horizon, start[1] + 0.16), 0.022)
            _line(draw, image.size, branch, stage.horizon, 1)
        self._patch = _lit(image)

    def draw(self, picture: Picture, t: float) -> None:
        light = brightness(t - self._at)
        if light > 0.08:
            picture.lay(self._patch, 0, 0, min(1.0, light * 1.3))


def _crooked(dice: np.random.Generator, start: Point, end: float, jitter: float) -> list[Point]:
    points, lean = [start], float(dice.normal()) * jitter * 0.5
    while points[-1][1] < end:
        x, y = points[-1]
        points.append((x + lean + float(dice.normal()) * jitter, y + float(dice.uniform(0.012, 0.03))))
    return points


def _line(draw: ImageDraw.ImageDraw, size: tuple[int, int], line: list[Point], tall: float, width: int) -> None:
    draw.line([(x * size[0], y / tall * size[1]) for x, y in line], fill=255, width=width)


def _lit(image: Image.Image) -> Patch:
    size = image.width * 2, image.height * 2
    halo = np.asarray(image.filter(ImageFilter.GaussianBlur(7)).resize(size, Image.Resampling.BILINEAR), np.float32)
    core = np.asarray(image.resize(size, Image.Resampling.BILINEAR), np.float32)
    cover = np.clip((halo * 2.2 + core) / 255, 0, 1)
    return Patch.of(flat(_FLASH, cover), cover)


def sound(desk: Desk) -> Iterable[Floats]:
    yield desk.noise(80, 700, 0.6) * desk.swell(0.17, 0.8) * 0.12
    for at in strikes(desk.stage):
        yield desk.strike(at + 0.3, desk.noise(22, 170, 0.7), 0.06, 1.3) * 0.6
        yield desk.strike(at + 0.25, desk.noise(200, 2500, 0.6), 0.01, 0.22) * 0.12


PART = Weather(
    name="storm",
    words="storm*, thunder*, lightning, hurricane, tempest, orage, tormenta, гроз*, шторм*, 雷, 嵐",
    never_in="duststorm*, mars, martian",
    layers=layers,
    sound=sound,
)

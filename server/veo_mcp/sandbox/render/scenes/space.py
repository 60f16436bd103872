from collections.abc import Iterable

import numpy as np

from veo_mcp.sandbox.render.desk import Desk
from veo_mcp.sandbox.render.layers import Depth, Layers, Soft
from veo_mcp.sandbox.render.palette import Colour, Mood
from veo_mcp.sandbox.render.part import Place, Scene
from veo_mcp.sandbox.render.particles import Motion, Particles, Stamp, evenly
from veo_mcp.sandbox.render.picture import Floats, column
from veo_mcp.sandbox.render.sky import Backdrop, gradient
from veo_mcp.sandbox.render.stage import Stage

_GAS = Colour(46, 150, 190)
_AIR = Colour(140, 195, 255)
_PLANETS = (Colour(206, 140, 92), Colour(96, 140, 190), Colour(170, 120, 190), Colour(120, 160, 120))


def layers(stage: Stage) -> Layers:
    yield Depth.SKY, Backdrop(gradient(stage, 1.1))
    yield Depth.SKY, Nebula(stage)
    is_deep = stage.says("milky way, galax*, nebula*") and not stage.says("planet*, moon*, earth, orbit*")
    if not is_deep:
        yield Depth.CLOUDS, Planet(stage)
    centre, radius = planet_place(stage)

    def in_the_open(x: Floats, y: Floats) -> Floats:
        kx, ky = stage.aspect
        away = np.hypot((x - centre[0]) * kx, (y - centre[1]) * ky)
        return (away > radius * 1.01).astype(np.float32)

    for name, count, size, speed in (
        ("dust", 520, 0.0009, 0.0002),
        ("stars", 120, 0.0016, 0.0006),
        ("suns", 26, 0.003, 0.001),
    ):
        motion = Motion(across=-speed * stage.unit * stage.pace * stage.heading)
        stars = Particles(
            stage,
            name,
            Stamp.dot(size * stage.unit),
            count=count,
            colour=stage.palette.light,
            motion=motion,
            twinkle=0.3,
            fade=evenly if is_deep else in_the_open,
        )
        yield Depth.STARS, stars


def planet_place(stage: Stage) -> tuple[tuple[float, float], float]:
    """The planet's middle in fractions of the picture, and its radius in short sides."""
    return ((0.74, 0.66), 0.4) if stage.is_wide else ((0.66, 0.7), 0.42)


class Nebula(Soft):
    def __init__(self, stage: Stage) -> None:
        (x, y), (kx, ky) = stage.grid, stage.aspect
        self._stage = stage
        self._wide = stage.coarse.index(x * kx * 520, y * ky * 520)
        self._detail = stage.fine.index(x * kx * 900 + 500, y * ky * 900)
        band = np.exp(-(((y - 0.42 + (x - 0.5) * 0.5) / 0.3) ** 2))
        self._band = (0.35 + 0.65 * band).astype(np.float32)
        self._cloud, self._gas = column(stage.palette.cloud), column(_GAS)

    def paint(self, rgb: Floats, t: float) -> None:
        drift = self._stage.drift(t) * 9
        wide = self._stage.coarse.look(self._wide, drift, 0)
        detail = self._stage.fine.look(self._detail, drift * 1.6, 0)
        gas = np.clip((wide * 0.6 + detail * 0.4 - 0.38) * 2.6, 0, 1) * self._band
        rgb += (self._cloud - rgb) * (gas * gas * 0.7)
        rgb += (self._gas - rgb) * (np.clip(detail - 0.5, 0, 1) * gas * 1.2)


class Planet(Soft):
    """A ball with bands that turn, lit from the upper left, with a thin air."""

    def __init__(self, stage: Stage) -> None:
        centre, radius = planet_place(stage)
        (x, y), (kx, ky) = stage.grid, stage.aspect
        across, down = (x - centre[0]) * kx / radius, (y - centre[1]) * ky / radius
        away = np.hypot(across, down)
        toward = np.sqrt(np.clip(1 - away**2, 0, 1))
        rim = 1.6 / min(stage.soft_size) / radius
        self._ball = np.clip((1 - away) / rim, 0, 1).astype(np.float32)
        light = -across * 0.62 - down * 0.42
        self._lit = (np.clip(light + toward * 0.62, 0.015, 1) ** 0.9).astype(np.float32)
        halo = np.exp(-np.clip(away - 1, 0, 9) * 10) * np.clip(0.35 + light * 0.6, 0, 1)
        self._halo = (np.where(away >= 1, halo, np.clip(away**6, 0, 1) * halo) * 0.6).astype(np.float32)
        tilt = down + across * 0.22
        self._index = stage.coarse.index(np.arctan2(across, toward + 1e-6) * 360, tilt * 1500 + 700)
        self._stage = stage
        land = _PLANETS[int(stage.dice("planet").integers(len(_PLANETS)))]
        self._low, self._high = column(land.times(0.45)), column(land.toward(stage.palette.light, 0.5))

    def paint(self, rgb: Floats, t: float) -> None:
        bands = np.clip(self._stage.coarse.look(self._index, self._stage.drift(t) * 34, 0) * 2.2 - 0.6, 0, 1)
        rgb += ((self._low + (self._high - self._low) * bands) * self._lit - rgb) * self._ball
        rgb += (column(_AIR) - rgb) * self._halo


def sound(desk: Desk) -> Iterable[Floats]:
    yield desk.noise(28, 150, 0.8) * desk.swell(0.09, 0.7) * 0.22
    yield desk.calls(1320, 0.0, 1.8, 0.4) * 0.06


PART = Scene(
    name="space",
    words=(
        "space, outer space, galax*, nebula*, planet*, cosm*, orbit*, universe, espacio, espace, "
        "weltraum, космос*, 宇宙, 太空"
    ),
    hints="astronaut*, rocket*, spaceship*, spacecraft, starship, satellite*",
    rank=70,
    moods=(Mood.SPACE,),
    offers=frozenset({Place.SPACE}),
    horizon=1.0,
    floor=0.9,
    layers=layers,
    sound=sound,
    fixed_mood=True,
    closed=True,
)

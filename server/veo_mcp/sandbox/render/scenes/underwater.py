from collections.abc import Iterable
from functools import partial

import numpy as np

from veo_mcp.sandbox.render.desk import Desk
from veo_mcp.sandbox.render.layers import Depth, Layers, Soft
from veo_mcp.sandbox.render.outlines import hills
from veo_mcp.sandbox.render.palette import Colour, Mood
from veo_mcp.sandbox.render.part import Place, Scene
from veo_mcp.sandbox.render.particles import Motion, Particles, Stamp
from veo_mcp.sandbox.render.picture import Floats, column
from veo_mcp.sandbox.render.sky import Backdrop, gradient
from veo_mcp.sandbox.render.sprite import Actor, Shape, Sprite, drawn, limb
from veo_mcp.sandbox.render.stage import Stage
from veo_mcp.sandbox.render.strip import Strip, land, passing

_CORALS = (Colour(236, 110, 96), Colour(240, 160, 90), Colour(206, 96, 150), Colour(150, 110, 200))
_NEAR_PAN = 2.0


def layers(stage: Stage) -> Layers:
    yield Depth.SKY, Backdrop(gradient(stage, 1.0))
    yield Depth.CLOUDS, Rays(stage)
    yield Depth.FAR, _bed(stage, "far bed", base=0.86, rise=0.2, share=0.62, pan=0.7)
    yield Depth.MIDDLE, _bed(stage, "middle bed", base=0.95, rise=0.16, share=0.35, pan=1.3)
    yield from _corals(stage)
    yield Depth.NEAR, _bed(stage, "near bed", base=1.0, rise=0.12, share=0.1, pan=_NEAR_PAN)
    u = stage.unit
    rising = Motion(down=-0.0026 * u, sway=0.006)
    drifting = Motion(across=0.0004 * u, down=0.0003 * u)
    pale = stage.palette.light
    for name, radius, count in (("bubbles", 0.004, 46), ("big bubbles", 0.009, 14)):
        bubbles = Particles(stage, name, Stamp.ring(radius * u), count=count, colour=pale, strength=0.75, motion=rising)
        yield Depth.AIR, bubbles
    dust = Stamp.dot(0.0013 * u)
    yield Depth.AIR, Particles(stage, "dust", dust, count=200, colour=pale, strength=0.5, motion=drifting, twinkle=0.3)


class Rays(Soft):
    """Light that falls through the waves, and its net on the surface."""

    def __init__(self, stage: Stage) -> None:
        (x, y), (kx, _) = stage.grid, stage.aspect
        self._texture = stage.coarse
        self._stage = stage
        self._beams = self._texture.index((x - 0.4) * kx / (y + 0.4) * 300 + 900, y * 0)
        self._net = self._texture.index((x - 0.5) * kx / (0.12 + y) * 130, 260 / (0.12 + y))
        self._fade = np.exp(-y * 2.1) * np.float32(0.6)
        self._top = np.clip(1 - y * 2.9, 0, 1) * np.float32(0.55)
        self._light = column(stage.palette.light)

    def paint(self, rgb: Floats, t: float) -> None:
        drift = self._stage.drift(t)
        beams = np.clip((self._texture.look(self._beams, drift * 22, t * 46) - 0.45) * 3, 0, 1) * self._fade
        net = np.clip(1 - np.abs(self._texture.look(self._net, drift * 40, t * 60) - 0.5) * 14, 0, 1) * self._top
        rgb += (self._light - rgb) * (beams + net)


def _bed(stage: Stage, name: str, *, base: float, rise: float, share: float, pan: float) -> Strip:
    dice, palette = stage.dice(name), stage.palette
    colour = palette.ground.toward(palette.middle, share)
    return land(
        stage,
        lambda width: hills(dice, width, cells=4, octaves=6),
        base=base,
        rise=rise,
        top=colour.times(1.25),
        bottom=colour.times(0.6),
        pan=pan,
    )


def _corals(stage: Stage) -> Layers:
    dice = stage.dice("corals")
    room = 1 + _NEAR_PAN * stage.shot.frames * stage.pace * stage.unit / 1080 / stage.width
    for i, at in enumerate(np.arange(0.02, room, 0.085 if stage.is_wide else 0.16)):
        colour = _CORALS[int(dice.integers(len(_CORALS)))].toward(stage.palette.ground, dice.uniform(0.15, 0.5))
        size = stage.unit * dice.uniform(0.13, 0.3)
        coral = drawn(_coral(dice, colour), size) if i % 3 else _weed(dice, stage, size)
        x = float(at) + dice.normal() * 0.02
        yield Depth.MIDDLE, Actor([coral], partial(passing, stage, _NEAR_PAN, (x, 0.985)))


def _coral(dice: np.random.Generator, colour: Colour) -> list[Shape]:
    shapes: list[Shape] = []

    def grow(x: float, y: float, angle: float, length: float, width: float) -> None:
        end = x + np.sin(angle) * length, y - np.cos(angle) * length
        shapes.append((limb([(x, y), end], [width, width * 0.78]), colour))
        if length > 0.08:
            for turn in (-0.42, 0.08, 0.5):
                grow(*end, angle + turn + dice.normal() * 0.16, length * dice.uniform(0.6, 0.78), width * 0.7)

    grow(0, 0, dice.normal() * 0.1, 0.34, 0.085)
    return shapes


def _weed(dice: np.random.Generator, stage: Stage, size: float) -> Sprite:
    ink = Colour(30, 110, 84).toward(stage.palette.ground, 0.35)
    shapes: list[Shape] = []
    for _ in range(6):
        root, bend, tall = dice.uniform(-0.16, 0.16), dice.uniform(0.03, 0.09), dice.uniform(0.6, 1.3)
        ys = np.linspace(0, tall, 14)
        line = [(root + bend * float(np.sin(y * 7 + root * 40)), -float(y)) for y in ys]
        shapes.append((limb(line, np.interp(ys, [0, tall], [0.06, 0.012]).tolist()), ink))
    return drawn(shapes, size)


def sound(desk: Desk) -> Iterable[Floats]:
    yield desk.noise(30, 260, 0.8) * desk.swell(0.2, 0.6) * 0.3
    yield desk.calls(520, 0.9, 0.09, 5) * 0.12
    yield desk.noise(400, 1500, 0.5) * desk.swell(0.31, 1.0) ** 2 * 0.03


PART = Scene(
    name="underwater",
    words=(
        "underwater, under water, under the sea, coral*, reef*, deep sea, seabed, aquarium, "
        "subaquatique, подводн*, 海底, 珊瑚"
    ),
    hints="jellyfish, submarine*, diver*, fish, fishes, submarino",
    rank=80,
    moods=(Mood.DEEP,),
    offers=frozenset({Place.DEEP}),
    horizon=1.0,
    floor=0.95,
    layers=layers,
    sound=sound,
    fixed_mood=True,
    closed=True,
)

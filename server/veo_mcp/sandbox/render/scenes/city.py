from collections.abc import Iterable
from functools import partial

import numpy as np

from veo_mcp.sandbox.render.desk import Desk
from veo_mcp.sandbox.render.layers import Depth, Layers
from veo_mcp.sandbox.render.outlines import skyline
from veo_mcp.sandbox.render.palette import Colour, Mood
from veo_mcp.sandbox.render.part import Place, Scene
from veo_mcp.sandbox.render.picture import Floats
from veo_mcp.sandbox.render.relief import windows
from veo_mcp.sandbox.render.sprite import Actor, Point, glow
from veo_mcp.sandbox.render.stage import Stage
from veo_mcp.sandbox.render.strip import Strip, land
from veo_mcp.sandbox.render.water import Mirror

_LAMPS = (Colour(255, 70, 50), Colour(255, 240, 205))


def backdrop(stage: Stage) -> Layers:
    yield Depth.BACKDROP, _row(stage, "far towers", base=0.02, rise=0.26, distance=0.46, pan=0.5, cell=0.0075)


def layers(stage: Stage) -> Layers:
    yield from backdrop(stage)
    yield Depth.FAR, _row(stage, "middle towers", base=0.09, rise=0.34, distance=0.2, pan=1, cell=0.0105)
    yield Depth.MIDDLE, _row(stage, "near towers", base=0.2, rise=0.3, distance=0.05, pan=2, cell=0.013)
    yield Depth.MIDDLE, _road(stage)
    yield from _traffic(stage)
    yield Depth.MIDDLE, Mirror(stage, stage.floor, keep=0.72 if stage.has("rain") else 0.35)


def _road(stage: Stage) -> Strip:
    dark = stage.palette.land(0.04)
    top = stage.floor - 0.04
    return land(stage, np.zeros, base=top, rise=0.0, top=dark, bottom=dark.times(0.6), pan=0)


def _traffic(stage: Stage) -> Layers:
    """Head lights that come and tail lights that go."""
    dice, u = stage.dice("traffic"), stage.unit
    for i in range(14):
        lamp = glow(_LAMPS[i % 2], u * dice.uniform(0.012, 0.02))
        halo = glow(_LAMPS[i % 2], u * 0.07, 0.4)
        way = 1 if i % 2 else -1
        path = partial(_drive, stage, dice.uniform(0, 1), way * dice.uniform(0.05, 0.09))
        yield Depth.MIDDLE, Actor([halo], path)
        yield Depth.MIDDLE, Actor([lamp], path)


def _drive(stage: Stage, start: float, speed: float, t: float) -> Point:
    x = (start + speed * t * stage.pace) % 1.2 - 0.1
    return x * stage.width, stage.floor * stage.height - stage.unit * (0.018 if speed > 0 else 0.026)


def _row(stage: Stage, name: str, *, base: float, rise: float, distance: float, pan: float, cell: float) -> Strip:
    dice, palette = stage.dice(name), stage.palette
    return land(
        stage,
        lambda width: skyline(dice, width, cell * 8 * stage.unit),
        base=stage.horizon + base,
        rise=rise,
        top=palette.land(distance),
        bottom=palette.land(distance * 0.85 + 0.1),
        pan=pan,
        foot=stage.shore,
        shade=windows(stage, name + " windows", cell * stage.unit, 0.42 if distance > 0.1 else 0.3),
    )


def sound(desk: Desk) -> Iterable[Floats]:
    yield desk.noise(45, 380, 0.9) * 0.2
    yield desk.noise(300, 2400, 0.5) * desk.swell(0.21, 0.9) ** 2 * 0.07
    yield desk.calls(410, 0.02, 0.4, 0.25) * 0.05


PART = Scene(
    name="city",
    words=(
        "city*, cities, street*, skyline, skyscraper*, urban, tokyo, new york, london, paris, "
        "building*, downtown, rooftop*, alley*, ville, rue, ciudad, calle, stadt, город*, улиц*, 城市, "
        "都市, 街, 도시"
    ),
    hints="traffic, car, cars, taxi, neon, cyberpunk",
    rank=45,
    moods=(Mood.NIGHT, Mood.SUNSET),
    offers=frozenset({Place.SKY, Place.GROUND}),
    horizon=0.62,
    floor=0.84,
    layers=layers,
    backdrop=backdrop,
    sound=sound,
)

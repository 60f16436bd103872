from collections.abc import Iterable

from veo_mcp.sandbox.render.desk import Desk
from veo_mcp.sandbox.render.layers import Depth, Layers
from veo_mcp.sandbox.render.palette import Colour, Mood
from veo_mcp.sandbox.render.part import Weather
from veo_mcp.sandbox.render.particles import Motion, Particles, Stamp
from veo_mcp.sandbox.render.picture import Floats
from veo_mcp.sandbox.render.stage import Stage

_FLAKE = Colour(250, 252, 255)


def layers(stage: Stage) -> Layers:
    u = stage.unit
    for name, count, radius, fall in (
        ("far", 340, 0.0018, 0.0016),
        ("middle", 150, 0.003, 0.0026),
        ("near", 46, 0.006, 0.0042),
    ):
        motion = Motion(across=fall * 0.4 * u * stage.heading, down=fall * u, sway=0.006)
        flakes = Particles(
            stage, f"snow {name}", Stamp.dot(radius * u), count=count, colour=_FLAKE, strength=0.85, motion=motion
        )
        yield Depth.AIR, flakes


def sound(desk: Desk) -> Iterable[Floats]:
    yield desk.noise(300, 1600, 0.4) * desk.swell(0.14, 0.9) * 0.1


PART = Weather(
    name="snow",
    words="snow*, blizzard, winter*, neige, nieve, schnee, снег*, зим*, 雪, 눈이",
    implied_by=(Mood.WINTER,),
    layers=layers,
    sound=sound,
)

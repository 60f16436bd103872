from collections.abc import Iterable

from veo_mcp.sandbox.render.desk import Desk
from veo_mcp.sandbox.render.layers import Depth, Layers
from veo_mcp.sandbox.render.palette import Colour, Mood
from veo_mcp.sandbox.render.part import Weather
from veo_mcp.sandbox.render.particles import Motion, Particles, Stamp
from veo_mcp.sandbox.render.picture import Floats
from veo_mcp.sandbox.render.stage import Stage

_WATER = Colour(205, 214, 226)


def layers(stage: Stage) -> Layers:
    u = stage.unit
    slant = 0.006 * u * stage.heading
    for name, count, length, width, strength in (("far", 420, 0.035, 1, 0.3), ("near", 150, 0.075, 2, 0.4)):
        fall = length * 1.05 * u
        stamp = Stamp.streak(slant * length / 0.034, length * u, max(1, width * u // 1080))
        motion = Motion(across=slant * length / 0.034, down=fall)
        yield (
            Depth.AIR,
            Particles(stage, f"rain {name}", stamp, count=count, colour=_WATER, strength=strength, motion=motion),
        )


def sound(desk: Desk) -> Iterable[Floats]:
    yield desk.noise(900, 9000, 0.1) * 0.16
    yield desk.noise(150, 700, 0.3) * 0.08
    yield desk.crackle(60, 0.0012) * 0.25


PART = Weather(
    name="rain",
    words="rain*, drizzle, monsoon, downpour, wet, storm*, pluie, lluvia, regen, дожд*, 雨, 비가",
    implied_by=(Mood.STORM,),
    never_in="duststorm*, mars, martian",
    layers=layers,
    sound=sound,
)

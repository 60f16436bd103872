from collections.abc import Iterable

from veo_mcp.sandbox.render.desk import Desk
from veo_mcp.sandbox.render.layers import Depth, Layers
from veo_mcp.sandbox.render.palette import Colour, Mood
from veo_mcp.sandbox.render.part import Weather
from veo_mcp.sandbox.render.particles import Motion, Particles, Stamp
from veo_mcp.sandbox.render.picture import Floats
from veo_mcp.sandbox.render.stage import Stage

_SPARK = Colour(255, 170, 70)


def layers(stage: Stage) -> Layers:
    u = stage.unit

    def from_below(_x: Floats, y: Floats) -> Floats:
        return (y * 1.6).clip(0, 1)

    for name, count, radius, rise in (("small", 130, 0.0018, 0.0034), ("large", 36, 0.0034, 0.005)):
        motion = Motion(across=0.001 * u * stage.heading, down=-rise * u, sway=0.006)
        stamp = Stamp.dot(radius * u)
        sparks = Particles(
            stage, f"embers {name}", stamp, count=count, colour=_SPARK, motion=motion, twinkle=0.4, fade=from_below
        )
        yield Depth.AIR, sparks


def sound(desk: Desk) -> Iterable[Floats]:
    yield desk.noise(60, 500, 0.6) * desk.swell(0.9, 0.3) * 0.1
    yield desk.crackle(18) * 0.4


PART = Weather(
    name="embers",
    words="ember*, spark*, burning, flames, blaz*, inferno",
    implied_by=(Mood.FIRE,),
    layers=layers,
    sound=sound,
)

from veo_mcp.sandbox.render.layers import Depth, Layers
from veo_mcp.sandbox.render.palette import Colour, Mood
from veo_mcp.sandbox.render.part import Weather
from veo_mcp.sandbox.render.particles import Particles, Stamp
from veo_mcp.sandbox.render.picture import Floats
from veo_mcp.sandbox.render.stage import Stage

_STARLIGHT = Colour(236, 240, 255)


def layers(stage: Stage) -> Layers:
    u = stage.unit

    def towards_horizon(_x: Floats, y: Floats) -> Floats:
        return (1.1 - y / stage.horizon).clip(0, 1)

    for name, count, radius in (("faint", 380, 0.0009), ("bright", 46, 0.002)):
        stars = Particles(
            stage,
            f"stars {name}",
            Stamp.dot(radius * u),
            count=round(count * min(1.0, stage.horizon + 0.2)),
            colour=_STARLIGHT,
            twinkle=0.35,
            reach=(0.0, stage.horizon),
            fade=towards_horizon,
        )
        yield Depth.STARS, stars


PART = Weather(
    name="stars",
    words="stars, starry, starlit, milky way, étoiles, звезд*, 星空",
    implied_by=(Mood.NIGHT,),
    never_in="duststorm*",
    layers=layers,
)

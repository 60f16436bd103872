from veo_mcp.sandbox.render.layers import Depth, Layers
from veo_mcp.sandbox.render.palette import Colour
from veo_mcp.sandbox.render.part import Weather
from veo_mcp.sandbox.render.particles import Motion, Particles, Stamp
from veo_mcp.sandbox.render.stage import Stage

_LIGHT = Colour(255, 226, 120)


def layers(stage: Stage) -> Layers:
    u = stage.unit
    motion = Motion(across=0.0004 * u, down=-0.0003 * u, sway=0.012)
    for radius, strength in ((0.011, 0.22), (0.0026, 1.0)):
        swarm = Particles(
            stage,
            "fireflies",  # one name for both: each core sits in its glow
            Stamp.dot(radius * u),
            count=46,
            colour=_LIGHT,
            strength=strength,
            motion=motion,
            twinkle=0.45,
            reach=(0.45, 0.95),
        )
        yield Depth.AIR, swarm


PART = Weather(
    name="fireflies",
    words="firefl*, glowworm*, pollen, fairy, fairies, magic*, enchanted, luciole*, светлячк*, 萤火虫",
    layers=layers,
)

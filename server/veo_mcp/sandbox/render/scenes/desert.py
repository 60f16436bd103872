from collections.abc import Iterable

from veo_mcp.sandbox.render.desk import Desk
from veo_mcp.sandbox.render.layers import Depth, Layers
from veo_mcp.sandbox.render.outlines import dunes
from veo_mcp.sandbox.render.palette import Colour, Mood
from veo_mcp.sandbox.render.part import Place, Scene
from veo_mcp.sandbox.render.picture import Floats
from veo_mcp.sandbox.render.relief import sand
from veo_mcp.sandbox.render.stage import Stage
from veo_mcp.sandbox.render.strip import Strip, land

_SAND = Colour(226, 160, 92)


def layers(stage: Stage) -> Layers:
    yield Depth.BACKDROP, _dunes(stage, "far dunes", base=0.02, rise=0.06, distance=0.6, pan=0.4, count=5)
    yield Depth.FAR, _dunes(stage, "middle dunes", base=0.1, rise=0.12, distance=0.3, pan=0.9, count=3)
    yield Depth.MIDDLE, _dunes(stage, "near dunes", base=0.2, rise=0.13, distance=0.12, pan=1.5, count=2)
    yield Depth.NEAR, _dunes(stage, "last dune", base=0.3, rise=0.12, distance=0, pan=2.4, count=1.4)


def _dunes(stage: Stage, name: str, *, base: float, rise: float, distance: float, pan: float, count: float) -> Strip:
    dice, palette = stage.dice(name), stage.palette
    lit = 0.3 if stage.is_dark else 0.85
    near = palette.ground.toward(_SAND.times(0.35 + 0.65 * lit), 0.25 + 0.5 * lit)
    top = near.toward(palette.horizon, distance)
    return land(
        stage,
        lambda width: dunes(dice, width, count * stage.width / stage.unit / 1.78),
        base=stage.horizon + base,
        rise=rise,
        top=top.times(1.05),
        bottom=top.toward(palette.ground, 0.55),
        pan=pan,
        shade=sand(stage),
    )


def sound(desk: Desk) -> Iterable[Floats]:
    yield desk.noise(180, 1100, 0.5) * desk.swell(0.12, 0.8) * 0.2
    yield desk.noise(2500, 9000, 0.2) * desk.swell(0.19, 1.0) ** 3 * 0.04


PART = Scene(
    name="desert",
    words=(
        "desert*, dune*, sand, sands, sahara, oasis, mars, martian, arid, wasteland, désert, "
        "desierto, wüste, пустын*, 沙漠, 사막"
    ),
    # Mars and its dust count twice: a planet or an astronaut beside them is still on the ground.
    hints="duststorm*, mars, martian",
    rank=40,
    moods=(Mood.ARID, Mood.SUNSET),
    offers=frozenset({Place.SKY, Place.GROUND}),
    horizon=0.6,
    floor=0.83,
    layers=layers,
    sound=sound,
)

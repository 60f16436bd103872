from collections.abc import Iterable

from veo_mcp.sandbox.render.desk import Desk
from veo_mcp.sandbox.render.layers import Depth, Layers
from veo_mcp.sandbox.render.outlines import hills
from veo_mcp.sandbox.render.palette import Colour, Mood
from veo_mcp.sandbox.render.part import Place, Scene
from veo_mcp.sandbox.render.picture import Floats
from veo_mcp.sandbox.render.relief import rock
from veo_mcp.sandbox.render.stage import Stage
from veo_mcp.sandbox.render.strip import land
from veo_mcp.sandbox.render.water import Sea

_SAND = Colour(214, 176, 122)
_STONE = Colour(70, 68, 72)


def layers(stage: Stage) -> Layers:
    yield Depth.FAR, Sea(stage)
    dice, palette = stage.dice("shore"), stage.palette
    rocky = stage.says("rock*, cliff*, lighthouse*, coast*, скал*")
    lit = 0.1 if stage.is_dark else 0.42 if stage.mood is Mood.SUNSET else 0.8
    colour = palette.ground.toward(_STONE if rocky else _SAND, lit)
    yield (
        Depth.NEAR,
        land(
            stage,
            lambda width: hills(dice, width, cells=5 if rocky else 2, octaves=7 if rocky else 2),
            base=stage.floor + 0.02,
            rise=0.07 if rocky else 0.035,
            top=colour,
            bottom=colour.times(0.55),
            pan=1.4,
            shade=rock(stage, snow=0) if rocky else None,
        ),
    )


def sound(desk: Desk) -> Iterable[Floats]:
    yield desk.noise(60, 1600, 0.7) * desk.swell(0.2, 0.9, 1.0) * 0.26
    yield desk.noise(1200, 7000, 0.2) * desk.swell(0.2, 1.0, 0.2) ** 3 * 0.2


PART = Scene(
    name="beach",
    words=("beach*, shore*, coast*, island*, seaside, bay, plage, playa, strand, пляж*, берег*, 海滩, 海岸, 해변"),
    hints="lighthouse*, маяк*, 灯塔",
    rank=65,
    moods=(Mood.SUNSET, Mood.DAY, Mood.MORNING),
    offers=frozenset({Place.SKY, Place.WATER, Place.GROUND}),
    horizon=0.52,
    floor=0.82,
    layers=layers,
    sound=sound,
)

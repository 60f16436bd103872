from collections.abc import Iterable

from veo_mcp.sandbox.render.desk import Desk
from veo_mcp.sandbox.render.layers import Depth, Layers
from veo_mcp.sandbox.render.palette import Mood
from veo_mcp.sandbox.render.part import Place, Scene
from veo_mcp.sandbox.render.picture import Floats
from veo_mcp.sandbox.render.stage import Stage
from veo_mcp.sandbox.render.water import Sea


def layers(stage: Stage) -> Layers:
    yield Depth.FAR, Sea(stage)


def sound(desk: Desk) -> Iterable[Floats]:
    yield desk.noise(60, 1800, 0.7) * desk.swell(0.16, 0.85, 1.0) * 0.3
    yield desk.noise(900, 5000, 0.2) * desk.swell(0.16, 1.0, 0.4) ** 3 * 0.14


PART = Scene(
    name="ocean",
    words=(
        "ocean*, sea, seas, wave, waves, lake, river, harbor*, harbour*, mer, océan, mar, meer, "
        "море, океан*, волн*, 海, 바다"
    ),
    hints="sail*, boat*, ship*, surf*, whale*, dolphin*",
    rank=60,
    moods=(Mood.SUNSET, Mood.DAY, Mood.MORNING),
    offers=frozenset({Place.SKY, Place.WATER}),
    horizon=0.54,
    floor=0.6,
    layers=layers,
    sound=sound,
)

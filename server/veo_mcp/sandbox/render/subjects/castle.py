from veo_mcp.sandbox.render.layers import Depth, Layers
from veo_mcp.sandbox.render.palette import Colour
from veo_mcp.sandbox.render.part import Place, Subject
from veo_mcp.sandbox.render.sprite import Actor, Shape, drawn
from veo_mcp.sandbox.render.stage import Stage

_CANDLE = Colour(255, 200, 110)

# Each tower: its middle, half its width, its height, and whether it has a pointed roof.
_TOWERS = (
    (-0.62, 0.1, 0.62, True),
    (-0.3, 0.08, 0.86, True),
    (0.02, 0.14, 1.1, True),
    (0.34, 0.09, 0.74, False),
    (0.62, 0.11, 0.58, True),
)


def layers(stage: Stage) -> Layers:
    at = (0.68 if stage.is_wide else 0.6) * stage.width, (stage.floor - 0.06) * stage.height
    yield Depth.FAR, Actor([drawn(_castle(stage), stage.unit * 0.34)], lambda _t: at)


def _castle(stage: Stage) -> list[Shape]:
    wall = stage.palette.land(0.16)
    roof = wall.times(0.7)
    rock: Shape = ([(-1.1, 0.5), (-0.86, 0.1), (-0.7, -0.1), (0.7, -0.1), (0.9, 0.12), (1.2, 0.5)], wall.times(0.85))
    shapes: list[Shape] = [rock, *_crenels(-0.64, 0.64, 0.36, wall)]
    for x, half, tall, pointed in _TOWERS:
        shapes.append(([(x - half, 0), (x + half, 0), (x + half, -tall), (x - half, -tall)], wall))
        if pointed:
            shapes.append(([(x - half * 1.3, -tall), (x, -tall - half * 3.2), (x + half * 1.3, -tall)], roof))
        else:
            shapes += _crenels(x - half * 1.2, x + half * 1.2, tall + 0.05, wall)
        shapes.append(_window(x, tall - 0.16))
    return [*shapes, _window(-0.14, 0.2), _window(0.18, 0.22)]


def _window(x: float, y: float) -> Shape:
    return [(x - 0.018, -y), (x + 0.018, -y), (x + 0.018, -y - 0.07), (x, -y - 0.095), (x - 0.018, -y - 0.07)], _CANDLE


def _crenels(left: float, right: float, top: float, colour: Colour) -> list[Shape]:
    count = max(2, round((right - left) / 0.09))
    step = (right - left) / count
    teeth = [left + i * step for i in range(count)]
    return [
        ([(left, 0), (right, 0), (right, -top), (left, -top)], colour),
        *[
            ([(x, -top), (x + step * 0.55, -top), (x + step * 0.55, -top - 0.05), (x, -top - 0.05)], colour)
            for x in teeth
        ],
    ]


PART = Subject(
    name="castle",
    words=("castle*, fortress*, palace*, citadel, château*, castillo*, schloss, burg, замок, замк*, крепост*, 城堡"),
    place=Place.GROUND,
    home="mountain",
    layers=layers,
)

"""What a file in `scenes`, `weather` or `subjects` declares."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from veo_mcp.sandbox.render.desk import Desk
from veo_mcp.sandbox.render.layers import Layers
from veo_mcp.sandbox.render.palette import Mood
from veo_mcp.sandbox.render.picture import Floats
from veo_mcp.sandbox.render.stage import Stage


class Place(StrEnum):
    """Where a subject can be."""

    SKY = "sky"
    GROUND = "ground"
    WATER = "water"
    DEEP = "deep"
    SPACE = "space"


def no_layers(_stage: Stage) -> Layers:
    return ()


def no_sound(_desk: Desk) -> Iterable[Floats]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Something that a prompt can name: its words, what it draws and what is heard of it.

    The words are divided by commas; one may end in `*` for any ending. Named in a negative prompt, they leave the
    part out, as does any of `never_in` in the prompt itself. `implied_by` names scenes and moods that bring it along
    unasked.
    """

    name: str
    words: str
    layers: Callable[[Stage], Layers]
    sound: Callable[[Desk], Iterable[Floats]] = no_sound
    implied_by: tuple[str, ...] = ()
    never_in: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene(Part):
    """A place. `rank` settles which of two equally named places is in front; the other one's backdrop stands behind.

    `hints` are words of what is usually found there: they bring the scene along, but do not remove it.
    `horizon` and `floor` (where feet stand) are fractions of the height. `closed` scenes show no weather and no sky.
    """

    rank: int
    moods: tuple[Mood, ...]
    offers: frozenset[Place]
    horizon: float = 0.64
    floor: float = 0.8
    hints: str = ""
    backdrop: Callable[[Stage], Layers] = no_layers
    fixed_mood: bool = False
    closed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather(Part):
    """Something in the air. `home` names the scene to show when the prompt names none; usually it has none."""

    home: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject(Part):
    """Someone or something to look at, shown where the scene offers its place.

    `home` names the scene to show when the prompt names none.
    """

    place: Place
    home: str

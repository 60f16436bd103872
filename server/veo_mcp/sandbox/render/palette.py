"""Moods and their colours."""

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from veo_mcp.sandbox.render.words import names, preceding


class Mood(StrEnum):
    DAY = "day"
    MORNING = "morning"
    SUNSET = "sunset"
    NIGHT = "night"
    STORM = "storm"
    NEON = "neon"
    FIRE = "fire"
    WINTER = "winter"
    ARID = "arid"
    SPACE = "space"
    DEEP = "deep"
    WARM = "warm"


class Colour(NamedTuple):
    red: float
    green: float
    blue: float

    def toward(self, other: "Colour", share: float) -> "Colour":
        return Colour(*(a + (b - a) * share for a, b in zip(self, other, strict=True)))

    def times(self, factor: float) -> "Colour":
        return Colour(*(min(255.0, c * factor) for c in self))

    @property
    def luma(self) -> float:
        return 0.2126 * self.red + 0.7152 * self.green + 0.0722 * self.blue


_BRIGHT = 60
SNOW = Colour(247, 250, 255)
MOONLIT_SNOW = Colour(112, 138, 184)


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    zenith: Colour
    middle: Colour
    horizon: Colour
    light: Colour
    ground: Colour
    cloud: Colour

    def land(self, distance: float) -> Colour:
        """The ground's colour as the air between tints it: 0 is near, 1 is at the horizon."""
        return self.ground.toward(self.horizon, distance)

    def tinted(self, colour: Colour) -> "Palette":
        return replace(
            self,
            zenith=self.zenith.toward(colour, 0.16),
            middle=self.middle.toward(colour, 0.34),
            horizon=self.horizon.toward(colour, 0.26),
            cloud=self.cloud.toward(colour, 0.2),
        )

    def overcast(self) -> "Palette":
        """The same under rain clouds: greyer and darker."""
        return replace(
            self,
            zenith=_dull(self.zenith),
            middle=_dull(self.middle),
            horizon=_dull(self.horizon),
            cloud=_dull(self.cloud),
        )


def _dull(colour: Colour) -> Colour:
    return colour.toward(Colour(*[colour.luma] * 3), 0.5).times(0.78 if colour.luma > _BRIGHT else 0.94)


def _palette(*hexes: str) -> Palette:
    zenith, middle, horizon, light, ground, cloud = (Colour(*bytes.fromhex(h)) for h in hexes)
    return Palette(zenith=zenith, middle=middle, horizon=horizon, light=light, ground=ground, cloud=cloud)


#                         zenith   middle    horizon   light     ground    cloud
PALETTES = {
    Mood.DAY: _palette("2462b8", "6fb2e6", "dcecee", "fff9e4", "16302c", "ffffff"),
    Mood.MORNING: _palette("5b7fae", "c9b8b4", "ffdcae", "fff3d4", "1b2c30", "fff0e4"),
    Mood.SUNSET: _palette("241f58", "b9505f", "ffaa5c", "ffe6ae", "170f24", "ff9a7c"),
    Mood.NIGHT: _palette("050819", "0e1c42", "2e4a78", "e4ecff", "05080f", "2e3c5c"),
    Mood.STORM: _palette("0d1218", "28323e", "6a767c", "c8d6e6", "090b0f", "4a545e"),
    Mood.NEON: _palette("05030f", "160a30", "6a1c58", "7af0ff", "060410", "3a1a58"),
    Mood.FIRE: _palette("0d0407", "46120f", "e65a1a", "ffd888", "0a0504", "5c2016"),
    Mood.WINTER: _palette("6f8bb0", "b4c8de", "ecf1f6", "fffcf4", "3a4c62", "ffffff"),
    Mood.ARID: _palette("3a6cae", "a9bccb", "fbd8a4", "fff5da", "74401f", "fff2e0"),
    Mood.SPACE: _palette("02030c", "0a0a20", "1c1236", "ffeedd", "04050c", "7a3ea8"),
    Mood.DEEP: _palette("5cd0d2", "0f6c96", "031a3a", "dcfffa", "021222", "8ce4e4"),
    Mood.WARM: _palette("2a1610", "6e3c1e", "d68a46", "ffe4b0", "150b08", "e0a060"),
}

# The first mood that the prompt names wins, so the rarer ones stand first.
MOOD_WORDS: dict[Mood, str] = {
    Mood.NEON: "neon, cyberpunk, synthwave, futuristic, hologram*, sci-fi, vaporwave, 霓虹, неон*",
    Mood.STORM: "storm*, thunder*, lightning, hurricane, tempest, menacing, шторм*, буря, гроза",
    Mood.NIGHT: (
        "aurora*, northern lights, milky way, film noir, firefl*, night*, midnight, moon*, starry, stars, "
        "nuit, noche, ноч*, 夜"
    ),
    Mood.SUNSET: "sunset*, dusk, golden hour, twilight, evening, atardecer, закат*, 夕, 日落",
    Mood.MORNING: "morning, dawn, sunrise, daybreak, aube, matin, рассвет*, утр*, 朝, 清晨",
    Mood.FIRE: "fire, flame*, lava, volcan*, burning, inferno, dragon*, phoenix, дракон*, 龙",
    Mood.WINTER: "snow*, winter, ice, icy, blizzard, arctic, frozen, glacier, снег*, зима, 雪",
    Mood.DAY: "day, daylight, sunny, noon, bright, blue sky, afternoon, день, солнечн*",
}

TINTS: dict[str, Colour] = {
    "red": Colour(225, 40, 40),
    "crimson": Colour(190, 20, 50),
    "blue": Colour(40, 90, 230),
    "green": Colour(40, 170, 90),
    "emerald": Colour(20, 150, 100),
    "gold": Colour(240, 190, 60),
    "golden": Colour(240, 190, 60),
    "purple": Colour(140, 60, 210),
    "violet": Colour(140, 60, 210),
    "pink": Colour(245, 110, 170),
    "teal": Colour(30, 170, 170),
    "turquoise": Colour(40, 200, 200),
    "orange": Colour(245, 130, 40),
    "silver": Colour(190, 200, 215),
}

_COATS = TINTS | {
    "black": Colour(16, 16, 20),
    "white": Colour(238, 238, 240),
    "grey": Colour(128, 130, 136),
    "gray": Colour(128, 130, 136),
    "brown": Colour(120, 74, 40),
    "ginger": Colour(214, 118, 44),
    "yellow": Colour(246, 206, 50),
}


def named_moods(text: str) -> list[Mood]:
    return [mood for mood, words in MOOD_WORDS.items() if names(words, text)]


def palette_for(mood: Mood, text: str) -> Palette:
    """Give the mood's colours, tinted by the first colour that the text names."""
    tint = next((colour for word, colour in TINTS.items() if names(word, text)), None)
    return PALETTES[mood].tinted(tint) if tint else PALETTES[mood]


def coat_of(words: str, text: str) -> Colour | None:
    """The colour that stands before one of the words: red, of a red umbrella."""
    return next((_COATS[word] for word in preceding(words, text) if word in _COATS), None)


def without_coats(words: str, text: str) -> str:
    """The text without the colours of what the words name: a red umbrella does not redden the sky."""
    worn = {word for word in preceding(words, text) if word in _COATS}
    return re.sub(rf"\b(?:{'|'.join(sorted(worn))})\b", "", text, flags=re.IGNORECASE) if worn else text

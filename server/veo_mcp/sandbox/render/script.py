"""Take a prompt apart: what is seen, what is only heard, and what is said about the camera."""

import re

from veo_mcp.sandbox.render.words import spell_out

_HEARD = re.compile(
    r"[(\[]?\b(?:sfx|fx|foley|vo|voice[- ]?over|room tone|soundtrack|"
    r"(?:sound effects?|sound design|sounds?|audio|music|ambient|ambien[ct]e)"
    r"(?: (?:sounds?|noises?|audio|music|track))?|"
    r"background (?:sounds?|noises?|audio|music)|"
    r"bruitages?|sonido|звуки?|музыка|音效|音楽|效果音|소리)"
    r"\s*[:：][^.;!?。！？\n)\]]*[.;!?。！？)\]]*",
    re.IGNORECASE,
)
# Camera language in which a place or an animal is named that is not there.
_CRAFT = re.compile(
    r"\b(?:depth of field|field of view|shallow field|(?:bird|worm)['’]?s?[- ]eye|fish[- ]?eye|"
    r"(?:camera|lens|shot)(?:\s+\w+)?\s+orbit\w*|orbit\w*\s+(?:around|shot|camera|the)|"
    r"(?:negative|empty|open|white|black|blank|copy|studio|living|liminal|confined|tight)\s+spaces?)\b",
    re.IGNORECASE,
)
_DUST = re.compile(
    r"\b(?:dust|sand|dirt)[- ]?storm\w*|\bhaboobs?\b|\btempête de sable|\btormenta de arena|\bsandst[uü]rm\w*|"
    r"\b(?:песчан|пыльн)\w+ бур\w+|沙尘暴|沙塵暴|砂嵐|모래 ?폭풍",
    re.IGNORECASE,
)
_GALAXY = re.compile(r"\bmilky way galaxy", re.IGNORECASE)
_COLOURLESS = re.compile(
    r"\bfilm noir\b|\bmonochrom\w*|\bgr[ae]yscale\b|\bb&w\b|\bnoir et blanc\b|\bblanco y negro\b|"
    r"\bschwarz[- ]?wei(?:ß|ss)\w*|\bч[её]рно-?бел\w+|黑白|モノクロ|白黒|흑백|"
    r"\b(?:shot|filmed|photographed|rendered|drawn|all) in black[- ]and[- ]white\b|"
    # A black and white cat is in colour: only where nothing but a film follows.
    r"\bblack[- ]and[- ]white\b"
    r"(?=\s*(?:[.,;:!?)]|$)|\s+(?:film|movie|noir|photo|footage|cinema|picture|style|look|shot))",
    re.IGNORECASE,
)


def seen(prompt: str) -> str:
    """What is left of a prompt without its sound directions, such as `SFX: rain.`."""
    return spell_out(_HEARD.sub(" ", prompt))


def heard(prompt: str) -> str:
    return sights(spell_out(" ".join(_HEARD.findall(prompt))))


def sights(text: str) -> str:
    """The text to look words up in: no camera language, and no rain in a storm of dust."""
    text = _DUST.sub(" duststorm ", _CRAFT.sub(" ", text))
    return _GALAXY.sub("milky way", text)


def is_monochrome(text: str) -> bool:
    return _COLOURLESS.search(text) is not None

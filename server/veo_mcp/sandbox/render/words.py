"""Find out what a prompt names, in whatever script it names it."""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

_FIRST_PICTOGRAM = 0x2190
_VARIATIONS = {chr(code) for code in range(0xFE00, 0xFE10)}
_SKIN_TONES = {chr(code) for code in range(0x1F3FB, 0x1F400)}
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn"}


def spell_out(text: str) -> str:
    """Write emoji as their Unicode names, so that they can be read and matched like words."""
    return re.sub(r"\s+", " ", "".join(map(_spelled, text))).strip()


def count(words: str, text: str) -> int:
    """Count how many of the words, divided by commas, the text names; a trailing `*` stands for any ending."""
    return sum(1 for pattern in _patterns(words) if pattern.search(text))


def names(words: str, text: str) -> bool:
    return count(words, text) > 0


def preceding(words: str, text: str) -> Iterator[str]:
    """The two words, in lower case, before each that is found: `red` and `paper` of a red paper umbrella."""
    for pattern in _patterns(words):
        for match in pattern.finditer(text):
            nearest, *further = [*reversed(text[: match.start()].split()[-2:]), ""]
            yield nearest.lower()
            yield further[0].lower() if further else ""


@cache
def _patterns(words: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(_pattern(word.strip()), re.IGNORECASE) for word in words.split(",") if word.strip())


def _pattern(word: str) -> str:
    stem = re.escape(word.removesuffix("*")).replace(r"\ ", r"\s+")
    if _is_unspaced(word):
        return stem
    return rf"\b{stem}\w*" if word.endswith("*") else rf"\b{stem}\b"


def _is_unspaced(word: str) -> bool:
    """Chinese, Japanese and Korean words have no boundary that a pattern could look for."""
    return unicodedata.east_asian_width(word[0]) == "W"


def _spelled(char: str) -> str:
    kind = unicodedata.category(char)
    if kind == "So" and ord(char) >= _FIRST_PICTOGRAM:
        return f" {unicodedata.name(char, '').lower()} "
    if char.isspace():
        return " "
    return "" if kind in _UNSEEN or char in _VARIATIONS or char in _SKIN_TONES else char

"""How a prompt is read and written out."""

from unicodedata import east_asian_width

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from veo_mcp.sandbox.render.captions import beats
from veo_mcp.sandbox.render.lettering import Face, Font, inter, legible
from veo_mcp.sandbox.render.script import is_monochrome, seen
from veo_mcp.sandbox.render.words import count, names, spell_out


@pytest.mark.parametrize(
    ("words", "text", "found"),
    [
        ("sea", "by the Sea.", True),
        ("sea", "a season", False),
        ("volcan*", "volcanic rock", True),
        ("hot air balloon", "a hot  air\nballoon", True),
        ("山", "雪山的早晨", True),
        ("café", "the café's door", True),
    ],
)
def test_a_word_is_found_as_a_word(words: str, text: str, found: bool) -> None:
    assert names(words, text) is found


def test_each_word_counts_once() -> None:
    assert count("sea, wave*, ship", "The sea, the waves, more waves") == 2


def test_emoji_are_read_by_their_names() -> None:
    assert spell_out("a 🚀 and 👍🏽!") == "a rocket and thumbs up sign !"


def test_what_cannot_be_seen_is_dropped() -> None:
    assert spell_out("a\u200db\x00c\ufe0f \n\t d") == "abc d"


def test_latin_cyrillic_and_greek_are_written_as_they_are() -> None:
    text = "Café — Ночной город, Ελλάδα, tiếng Việt"
    assert legible(text) == text


@pytest.fixture
def no_wide_font(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose fonts lack Chinese, Japanese and Korean, whatever this one has."""

    def font_for(char: str, size: int, weight: str) -> Font | None:
        return None if east_asian_width(char) in "WF" else inter(size, weight)

    monkeypatch.setattr("veo_mcp.sandbox.render.lettering._font_for", font_for)


@pytest.mark.usefixtures("no_wide_font")
def test_what_no_font_has_is_told_not_boxed() -> None:
    assert legible("a 서울 b") == "a seoul b"
    assert legible("いぬ") == "inu"
    assert legible("a fox 海山 and a hen") == "a fox … and a hen"


@pytest.mark.usefixtures("no_wide_font")
def test_a_prompt_that_no_font_has_gets_no_caption() -> None:
    assert legible("一只猫走在雪山上，4K。") == ""


@pytest.mark.parametrize(
    ("prompt", "shown"),
    [
        ("A fox runs. SFX: rain, wind.", "A fox runs."),
        ("SFX: waves\nA man stands still", "A man stands still"),
        ("A street at night. Ambient noise: a hum; a cat waits", "A street at night. a cat waits"),
        ("A bell (sound effects: chimes) swings", "A bell swings"),
        ("Ambience: crickets.", ""),
        ("A father tells his son: run. Background: a forest", "A father tells his son: run. Background: a forest"),
        ('She says: "The sound of music"', 'She says: "The sound of music"'),
    ],
)
def test_sound_directions_are_not_written_out(prompt: str, shown: str) -> None:
    assert seen(prompt) == shown


@pytest.mark.parametrize(
    ("text", "drained"),
    [
        ("Two robots, black and white film noir", True),
        ("A rainy street, shot in black and white with heavy grain", True),
        ("A monochrome portrait", True),
        ("A black and white cat in a garden", False),
        ("A neo-noir city", False),
    ],
)
def test_black_and_white_is_told_from_a_black_and_white_cat(text: str, drained: bool) -> None:
    assert is_monochrome(text) is drained


def test_lines_fit_and_lose_nothing() -> None:
    face = Face(30)
    text = "A short walk " + "x" * 200 + " and on"
    lines = face.wrap(text, 400)
    assert all(face.width(line) <= 400 for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_a_short_prompt_is_one_beat() -> None:
    assert beats("A cat sleeps", 8) == ["A cat sleeps"]


def test_clauses_become_beats_in_order() -> None:
    text = (
        "A lighthouse stands on a cliff in a storm, waves crash on the rocks far below, a beam turns through the rain."
    )
    shown = beats(text, 8)
    assert len(shown) > 1
    assert " ".join(shown) == text


def test_a_prompt_too_long_to_read_ends_in_an_ellipsis() -> None:
    shown = beats("One more sentence of many. " * 400, 4)
    assert len(shown) == 2
    assert shown[-1].endswith("…")


@given(st.text(max_size=300), st.sampled_from((4, 6, 8)))
@settings(max_examples=60, deadline=None)
def test_beats_are_few_and_never_blank(text: str, seconds: int) -> None:
    shown = beats(spell_out(text), seconds)
    assert len(shown) <= seconds // 1.6
    assert all(beat.strip() for beat in shown)

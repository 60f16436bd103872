"""Which words bring what into the picture."""

import pytest

from veo_mcp.sandbox.render import Shot
from veo_mcp.sandbox.render.director import Production, direct
from veo_mcp.sandbox.render.palette import Mood
from veo_mcp.sandbox.render.part import Part, Scene
from veo_mcp.sandbox.render.registry import scenes, subjects, weathers


def directed(prompt: str, negative: str | None = None, seed: int = 0) -> Production:
    return direct(Shot(prompt=prompt, negative_prompt=negative, seed=seed))


def names(parts: tuple[Part, ...]) -> list[str]:
    return [part.name for part in parts]


def plain(word: str) -> str:
    return word.removesuffix("*")


@pytest.mark.parametrize("scene", scenes(), ids=lambda scene: scene.name)
def test_each_scene_is_picked_by_each_of_its_words(scene: Scene) -> None:
    others = {
        word.strip() for other in scenes() if other is not scene for word in f"{other.words},{other.hints}".split(",")
    } - {""}
    for word in (word.strip() for word in f"{scene.words}, {scene.hints}".split(",") if word.strip()):
        if word not in others and not any(plain(other) in word for other in others):
            assert directed(f"A view, {plain(word)}").scene is scene, word


@pytest.mark.parametrize("subject", subjects(), ids=lambda subject: subject.name)
def test_each_subject_appears_at_home_when_no_place_is_named(subject: Part) -> None:
    shown = directed(plain(subject.words.split(",")[0]))
    assert subject in shown.subjects
    assert subject.name not in names(directed("Nothing in particular").subjects)


@pytest.mark.parametrize("weather", weathers(), ids=lambda weather: weather.name)
def test_each_weather_is_picked_by_its_first_word(weather: Part) -> None:
    assert weather in directed(f"Mountains, {plain(weather.words.split(',')[0])}").weather


@pytest.mark.parametrize(
    ("prompt", "scene", "mood"),
    [
        ("A calm ocean at sunset", "ocean", Mood.SUNSET),
        ("Neon city street in the rain at night", "city", Mood.NEON),
        ("A deer in a misty forest at dawn", "forest", Mood.MORNING),
        ("An astronaut drifts over a planet", "space", Mood.SPACE),
        ("Ночной город под дождём", "city", Mood.NIGHT),
        ("海の日落", "ocean", Mood.SUNSET),
        ("🌊 and a 🌃", "ocean", Mood.NIGHT),
    ],
)
def test_a_prompt_sets_place_and_mood(prompt: str, scene: str, mood: Mood) -> None:
    shown = directed(prompt)
    assert (shown.scene.name, shown.stage.mood) == (scene, mood)


def test_a_second_place_stands_behind_the_first() -> None:
    shown = directed("A sailboat on a lake, mountains")
    assert (shown.scene.name, names(shown.behind)) == ("ocean", ["mountain"])


def test_the_place_in_front_has_room_for_who_is_named() -> None:
    shown = directed("A lighthouse on a cliff above a stormy ocean, waves, sea spray, boats in the distance")
    assert (shown.scene.name, names(shown.subjects)) == ("beach", ["lighthouse", "sailboat"])
    indoors = directed("A cat in a kitchen watches birds in the garden")
    assert (indoors.scene.name, names(indoors.subjects)) == ("kitchen", ["cat"])


def test_words_inside_other_words_name_nothing() -> None:
    assert directed("A seasoned carpenter scarred by brain fog-free training").scene.name == "lights"


@pytest.mark.parametrize(
    ("prompt", "negative", "gone"),
    [
        ("Forest with deer in the rain", "rain", "rain"),
        ("Forest with deer in the rain", "deer, antlers", "deer"),
        ("Forest with deer in the rain", "trees", "forest"),
        ("A night in the desert", "stars", "stars"),
        ("A coral reef", "no fish please", "fish"),
    ],
)
def test_what_the_negative_prompt_names_is_left_out(prompt: str, negative: str, gone: str) -> None:
    assert gone in directed(prompt).stage.parts
    assert gone not in directed(prompt, negative).stage.parts


def test_leaving_out_what_is_found_in_a_place_keeps_the_place() -> None:
    assert directed("A coral reef full of fish", "fish").scene.name == "underwater"
    assert directed("Boats on the ocean", "boats").scene.name == "ocean"


def test_a_negative_prompt_removes_a_mood() -> None:
    assert directed("The ocean at night").stage.mood is Mood.NIGHT
    assert directed("The ocean at night", "night, dark").stage.mood is not Mood.NIGHT


@pytest.mark.parametrize(
    "prompt",
    [
        "A perfume bottle rotating on black marble, the camera orbits, negative space",
        "Two robots playing chess, black and white film noir",
        "A watchmaker at work, shallow depth of field, fish-eye lens",
        "An old man plays the piano. Music: slow, like waves on a beach.",
    ],
)
def test_a_prompt_that_names_no_place_is_a_title_card(prompt: str) -> None:
    shown = directed(prompt)
    assert (shown.scene.name, shown.stage.placeless) == ("lights", True)
    assert not directed("The sea").stage.placeless


@pytest.mark.parametrize(
    "prompt", ["A Mars dust storm", "An astronaut in a sandstorm on Mars", "A menacing dust storm"]
)
def test_a_storm_of_dust_is_in_the_desert_and_dry(prompt: str) -> None:
    shown = directed(prompt)
    assert (shown.scene.name, names(shown.weather)) == ("desert", ["dust"])


def test_a_storm_on_mars_is_dry() -> None:
    assert names(directed("A storm on Mars").weather) == []


def test_the_milky_way_is_a_band_over_a_place() -> None:
    shown = directed("The Milky Way galaxy over a desert")
    assert shown.scene.name == "desert"
    assert {"milkyway", "stars"} <= shown.stage.parts


def test_what_only_a_sound_direction_names_is_heard_and_not_seen() -> None:
    shown = directed("A snowy forest at noon. SFX: rain, bird calls")
    assert names(shown.offstage) == ["rain", "birds"]
    assert not shown.stage.has("rain", "birds")
    assert {"rain", "birds"} <= {part.name for part in shown.parts}


@pytest.mark.parametrize("word", ["dog", "red fox", "wolf"])
def test_a_dog_is_no_cat(word: str) -> None:
    assert names(directed(f"A {word} on a meadow").subjects) == ["dog"]


def test_the_colour_of_a_subject_does_not_tint_the_sky() -> None:
    red, plain = directed("A red umbrella on a meadow at noon"), directed("An umbrella on a meadow at noon")
    assert red.stage.palette == plain.stage.palette
    ink = plain.stage.palette.ground
    assert red.stage.tinted(ink, "umbrella*").red > 4 * red.stage.tinted(ink, "umbrella*").blue
    assert plain.stage.tinted(ink, "umbrella*") == ink


def test_neon_rain_at_night_falls_from_a_dark_sky() -> None:
    palette = directed("Tokyo, neon city, rain at night").stage.palette
    assert max(colour.luma for colour in (palette.zenith, palette.middle, palette.horizon)) < 50


def test_a_colour_word_tints_the_picture() -> None:
    assert directed("A purple ocean").stage.palette != directed("An ocean").stage.palette


def test_pace_and_heading_follow_the_prompt() -> None:
    still, rushed, left = directed("The slow sea"), directed("The sea, fast"), directed("The sea, panning left")
    assert still.stage.pace < directed("The sea").stage.pace < rushed.stage.pace
    assert (left.stage.heading, still.stage.heading) == (-1, 1)


def test_the_seed_may_change_the_light() -> None:
    assert len({directed("The ocean", seed=seed).stage.mood for seed in range(12)}) > 1

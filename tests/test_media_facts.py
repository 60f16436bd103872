import subprocess
import sys

import pytest

from veo_mcp.api import VideoRequest
from veo_mcp.media import Facts, differences

AS_ORDERED = Facts(
    duration_seconds=8.0,
    width=1920,
    height=1080,
    fps=24.0,
    video_codec="h264",
    audio_codec="aac",
    has_audio=True,
    loudness_lufs=-18.2,
    dark_share=0.0,
    frozen_share=0.0,
    declared_frames=192,
    decoded_frames=192,
    decode_errors=0,
    faststart=True,
)
MUTE = {"has_audio": False, "audio_codec": None, "loudness_lufs": None}
SILENT = {"loudness_lufs": -70.0}


AS_SAID = VideoRequest(prompt="A kite", duration=8, resolution="1080p", aspect_ratio="16:9", generate_audio=True)


def test_a_video_as_ordered_differs_in_nothing() -> None:
    assert differences(AS_ORDERED, AS_SAID) == []


def test_where_nobody_knows_what_was_ordered_nothing_differs_from_it() -> None:
    short = AS_ORDERED.model_copy(update={"duration_seconds": 1.0, "width": 64, "height": 64, **MUTE})
    assert differences(short, None) == []


def test_every_difference_is_a_sentence_with_what_was_asked_and_what_came() -> None:
    other = AS_ORDERED.model_copy(update={"duration_seconds": 5.958, "width": 720, "height": 1280, **MUTE})
    assert differences(other, AS_SAID) == [
        "Asked for 8 s, got 5.96 s.",
        "Asked for 1080p, got 720x1280.",
        "Asked for 16:9, got 720x1280.",
        "Asked for sound, got no sound track.",
    ]


def test_what_the_order_left_open_is_held_against_the_defaults() -> None:
    other = AS_ORDERED.model_copy(update={"duration_seconds": 4.0, "width": 720, "height": 1280, **MUTE})
    assert differences(other, VideoRequest(prompt="A kite")) == [
        "Expected 8 s, got 4.00 s.",
        "Expected 1080p, got 720x1280.",
        "Expected 16:9, got 720x1280.",
        "Expected sound, got no sound track.",
    ]


def test_a_portrait_video_has_its_resolution_across() -> None:
    portrait = AS_ORDERED.model_copy(update={"width": 1080, "height": 1920})
    assert differences(portrait, AS_SAID.model_copy(update={"aspect_ratio": "9:16"})) == []


@pytest.mark.parametrize(
    ("change", "asked", "said"),
    [
        (SILENT, True, ["Asked for sound, got a silent sound track."]),
        (SILENT, False, []),
        (MUTE, False, []),
        ({}, False, ["Asked for no sound, got sound at \N{MINUS SIGN}18 LUFS."]),
        ({"loudness_lufs": None}, False, ["Asked for no sound, got sound of unknown loudness."]),
    ],
)
def test_sound_is_judged_by_the_ear_not_by_the_track(change: dict[str, object], asked: bool, said: list[str]) -> None:
    facts = AS_ORDERED.model_copy(update=change)
    assert differences(facts, AS_SAID.model_copy(update={"generate_audio": asked})) == said


def test_values_that_this_version_does_not_know_are_not_judged() -> None:
    newer = AS_SAID.model_copy(update={"resolution": "8k", "aspect_ratio": "auto"})
    assert differences(AS_ORDERED, newer) == []


def test_a_header_that_names_no_size_and_no_length_differs_in_neither() -> None:
    unknown = AS_ORDERED.model_copy(update={"duration_seconds": 0.0, "width": 0, "height": 0, "fps": 0.0})
    assert differences(unknown, AS_SAID) == []


@pytest.mark.parametrize("ordered", [AS_SAID, None])
def test_a_black_picture_and_one_that_stands_still_are_told(ordered: VideoRequest | None) -> None:
    black = AS_ORDERED.model_copy(update={"dark_share": 1.0, "frozen_share": 1.0})
    assert differences(black, ordered) == ["The picture is black for 100 % of the time."]
    frozen = AS_ORDERED.model_copy(update={"frozen_share": 0.953})
    assert differences(frozen, ordered) == ["The picture stands still for 95 % of the time."]
    assert differences(AS_ORDERED.model_copy(update={"dark_share": 0.5, "frozen_share": 0.5}), ordered) == []


def test_importing_the_package_loads_no_decoder() -> None:
    code = "import sys, veo_mcp.media; print({'av', 'numpy', 'PIL'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"

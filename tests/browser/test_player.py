"""The player in a real browser, against a small host page that plays every kind of chat."""

import base64
import time
from typing import Any

import pytest
from playwright.sync_api import expect
from theatre import (
    ID,
    PATH,
    PROMPT,
    SANDBOX_WARNING,
    STRICT,
    URI,
    Theatre,
    a_video,
    buttons,
    called,
    ended,
    listed,
    listing,
    playing,
    result_of,
    shown,
    status_of,
    text,
    until,
    wait_for,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.parametrize(
    ("csp", "scheme"),
    [
        ("", "data"),
        (f"{STRICT}; media-src data:", "data"),  # what the specification promises
        (f"{STRICT}; media-src blob:", "blob"),
    ],
)
def test_a_finished_video_plays_with_sound_on_a_click(theatre: Theatre, csp: str, scheme: str) -> None:
    frame = theatre.show(called(prompt=PROMPT), ended(result_of("completed")), answers=theatre.film.files, csp=csp)
    wait_for(frame, "ready")
    assert frame.evaluate("[el.video.paused, el.video.controls]") == [True, False]
    expect(frame.locator("#title")).to_have_text("Ready to play")
    frame.click("#play")
    seen = playing(frame)
    expect(frame.locator("#title")).to_have_text("Playing")
    assert seen.pop("sound") > 10_000
    assert seen == {"width": 1280, "muted": False, "scheme": scheme, "controls": True}
    if scheme == "data":
        assert theatre.complaints == []


def test_a_finished_video_is_shown_with_its_facts_prompt_and_cost(theatre: Theatre) -> None:
    frame = theatre.show(ended(result_of("completed")), answers=theatre.film.files)
    wait_for(frame, "ready")
    assert shown(frame, "facts").split("\n") == ["4.0 s", "1280×720", "24 fps", "sound −18 LUFS", "4.5 MB", "$1.56"]
    assert frame.text_content("#prompt") == PROMPT
    assert shown(frame, "path") == PATH
    assert buttons(frame) == ["Save", "Copy path", "Make a variation"]


def test_a_running_job_is_followed_live_until_it_plays(theatre: Theatre) -> None:
    """The result has not come, only the arguments: the job is found by its prompt, and no delivery is taken."""
    mine = listed("queued")
    others = [listed("queued", generation_id="other", prompt="other"), listed("failed", generation_id="old")]
    frame = theatre.show(
        called(prompt=PROMPT),
        answers={
            "tools/call list_videos": [listing(), listing(*others, mine)],
            **status_of(*(result_of(word) for word in ("queued", "generating", "downloading", "completed"))),
            **theatre.film.files,
        },
    )
    wait_for(frame, "waiting")
    title = frame.locator("#title")
    for words in ("Ordering", "In the queue", "Generating", "Saving the file"):
        expect(title).to_have_text(words, timeout=10_000)
        assert title.evaluate("node => node.closest('[role=status]') !== null")
    wait_for(frame, "ready")
    assert {call["name"] for call in theatre.asked("tools/call")} == {"list_videos"}
    assert theatre.complaints == []


def test_the_seconds_shown_are_the_seconds_passed(theatre: Theatre) -> None:
    began = time.monotonic()
    frame = theatre.show(ended(result_of("generating", elapsed_seconds=61.0)))
    wait_for(frame, "progress")
    until(frame, "Number(el.seconds.textContent) >= 63")
    assert frame.evaluate("Number(el.seconds.textContent)") <= 61 + time.monotonic() - began


def test_a_host_that_reads_nothing_counts_on_and_keeps_the_whole_prompt(theatre: Theatre) -> None:
    under_way = listed("generating", seconds_ago=30)
    frame = theatre.show(called(prompt=PROMPT), answers={"tools/call list_videos": [listing(under_way)]})
    wait_for(frame, "progress")
    until(frame, "Number(el.seconds.textContent) >= 34")
    assert frame.text_content("#prompt") == PROMPT


def test_a_job_that_is_overdue_is_still_followed(theatre: Theatre) -> None:
    late = result_of("overdue", elapsed_seconds=1900.0)
    answers = {**status_of(late, result_of("completed")), **theatre.film.files}
    frame = theatre.show(ended(late), answers=answers)
    wait_for(frame, "progress")
    expect(frame.locator("#title")).to_have_text("Late, but still watched")
    assert frame.locator("#steps .on").text_content() == "Generating"
    wait_for(frame, "ready")


@pytest.mark.parametrize(
    ("measured", "words"),
    [
        ({"has_audio": True, "loudness_lufs": None}, "sound"),
        ({"has_audio": True, "loudness_lufs": -70.0}, "silent"),
        ({"has_audio": False, "loudness_lufs": None}, "no sound"),
    ],
)
def test_the_sound_is_named_as_it_was_measured(theatre: Theatre, measured: dict[str, Any], words: str) -> None:
    frame = theatre.show(ended(a_video(**measured)), answers=theatre.film.files)
    wait_for(frame, "ready")
    assert shown(frame, "facts").split("\n")[3] == words


def test_a_host_that_keeps_the_arguments_to_itself_sees_the_one_job_under_way(theatre: Theatre) -> None:
    mine = listed("generating", prompt="any")
    frame = theatre.show(
        answers={"tools/call list_videos": [listing(mine)], **status_of(result_of("generating"))},
    )
    wait_for(frame, "progress")


@pytest.mark.parametrize("told", ["arguments", "meta"])
def test_viewing_finds_the_video_without_structured_content(theatre: Theatre, told: str) -> None:
    first = [called(generation_id=ID)] if told == "arguments" else []
    meta: dict[str, Any] = {} if told == "arguments" else {"_meta": {"veo-mcp/generation_id": ID}}
    frame = theatre.show(
        *first, ended(None, **meta), answers={**status_of(result_of("completed")), **theatre.film.files}
    )
    wait_for(frame, "ready")


def test_a_late_answer_does_not_take_back_what_the_result_said(theatre: Theatre) -> None:
    frame = theatre.show(ended(result_of("completed")), answers=theatre.film.files)
    wait_for(frame, "ready")
    theatre.tell("ui/notifications/tool-cancelled", {})
    theatre.page.wait_for_timeout(300)
    wait_for(frame, "ready")


def test_hostile_words_stay_words(theatre: Theatre) -> None:
    evil = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    frame = theatre.show(ended(result_of("completed", prompt=evil, warnings=[evil])), answers=theatre.film.files)
    wait_for(frame, "ready")
    assert frame.text_content("#prompt") == evil
    assert frame.locator("#notes li").all_inner_texts() == [evil]
    assert frame.locator("#prompt img, #notes img").count() == 0


def test_a_picture_given_with_the_result_is_used_as_it_is(theatre: Theatre) -> None:
    data = base64.b64encode(theatre.film.sheet.read_bytes()).decode()
    told = "ui/notifications/tool-result", {"content": [{"type": "image", "data": data, "mimeType": "image/jpeg"}]}
    answers = {**status_of(result_of("completed")), f"resources/read {URI}": [text("too large")]}
    frame = theatre.show(called(generation_id=ID), told, answers=answers)
    wait_for(frame, "link")
    expect(frame.locator("#sheet")).to_be_visible()
    assert f"{URI}/sheet" not in [read["uri"] for read in theatre.asked("resources/read")]


def test_the_sandbox_is_named(theatre: Theatre) -> None:
    sandbox = result_of("completed", backend="sandbox", cost_is_estimate=True, warnings=[SANDBOX_WARNING])
    frame = theatre.show(ended(sandbox), answers=theatre.film.files)
    wait_for(frame, "ready")
    expect(frame.locator("#chip")).to_have_text("Sandbox")
    assert shown(frame, "notes") == SANDBOX_WARNING
    assert shown(frame, "facts").split("\n")[-1] == "nothing charged"

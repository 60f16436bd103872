"""What the player says when there is no video, or none that plays here."""

from typing import Any

import pytest
from playwright.sync_api import expect
from theatre import (
    ID,
    LINK,
    PATH,
    PROMPT,
    STRICT,
    URI,
    Answers,
    Theatre,
    a_video,
    an_error,
    blob,
    buttons,
    called,
    ended,
    listed,
    listing,
    read_error,
    result_of,
    shown,
    status_of,
    text,
    until,
    wait_for,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]


FETCH = "Fetch it again, free"
FAILURES = {
    "failed": ("content_policy", "no", "There is no video", "Nothing was charged.", ""),
    "damaged": ("damaged_file", "yes", "There is no video", "It was charged.", FETCH),
    "unknown": ("unknown_outcome", "maybe", "It may have been ordered", "It may have been charged.", ""),
}


@pytest.mark.parametrize("case", FAILURES)
def test_failures_are_said_in_words_with_what_to_do(theatre: Theatre, case: str) -> None:
    name, charged, *expected = FAILURES[case]
    state = "unknown" if case == "unknown" else "failed"
    failed = result_of(state, error=an_error(name, "The service said: “no”.", charged))
    frame = theatre.show(called(prompt=PROMPT), ended(failed, isError=True))
    wait_for(frame, state)
    assert [shown(frame, "title"), shown(frame, "hint"), "".join(buttons(frame))] == expected
    assert "The service said: “no”." in shown(frame, "text")
    expect(frame.locator("#stage")).to_be_hidden()
    assert frame.evaluate("el.text.closest('[role=status]').contains(el.title)")
    assert theatre.complaints == []


def test_a_refused_order_is_shown_as_the_tool_said_it(theatre: Theatre) -> None:
    refused = "Not ordered: today's budget is spent. Nothing was sent or charged."
    frame = theatre.show(called(prompt=PROMPT), ended(None, refused, isError=True))
    wait_for(frame, "failed")
    assert shown(frame, "text") == refused


def test_a_damaged_file_is_fetched_again_for_free(theatre: Theatre) -> None:
    broken = result_of("failed", error=an_error("damaged_file", "Not a whole video.", "yes"))
    answers: Answers = {
        "tools/call get_video_status": [{"content": []}],
        **status_of(result_of("downloading"), result_of("completed")),
        **theatre.film.files,
    }
    frame = theatre.show(ended(broken, isError=True), answers=answers)
    frame.click("#again")
    wait_for(frame, "ready")
    assert theatre.asked("tools/call") == [{"name": "get_video_status", "arguments": {"generation_id": ID}}]


def test_a_file_that_is_gone_is_fetched_again_for_free(theatre: Theatre) -> None:
    gone = read_error(f"The file {PATH} is gone. get_video_status fetches it again while upstream has it.")
    files = {address: [gone, *answers] for address, answers in theatre.film.files.items()}
    answers: Answers = {
        "tools/call get_video_status": [{"content": []}],
        **status_of(result_of("downloading"), result_of("completed")),
        **files,
    }
    frame = theatre.show(called(prompt=PROMPT), ended(result_of("completed")), answers=answers)
    expect(frame.locator("#title")).to_have_text("The file is gone")
    assert "get_video_status" not in shown(frame, "text")
    expect(frame.locator("#path")).to_be_hidden()
    assert buttons(frame) == [FETCH, "Make a variation"]
    theatre.shot("gone")
    frame.click("#again")
    wait_for(frame, "ready")
    assert shown(frame, "path") == PATH
    assert theatre.asked("tools/call") == [{"name": "get_video_status", "arguments": {"generation_id": ID}}]


def test_a_read_that_fails_once_is_tried_again(theatre: Theatre) -> None:
    files = theatre.film.files
    files[f"resources/read {URI}"].insert(0, read_error("busy"))
    frame = theatre.show(ended(result_of("completed")), answers=files)
    wait_for(frame, "ready")


def test_a_read_that_keeps_failing_is_said_and_forgotten(theatre: Theatre) -> None:
    files = theatre.film.files
    files[f"resources/read {URI}"][:0] = [read_error("busy"), read_error("busy")]
    frame = theatre.show(ended(result_of("completed")), answers=files)
    wait_for(frame, "link")
    assert "It could not be loaded: busy" in shown(frame, "text")
    theatre.tell(*ended(result_of("completed")))
    wait_for(frame, "ready")


def test_media_that_may_not_play_becomes_a_picture_and_a_link(theatre: Theatre) -> None:
    frame = theatre.show(
        ended(result_of("completed")),
        answers={**theatre.film.files, "ui/open-link": [{}]},
        csp=f"{STRICT}; media-src 'none'",
    )
    wait_for(frame, "link")
    expect(frame.locator("#sheet")).to_be_visible()
    assert "does not let videos play" in shown(frame, "text")
    assert buttons(frame) == ["Open in the browser", "Copy path", "Make a variation"]
    frame.click("#open")
    theatre.wait_until_asked("ui/open-link", {"url": LINK})


def test_a_video_that_is_too_large_names_its_place(theatre: Theatre) -> None:
    files = {**theatre.film.files, f"resources/read {URI}": [text("The video has 31 MB, too much to send.")]}
    frame = theatre.show(ended(result_of("completed")), answers=files)
    wait_for(frame, "link")
    expect(frame.locator("#sheet")).to_be_visible()
    assert "too large to play" in shown(frame, "text")
    assert shown(frame, "path") == PATH
    theatre.shot("large")


def test_an_upright_video_that_cannot_be_decoded_is_not_a_dead_end(theatre: Theatre) -> None:
    files = {**theatre.film.files, f"resources/read {URI}": [blob(b"not a video", "video/mp4")]}
    frame = theatre.show(ended(a_video(width=720, height=1280)), answers=files)
    wait_for(frame, "link")
    expect(frame.locator("#card")).to_have_class("tall")
    assert shown(frame, "path") == PATH
    assert buttons(frame) == ["Open in the browser", "Copy path", "Make a variation"]
    theatre.shot("upright-link")


def test_a_host_that_answers_nothing_still_shows_the_result(theatre: Theatre) -> None:
    frame = theatre.show(called(prompt=PROMPT), capabilities={})
    until(frame, "el.hint.textContent === 'the result will appear here'")
    theatre.tell(*ended(result_of("completed")))
    wait_for(frame, "link")
    assert shown(frame, "path") == PATH
    assert buttons(frame) == ["Copy path"]


@pytest.mark.parametrize("known", [[], [listed("completed", seconds_ago=900)]], ids=["nothing", "an older take"])
def test_an_order_that_nobody_knows_of_is_sent_to_the_chat_and_still_looked_for(
    theatre: Theatre, known: list[dict[str, Any]]
) -> None:
    theatre.page.clock.install()
    mine = listed("generating", generation_id="new", seconds_ago=-60)
    frame = theatre.show(called(prompt=PROMPT), answers={"tools/call list_videos": [listing(*known)]})
    wait_for(frame, "waiting")
    theatre.page.clock.fast_forward(30_000)
    expect(frame.locator("#title")).to_have_text("Ordering")
    theatre.page.clock.fast_forward(31_000)
    wait_for(frame, "text")
    assert "Ask in the chat for its status" in shown(frame, "text")
    expect(frame.locator("#stage")).to_be_hidden()
    theatre.page.evaluate("videos => { setup.answers['tools/call list_videos'] = [videos] }", listing(*known, mine))
    theatre.page.clock.fast_forward(16_000)
    wait_for(frame, "progress")


def test_a_cancelled_call_says_that_an_order_goes_on(theatre: Theatre) -> None:
    frame = theatre.show(answers={"tools/call list_videos": [listing()]})
    wait_for(frame, "waiting")
    theatre.tell("ui/notifications/tool-cancelled", {"reason": "user"})
    wait_for(frame, "text")
    assert "it goes on" in shown(frame, "text")

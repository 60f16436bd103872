"""What the player's buttons do, in chats that help and in chats that do not."""

import base64
from typing import Any

import pytest
from playwright.sync_api import Frame, expect
from theatre import (
    ID,
    PATH,
    PROMPT,
    Theatre,
    ended,
    result_of,
    shown,
    wait_for,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def ready(theatre: Theatre, **setup: Any) -> Frame:
    answers = {**theatre.film.files, **setup.pop("answers", {})}
    frame = theatre.show(ended(result_of("completed")), answers=answers, **setup)
    wait_for(frame, "ready")
    return frame


def test_saving_hands_the_host_the_whole_file(theatre: Theatre) -> None:
    frame = ready(theatre, answers={"ui/download-file": [{}]})
    frame.click("#save")
    expect(frame.locator("#said")).to_have_text("Saved.")
    (given,) = theatre.asked("ui/download-file")
    (content,) = given["contents"]
    resource = content["resource"]
    assert (resource["uri"], resource["mimeType"]) == (f"file:///{PATH.rsplit('/', 1)[1]}", "video/mp4")
    assert base64.b64decode(resource["blob"]) == theatre.film.mp4.read_bytes()


def test_saving_without_the_hosts_help_is_a_download(theatre: Theatre) -> None:
    frame = ready(theatre, capabilities={})
    with theatre.page.expect_download() as download:
        frame.click("#save")
    assert download.value.suggested_filename == PATH.rsplit("/", 1)[1]
    assert download.value.path().read_bytes() == theatre.film.mp4.read_bytes()


def test_the_path_is_copied(theatre: Theatre) -> None:
    theatre.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    frame = ready(theatre)
    frame.click("#copy")
    expect(frame.locator("#said")).to_have_text("Path copied.")
    assert theatre.page.evaluate("navigator.clipboard.readText()") == PATH


def test_a_variation_is_asked_for_in_the_chat_not_ordered(theatre: Theatre) -> None:
    frame = ready(theatre, answers={"ui/message": [{}]})
    frame.click("#vary")
    expect(frame.locator("#said")).to_have_text("Asked in the chat.")
    (message,) = theatre.asked("ui/message")
    assert message["role"] == "user"
    said = message["content"][0]["text"]
    assert ID in said
    assert PROMPT in said
    assert "Ask me what to change" in said
    assert theatre.asked("tools/call") == []


def test_what_the_host_refuses_is_said(theatre: Theatre) -> None:
    frame = ready(theatre, answers={"ui/message": [{"isError": True}], "ui/download-file": [{"isError": True}]})
    frame.click("#save")
    expect(frame.locator("#said")).to_have_text("Not saved. The file is at the path above.")
    frame.click("#vary")
    expect(frame.locator("#said")).to_have_text("Not sent. Ask in the chat for a variation.")


def test_a_host_may_ask_its_user_for_minutes(theatre: Theatre) -> None:
    theatre.page.clock.install()
    frame = ready(theatre, answers={"ui/message": [{"wait": 200}]})
    frame.click("#vary")
    theatre.wait_until_asked("ui/message")
    theatre.page.clock.fast_forward(100_000)
    assert shown(frame, "said") == ""
    theatre.page.clock.fast_forward(101_000)
    expect(frame.locator("#said")).to_have_text("Asked in the chat.")

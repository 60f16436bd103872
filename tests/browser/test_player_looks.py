"""How the player looks and is reached: themes, widths, keyboard, motion. Leaves its pictures in build/screenshots."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Frame, expect
from theatre import (
    PROMPT,
    SANDBOX_WARNING,
    Theatre,
    an_error,
    called,
    ended,
    playing,
    result_of,
    status_of,
    until,
    wait_for,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SCENES: dict[str, tuple[str, list[Any]]] = {
    "waiting": ("waiting", [called(prompt=PROMPT)]),
    "progress": ("progress", [ended(result_of("generating"))]),
    "upright": ("progress", [called(prompt=PROMPT, aspect_ratio="9:16"), ended(result_of("generating"))]),
    "playing": ("ready", [ended(result_of("completed"))]),
    "sandbox": ("ready", [ended(result_of("completed", backend="sandbox", warnings=[SANDBOX_WARNING]))]),
    "failed": (
        "failed",
        [
            called(prompt=PROMPT),
            ended(
                result_of(
                    "failed",
                    error=an_error("content_policy", 'The generation failed. The service said: "refused".', "no"),
                )
            ),
        ],
    ),
    "unknown": (
        "unknown",
        [
            called(prompt=PROMPT),
            ended(
                result_of(
                    "unknown",
                    error=an_error(
                        "unknown_outcome",
                        "The connection broke before the answer came. It may have been charged, so it is never sent"
                        " again by itself. Look at the account's history at aimlapi.com (request id job_0123).",
                        "maybe",
                    ),
                )
            ),
        ],
    ),
}

CONTRAST = (Path(__file__).parent / "contrast.js").read_text(encoding="utf-8")


def staged(theatre: Theatre, name: str, **setup: Any) -> Frame:
    state, told = SCENES[name]
    answers = {**theatre.film.files, **status_of(result_of("generating"))}
    frame = theatre.show(*told, answers=answers, **setup)
    wait_for(frame, state)
    return frame


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 480, 800])
@pytest.mark.parametrize("name", SCENES)
def test_every_state_fits_and_is_readable(theatre: Theatre, name: str, width: int, theme: str) -> None:
    theatre.page.set_viewport_size({"width": width + 32, "height": 760})
    frame = staged(theatre, name, theme=theme, width=width)
    if name == "playing":
        frame.click("#play")
        playing(frame)
    theatre.shot(f"{name}-{width}-{theme}")
    assert frame.evaluate("document.documentElement.scrollWidth") <= width
    assert frame.evaluate(CONTRAST) == []
    assert theatre.complaints == []


def test_a_long_prompt_can_be_opened_once_it_no_longer_fits(theatre: Theatre) -> None:
    error = an_error("content_policy", "refused", "no")
    frame = theatre.show(ended(result_of("failed", prompt=PROMPT[:150], error=error)), width=800)
    wait_for(frame, "failed")
    more = frame.locator("#more")
    expect(more).to_be_hidden()
    theatre.page.evaluate("frame.style.width = '320px'")
    expect(more).to_be_visible()
    theatre.page.evaluate("frame.style.width = '800px'")
    expect(more).to_be_hidden()


def test_a_long_prompt_can_be_opened_where_the_player_was_hidden_at_first(theatre: Theatre) -> None:
    theatre.page.evaluate("document.getElementById('view').style.display = 'none'")
    frame = staged(theatre, "failed", width=320)
    theatre.page.evaluate("frame.style.display = ''")
    expect(frame.locator("#more")).to_be_visible()


def test_the_play_button_is_a_triangle_in_forced_colours(theatre: Theatre) -> None:
    theatre.page.emulate_media(forced_colors="active")
    frame = staged(theatre, "playing", width=480)
    theatre.shot("playing-forced-colours")
    assert frame.evaluate("getComputedStyle(el.play.firstChild, '::before').borderTopColor") == "rgba(0, 0, 0, 0)"


def test_the_hosts_colours_and_font_are_worn(theatre: Theatre) -> None:
    styles = {"variables": {"--color-background-secondary": "rgb(1, 2, 3)", "--font-sans": "Courier"}}
    frame = staged(theatre, "progress", context={"theme": "dark", "styles": styles})
    worn = "getComputedStyle(el.card).backgroundColor + ' ' + getComputedStyle(el.title).fontFamily"
    assert frame.evaluate(worn) == "rgb(1, 2, 3) Courier"
    theatre.tell("ui/notifications/host-context-changed", {"theme": "light"})
    until(frame, "getComputedStyle(document.documentElement).colorScheme === 'light'")


def test_everything_is_reached_by_the_keyboard_and_seen(theatre: Theatre) -> None:
    frame = staged(theatre, "playing")
    frame.evaluate("document.body.focus()")
    reached: list[str] = []
    for _ in range(5):
        theatre.page.keyboard.press("Tab")
        reached.append(frame.evaluate("document.activeElement.id"))
        assert frame.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert reached == ["play", "more", "save", "copy", "vary"]
    frame.focus("#more")
    theatre.page.keyboard.press("Enter")
    assert frame.get_attribute("#more", "aria-expanded") == "true"
    frame.focus("#play")
    theatre.page.keyboard.press("Enter")
    assert playing(frame)["sound"] > 0
    assert frame.evaluate("document.activeElement.id") == "video"


def test_nothing_moves_for_those_who_ask_for_that(theatre: Theatre) -> None:
    moving = "document.getAnimations().filter(one => one.playState === 'running').length"
    assert staged(theatre, "progress").evaluate(moving) == 1
    theatre.page.emulate_media(reduced_motion="reduce")
    assert staged(theatre, "progress").evaluate(moving) == 0


def test_the_host_learns_the_height(theatre: Theatre) -> None:
    frame = staged(theatre, "failed", width=480)
    height = frame.evaluate("Math.ceil(document.documentElement.getBoundingClientRect().height)")
    theatre.wait_until_asked("ui/notifications/size-changed", {"width": 480, "height": height})


def test_progress_is_named_for_screen_readers(theatre: Theatre) -> None:
    frame = staged(theatre, "progress")
    bar = frame.locator("[role=progressbar]")
    assert (bar.get_attribute("aria-label"), bar.get_attribute("aria-valuetext")) == ("Making the video", "Generating")
    assert frame.locator("[role=status]").first.inner_text().startswith("Generating")
    assert frame.get_attribute(".ring", "aria-hidden") == "true"


def test_nothing_is_fetched_from_anywhere(theatre: Theatre) -> None:
    asked: list[str] = []
    theatre.page.on("request", lambda request: asked.append(request.url.split(":", 1)[0]))
    frame = staged(theatre, "playing")
    frame.click("#play")
    playing(frame)
    assert set(asked) <= {"data", "blob"}

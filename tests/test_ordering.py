"""Arguments that are refused before anything is sent, and orders that the person is asked about."""

from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest
from mcp import ClientSession, MCPError
from mcp.client.context import ClientRequestContext
from mcp.types import (
    ClientCapabilities,
    ElicitationCapability,
    ElicitRequestFormParams,
    ElicitRequestParams,
    ElicitResult,
    ErrorData,
    UrlElicitationCapability,
)

from studios import MODES, PROMPT, Mode, Place, a_request, fields_of, text_of
from upstream import accepts, says, status
from veo_mcp.studio import Studio

pytestmark = pytest.mark.parametrize("mode", MODES)

HUGE = "x" * 20_001


@pytest.mark.parametrize("tool", ["create_video", "generate_and_wait"])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "prompt is required"),
        ({"prompt": None}, "prompt must be text"),
        ({"prompt": 7}, "prompt must be text"),
        ({"prompt": ""}, "prompt must not be empty"),
        ({"prompt": " \n\t "}, "prompt must not be empty"),
        ({"prompt": "a\0b"}, "prompt must not contain NUL"),
        ({"prompt": HUGE}, "1 to 20000 characters"),
        ({"prompt": PROMPT, "aspect_ratio": "1:1"}, "aspect_ratio must be one of 16:9, 9:16, not '1:1'"),
        ({"prompt": PROMPT, "duration": 5}, "duration must be one of 4, 6, 8, not 5"),
        ({"prompt": PROMPT, "duration": "long"}, "duration must be one of 4, 6, 8, not 'long'"),
        ({"prompt": PROMPT, "duration": 8.5}, "duration must be one of 4, 6, 8, not 8.5"),
        ({"prompt": PROMPT, "resolution": "4K"}, "resolution must be one of 720p, 1080p, not '4K'"),
        ({"prompt": PROMPT, "resolution": "720P"}, "resolution must be one of 720p, 1080p, not '720P'"),
        ({"prompt": PROMPT, "seed": -1}, "seed must be a whole number from 0 to 4294967295, not -1"),
        ({"prompt": PROMPT, "seed": 2**32}, "seed must be a whole number from 0 to 4294967295"),
        ({"prompt": PROMPT, "seed": 1.5}, "seed must be a whole number"),
        ({"prompt": PROMPT, "generate_audio": "loud"}, "generate_audio must be true or false"),
        ({"prompt": PROMPT, "new_variant": "maybe"}, "new_variant must be true or false"),
        ({"prompt": PROMPT, "negative_prompt": " "}, "negative_prompt must not be empty"),
        ({"prompt": PROMPT, "image_url": "https://x"}, "has no argument 'image_url'. It takes: prompt, aspect_ratio"),
        ({"prompt": PROMPT, "model": "other"}, "has no argument 'model'"),
        ({"prompt": PROMPT, "request": {"prompt": "x"}}, "has no argument 'request'"),
        ({"prompt": PROMPT, "confirmed": True}, "has no argument 'confirmed'"),
        ({"prompt": "", "duration": 5, "seed": -1}, "duration must be"),
    ],
)  # fmt: skip
async def test_what_cannot_be_ordered_is_refused_with_what_is_allowed(
    place: Place, mode: Mode, tool: str, arguments: dict[str, Any], words: str
) -> None:
    async with place.connect(mode) as client:
        result = await client.call_tool(tool, arguments)
    assert result.is_error
    assert words in text_of(result)
    assert "Nothing was sent or charged." in text_of(result)
    assert len(text_of(result)) < 1000
    assert place.upstream.seen == []


async def test_half_a_character_is_refused_or_never_gets_here(place: Place, mode: Mode) -> None:
    async with place.connect(mode) as client:
        result = await client.call_tool("create_video", {"prompt": "a\ud800b"})
    assert result.is_error
    assert "surrogates" in text_of(result)
    assert place.upstream.seen == []


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("get_video_status", {}, "generation_id is required"),
        ("get_video_status", {"generation_id": ""}, "generation_id must not be empty"),
        ("get_video_status", {"generation_id": "x" * 513}, "1 to 512 characters"),
        ("get_video_status", {"generation_id": "x", "wait_seconds": 51}, "wait_seconds must be a number from 0 to 50"),
        ("get_video_status", {"generation_id": "x", "wait_seconds": -1}, "wait_seconds must be a number from 0 to 50"),
        ("get_video_status", {"generation_id": "x", "wait_seconds": float("nan")}, "wait_seconds must be"),
        ("generate_and_wait", {"prompt": "x", "max_wait_seconds": 3601}, "max_wait_seconds must be a number from 0 to"),
        ("list_videos", {"status": "done"}, "status must be one of submitting, queued, generating, downloading,"),
        ("list_videos", {"limit": 0}, "limit must be a whole number from 1 to 100"),
        ("list_videos", {"limit": 101}, "limit must be a whole number from 1 to 100"),
        ("list_videos", {"offset": 3}, "It takes: status, limit, cursor"),
        ("view_video", {"generation_id": "x", "size": "big"}, "It takes: generation_id"),
    ],
)
async def test_what_cannot_be_asked_is_refused_with_what_is_allowed(
    place: Place, mode: Mode, tool: str, arguments: dict[str, Any], words: str
) -> None:
    async with place.connect(mode) as client:
        result = await client.call_tool(tool, arguments)
    assert result.is_error
    assert words in text_of(result)
    assert place.upstream.seen == []


@dataclass
class Person:
    """Answers what the server asks; keeps the questions."""

    answer: ElicitResult | ErrorData
    asked: list[ElicitRequestFormParams] = field(default_factory=list[ElicitRequestFormParams])

    async def __call__(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult | ErrorData:
        assert isinstance(params, ElicitRequestFormParams)
        self.asked.append(params)
        return self.answer


def saying(action: Any, **content: Any) -> Person:
    return Person(ElicitResult(action=action, content=content or None))


@pytest.mark.parametrize("tool", ["create_video", "generate_and_wait"])
async def test_a_person_who_agrees_is_asked_once_and_gets_the_video(place: Place, mode: Mode, tool: str) -> None:
    person = saying("accept", approve=True)
    async with place.connect(mode, client={"elicitation_callback": person}, confirm_above_usd=1.0) as client:
        result = await client.call_tool(tool, {"prompt": PROMPT})
    assert not result.is_error
    (question,) = person.asked
    assert question.message == "An 8 s video with sound at 1080p costs about $1.56. Order it?"
    assert list(question.requested_schema["properties"]) == ["approve"]
    assert len(place.upstream.posts) == 1


@pytest.mark.parametrize(
    "person",
    [saying("decline"), saying("cancel"), saying("accept", approve=False)],
    ids=["declines", "closes the question", "says no"],
)
async def test_a_person_who_does_not_agree_gets_nothing_ordered(place: Place, mode: Mode, person: Person) -> None:
    async with place.connect(mode, client={"elicitation_callback": person}, confirm_above_usd=1.0) as client:
        result = await client.call_tool("create_video", {"prompt": PROMPT})
        listed = fields_of(await client.call_tool("list_videos", {}))
    assert result.is_error
    assert "the person declined. Nothing was sent or charged" in text_of(result)
    assert (listed["videos"], listed["spent_today_usd"]) == ([], 0)
    assert place.upstream.posts == []


async def test_a_client_that_cannot_ask_gets_a_refusal_that_names_the_setting(place: Place, mode: Mode) -> None:
    async with place.connect(mode, confirm_above_usd=1.0) as client:
        refused = await client.call_tool("create_video", {"prompt": PROMPT})
        cheap = await client.call_tool("create_video", {"prompt": PROMPT, "duration": 4, "generate_audio": False})
    assert refused.is_error
    for part in (
        "VEO_MCP_CONFIRM_ABOVE_USD is $1.00",
        "costs about $1.56",
        "Nothing was sent or charged",
        "cannot ask",
    ):
        assert part in text_of(refused)
    assert not cheap.is_error
    assert [post.get("duration") for post in place.upstream.posts] == [4]


@pytest.mark.parametrize(
    "person",
    [
        saying("accept"),
        saying("accept", approve="perhaps"),
        Person(ErrorData(code=-32601, message="Method not found")),
    ],
    ids=["says nothing", "says something else", "knows no questions"],
)
async def test_an_answer_that_cannot_be_read_orders_nothing(place: Place, mode: Mode, person: Person) -> None:
    async with place.connect(mode, client={"elicitation_callback": person}, confirm_above_usd=1.0) as client:
        try:
            said = text_of(await client.call_tool("create_video", {"prompt": PROMPT}))
        except MCPError as error:  # since 2026-07-28 the client itself gives up
            assert mode != "legacy"
            said = error.error.message
        else:
            assert "Nothing was sent or charged" in said
            assert "VEO_MCP_CONFIRM_ABOVE_USD" in said
    assert "Resolver" not in said
    assert place.upstream.posts == []


async def test_a_client_that_only_opens_links_cannot_ask(
    place: Place, mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = ClientCapabilities(elicitation=ElicitationCapability(url=UrlElicitationCapability()))

    def only_links(_: ClientSession, version: str) -> ClientCapabilities:
        return links

    monkeypatch.setattr(ClientSession, "_build_capabilities", only_links)
    async with place.connect(mode, confirm_above_usd=1.0) as client:
        refused = await client.call_tool("create_video", {"prompt": PROMPT})
    assert "cannot ask the person" in text_of(refused)
    assert place.upstream.posts == []


async def test_the_price_asked_about_is_that_of_the_order(place: Place, mode: Mode) -> None:
    person = saying("accept", approve=True)
    limits = {"confirm_above_usd": 0.0, "usd_per_second": 1.0}
    async with place.connect(mode, client={"elicitation_callback": person}, **limits) as client:
        await client.call_tool(
            "create_video", {"prompt": PROMPT, "duration": 4, "generate_audio": False, "resolution": "720p"}
        )
    (question,) = person.asked
    assert question.message == "A 4 s video without sound at 720p costs about $4.00. Order it?"


async def test_what_is_handed_back_is_not_asked_about_but_a_new_variant_is(place: Place, mode: Mode) -> None:
    person = saying("accept", approve=True)
    place.upstream.polls = [status("generating")]
    async with place.connect(mode, client={"elicitation_callback": person}, confirm_above_usd=1.0) as client:
        await client.call_tool("create_video", {"prompt": PROMPT})
        again = await client.call_tool("create_video", {"prompt": PROMPT})
        assert len(person.asked) == 1
        await client.call_tool("create_video", {"prompt": PROMPT, "new_variant": True})
    assert fields_of(again)["reused"]
    assert len(person.asked) == 2
    assert len(place.upstream.posts) == 2


async def test_nothing_is_paid_without_a_yes_when_the_order_that_stood_fails_meanwhile(
    place: Place, mode: Mode
) -> None:
    place.upstream.orders = [says({"message": "No."}, 403), accepts("paid without a yes")]
    person = saying("decline")
    async with place.connect(mode, client={"elicitation_callback": person}, confirm_above_usd=1.0) as client:
        assert place.studio is not None
        studio = place.studio
        for _ in range(20):
            place.upstream.orders.insert(0, says({"message": "No."}, 403))
            standing = await studio.submit(a_request(), approved=True)
            async with anyio.create_task_group() as tasks:
                for _ in range(4):
                    tasks.start_soon(client.call_tool, "create_video", {"prompt": PROMPT})
                await studio.wait(standing.job, 10)
    assert len(place.upstream.posts) == 20


async def test_a_look_that_says_free_is_no_yes(place: Place, mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    async def free(*_: object, **__: object) -> None:
        """Say that the order would be handed back: by the time it is placed that is no longer so."""

    monkeypatch.setattr(Studio, "price_to_confirm", free)
    async with place.connect(mode, confirm_above_usd=1.0) as client:
        refused = await client.call_tool("create_video", {"prompt": PROMPT})
        listed = fields_of(await client.call_tool("list_videos", {}))
    assert refused.is_error
    assert "nobody has agreed to the price. Nothing was sent or charged. Call again" in text_of(refused)
    assert (place.upstream.posts, listed["videos"]) == ([], [])


async def test_bad_arguments_are_refused_before_the_person_is_asked(place: Place, mode: Mode) -> None:
    person = saying("accept", approve=True)
    async with place.connect(mode, client={"elicitation_callback": person}, confirm_above_usd=0.0) as client:
        result = await client.call_tool("create_video", {"prompt": PROMPT, "duration": 5})
    assert result.is_error
    assert person.asked == []


async def test_a_budget_is_refused_with_its_figures_and_nothing_is_sent(place: Place, mode: Mode) -> None:
    async with place.connect(mode, daily_budget_usd=2.0) as client:
        await client.call_tool("generate_and_wait", {"prompt": PROMPT})
        result = await client.call_tool("create_video", {"prompt": "another"})
    assert result.is_error
    for part in ("$1.56 of today's budget of $2.00", "VEO_MCP_DAILY_BUDGET_USD", "Nothing was sent or charged"):
        assert part in text_of(result)
    assert len(place.upstream.posts) == 1

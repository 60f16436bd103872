import json
import re
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playground import GENERATIONS, VIDEO, Clock, Playground, playing

from veo_mcp.sandbox.faults import FAULTS, find_markers, strip_markers

HALF = len(VIDEO) // 2

RETRY_AFTER = {"Retry-After": "1"}


@pytest.fixture(params=["in process", "on a port"])
async def anywhere(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncGenerator[Playground]:
    async with playing(tmp_path / "sandbox", port=request.param == "on a port") as playground:
        yield playground


def test_markers_are_found_in_any_case_and_place_once_each() -> None:
    prompt = "[sandbox:slow] a whale [Sandbox: No-URL] at [sandbox:slow] dusk"
    assert find_markers(prompt) == ("slow", "no-url")
    assert strip_markers(prompt) == "a whale at dusk"


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_described_in_a_sentence(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9-]+", name)
    assert re.fullmatch(r"[A-Z`].{10,110}\.", FAULTS[name])


async def test_markers_are_not_drawn(sandbox: Playground) -> None:
    await sandbox.order("a whale [sandbox:slow] at dusk")
    await sandbox.order("[sandbox:slow]")
    prompts = {json.loads(path.read_text())["prompt"] for path in sandbox.folder.glob("*.request.json")}
    assert prompts == {"a whale at dusk", "A test clip"}


async def test_a_marker_that_does_not_exist_is_refused_with_those_that_do(sandbox: Playground) -> None:
    response = await sandbox.order("a whale [sandbox:slwo]")
    assert response.status_code == 400
    assert "no such marker 'slwo'" in response.json()["message"]
    assert "truncated-file" in response.json()["message"]


@pytest.mark.parametrize(
    ("name", "status", "message"),
    [
        ("bad-key", 401, "valid API key"),
        ("out-of-credits", 403, "run out of credits"),
        ("key-limit", 403, "spending limit"),
        ("rate-limit-always", 429, "Too many requests"),
        ("message-list", 400, "prompt: Invalid input"),
    ],
)
async def test_a_refused_order_is_refused_every_time_and_costs_nothing(
    sandbox: Playground, name: str, status: int, message: str
) -> None:
    for _ in range(2):
        response = await sandbox.order(f"a whale [sandbox:{name}]")
        assert response.status_code == status
        assert message in str(response.json()["message"])
        assert "retry-after" not in response.headers
    assert await sandbox.balance() == 1000
    assert not list(sandbox.folder.glob("*.generation.json"))


async def test_out_of_credits_is_worded_as_upstream_does(sandbox: Playground) -> None:
    body = (await sandbox.order("a whale [sandbox:out-of-credits]")).json()
    assert set(body) == {"title", "status", "message", "instance", "timestamp", "error"}
    assert (body["title"], body["status"], body["instance"]) == ("Forbidden", 403, f"{GENERATIONS}?")
    assert body["error"]["data"]["kind"] == "err_insufficent_credits"


async def test_a_message_may_be_a_list(sandbox: Playground) -> None:
    body = (await sandbox.order("a whale [sandbox:message-list]")).json()
    assert body["message"] == ["Body validation error!", "prompt: Invalid input"]


@pytest.mark.parametrize(("name", "status", "headers"), [("rate-limit", 429, RETRY_AFTER), ("maintenance", 503, {})])
async def test_a_temporary_refusal_goes_away_at_the_next_order_of_the_prompt_even_after_a_restart(
    tmp_path: Path, name: str, status: int, headers: dict[str, str]
) -> None:
    async with playing(tmp_path) as before:
        refused = await before.order(f"a whale [sandbox:{name}]")
        assert await before.balance() == 1000
        assert refused.status_code == status
        assert refused.headers.get("Retry-After") == headers.get("Retry-After")
        assert (await before.order(f"another whale [sandbox:{name}]")).status_code == status
    async with playing(tmp_path) as after:
        assert (await after.order(f"a whale [sandbox:{name}]")).status_code == 200


async def test_maintenance_uses_the_third_envelope(sandbox: Playground) -> None:
    error = (await sandbox.order("a whale [sandbox:maintenance]")).json()["error"]
    assert set(error) == {"code", "message", "retryable", "request_id"}
    assert error["retryable"] is True


@pytest.mark.parametrize(("name", "status"), [("server-error", 500), ("html-error", 502), ("gateway-busy", 503)])
async def test_an_order_may_be_paid_though_it_answers_an_error(sandbox: Playground, name: str, status: int) -> None:
    response = await sandbox.order(f"a whale [sandbox:{name}]")
    assert response.status_code == status
    assert ("<html>" in response.text) == (name != "server-error")
    assert await sandbox.balance() == 999.22


async def test_no_answer_cuts_the_connection_after_the_order_was_paid(anywhere: Playground) -> None:
    with pytest.raises(httpx2.RemoteProtocolError):
        await anywhere.order("a whale [sandbox:no-answer]")
    assert await anywhere.balance() == 999.22


@pytest.mark.parametrize(
    ("name", "status", "rest"),
    [
        ("generation-id-key", 200, {"meta": {"usage": {"credits_used": 1_560_000, "usd_spent": 0.78}}}),
        ("plain-201", 201, {}),
        ("tokens-used", 200, {"meta": {"usage": {"tokens_used": 1_560_000}}}),
    ],
)
async def test_an_order_may_be_answered_as_other_generations_of_the_api_do(
    sandbox: Playground, name: str, status: int, rest: dict[str, Any]
) -> None:
    response = await sandbox.order(f"a whale [sandbox:{name}]")
    body = response.json()
    generation_id = body.pop("generation_id" if name == "generation-id-key" else "id")
    assert response.status_code == status
    assert body == {"status": "queued"} | rest
    assert await sandbox.status(generation_id) == "queued"


async def test_an_id_may_be_a_nanoid_that_begins_with_a_dash(sandbox: Playground) -> None:
    generation_id = await sandbox.order_id("a whale [sandbox:nanoid]")
    assert re.fullmatch(r"-[A-Za-z0-9_-]{20}", generation_id)
    assert await sandbox.status(generation_id) == "queued"


POLICY = "The prompt was refused because it goes against the content policy."


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("content-policy", {"status": "error", "error": {"name": "content_policy_violation", "message": POLICY}}),
        (
            "error-detail",
            {
                "status": "error",
                "error": {
                    "detail": [{"loc": ["body", "prompt"], "msg": POLICY, "type": "content_policy_violation"}],
                },
            },
        ),
        ("error-string", {"status": "error", "error": POLICY}),
        ("cancelled", {"status": "cancelled"}),
        (
            "unknown-error",
            {"id": "", "status": "unknown", "error": {"name": "NotFoundError", "message": "Generation is gone."}},
        ),
    ],
)
async def test_a_generation_fails_after_a_while_and_is_not_charged(
    sandbox: Playground, name: str, body: dict[str, Any]
) -> None:
    generation_id = await sandbox.order_id(f"a whale [sandbox:{name}]")
    assert await sandbox.status(generation_id) == "queued"
    sandbox.clock.now += 4.9
    assert await sandbox.status(generation_id) == "generating"
    sandbox.clock.now += 0.1
    assert (await sandbox.poll(generation_id)).json() == {"id": generation_id} | body
    assert await sandbox.balance() == 1000


async def test_stuck_never_ends(sandbox: Playground) -> None:
    generation_id = await sandbox.order_id("a whale [sandbox:stuck]")
    sandbox.clock.now += 1_000_000
    assert await sandbox.status(generation_id) == "generating"


async def test_slow_takes_ten_times_as_long(sandbox: Playground) -> None:
    generation_id = await sandbox.rendered("a whale [sandbox:slow]")
    sandbox.clock.now += 89.9
    assert await sandbox.status(generation_id) == "generating"
    sandbox.clock.now += 0.1
    assert await sandbox.status(generation_id) == "completed"


async def test_every_other_poll_may_fail_and_each_in_another_way(anywhere: Playground) -> None:
    generation_id = await anywhere.order_id("a whale [sandbox:flaky-polls]")
    answers: list[tuple[int, str]] = []
    for _ in range(8):
        try:
            response = await anywhere.poll(generation_id)
        except httpx2.RemoteProtocolError:
            answers.append((0, "cut"))
        else:
            answers.append((response.status_code, response.headers["content-type"]))
    page, body, problem = "text/html; charset=utf-8", "application/json", "application/problem+json"
    good = (200, body)
    assert answers == [(524, page), good, (404, body), good, (0, "cut"), good, (500, problem), good]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("back-and-forth", ["generating", "queued", "generating", "completed"]),
        ("odd-status", ["generating", "postprocessing", "generating", "completed"]),
        ("succeeded", ["succeeded", "succeeded"]),
        ("old-words", ["complete"]),
    ],
)
async def test_a_status_may_go_back_or_be_another_word(sandbox: Playground, name: str, words: list[str]) -> None:
    generation_id = await sandbox.rendered(f"a whale [sandbox:{name}]")
    assert [await sandbox.status(generation_id) for _ in words] == words


async def test_old_words_are_used_from_the_first_answer_on(sandbox: Playground) -> None:
    response = await sandbox.order("a whale [sandbox:old-words]")
    assert response.json()["status"] == "waiting"
    assert await sandbox.status(response.json()["id"]) == "waiting"
    sandbox.clock.now += 5
    assert await sandbox.status(response.json()["id"]) == "active"


async def test_polls_are_counted_across_restarts(tmp_path: Path) -> None:
    clock = Clock()
    async with playing(tmp_path, clock=clock) as before:
        generation_id = await before.rendered("a whale [sandbox:odd-status]")
        assert await before.status(generation_id) == "generating"
    async with playing(tmp_path, clock=clock) as after:
        assert await after.status(generation_id) == "postprocessing"


async def test_a_poll_may_answer_with_another_id(sandbox: Playground) -> None:
    generation_id = await sandbox.order_id("a whale [sandbox:other-id]")
    assert (await sandbox.poll(generation_id)).json() == {"id": "other", "status": "queued"}


async def test_a_video_may_be_a_list(sandbox: Playground) -> None:
    (listed,) = (await sandbox.poll(await sandbox.rendered("a whale [sandbox:list-video]"))).json()["video"]
    (plain,) = (await sandbox.poll(await sandbox.rendered("a whale [sandbox:string-list-video]"))).json()["video"]
    for url in (listed["url"], plain):
        assert (await sandbox.client.get(url)).content == VIDEO


async def test_a_url_may_be_missing_once_or_for_ever(sandbox: Playground) -> None:
    never = await sandbox.rendered("a whale [sandbox:no-url]")
    once = await sandbox.rendered("a whale [sandbox:no-url-once]")
    for _ in range(3):
        assert (await sandbox.poll(never)).json() == {"id": never, "status": "completed", "video": {}}
    assert (await sandbox.poll(once)).json()["video"] == {}
    assert (await sandbox.poll(once)).json()["video"]["url"]


async def test_an_expired_url_is_replaced_by_the_next_poll(sandbox: Playground) -> None:
    generation_id = await sandbox.rendered("a whale [sandbox:expired-url]")
    first = (await sandbox.poll(generation_id)).json()["video"]["url"]
    fresh = (await sandbox.poll(generation_id)).json()["video"]["url"]
    for _ in range(2):
        assert (await sandbox.client.get(first)).status_code == 403
    assert (await sandbox.client.get(fresh)).content == VIDEO


async def test_a_url_may_redirect(sandbox: Playground) -> None:
    response = await sandbox.client.get(await sandbox.url("a whale [sandbox:redirect]"))
    assert response.status_code == 302
    assert (await sandbox.client.get(response.headers["location"])).content == VIDEO


async def test_a_signed_url_refuses_whoever_sends_the_key(sandbox: Playground) -> None:
    url = await sandbox.url("a whale [sandbox:signed-url]")
    assert (await sandbox.client.get(url)).status_code == 400
    del sandbox.client.headers["Authorization"]
    assert (await sandbox.client.get(url)).content == VIDEO


async def read_into(got: bytearray, response: httpx2.Response) -> None:
    async for part in response.aiter_bytes():
        got += part


@pytest.mark.parametrize("name", ["cut-download", "short-body"])
async def test_a_first_download_is_cut_halfway_on_a_port_and_can_be_continued(
    sandbox_on_a_port: Playground, name: str
) -> None:
    client, url = sandbox_on_a_port.client, await sandbox_on_a_port.url(f"a whale [sandbox:{name}]")
    got = bytearray()
    async with client.stream("GET", url) as response:
        assert response.headers["content-length"] == str(len(VIDEO))
        with pytest.raises(httpx2.RemoteProtocolError):
            await read_into(got, response)
    assert got == VIDEO[:HALF]
    rest = await client.get(url, headers={"Range": f"bytes={HALF}-"})
    assert got + rest.content == VIDEO
    assert (await client.get(url)).content == VIDEO


async def test_a_cut_download_is_a_transport_error_in_process_too(sandbox: Playground) -> None:
    url = await sandbox.url("a whale [sandbox:cut-download]")
    await sandbox.client.head(url)
    with pytest.raises(httpx2.RemoteProtocolError):
        await sandbox.client.get(url)
    assert (await sandbox.client.get(url)).content == VIDEO


async def test_a_short_body_in_process_is_for_the_reader_to_notice(sandbox: Playground) -> None:
    url = await sandbox.url("a whale [sandbox:short-body]")
    response = await sandbox.client.get(url)
    assert response.headers["content-length"] == str(len(VIDEO))
    assert response.content == VIDEO[:HALF]
    assert (await sandbox.client.get(url)).content == VIDEO


@pytest.mark.parametrize(
    ("name", "media_type", "content"),
    [
        ("truncated-file", "video/mp4", VIDEO[:HALF]),
        ("empty-file", "video/mp4", b""),
        ("not-a-video", "text/html; charset=utf-8", None),
    ],
)
async def test_a_file_may_be_something_else_every_time(
    anywhere: Playground, name: str, media_type: str, content: bytes | None
) -> None:
    url = await anywhere.url(f"a whale [sandbox:{name}]")
    for _ in range(2):
        response = await anywhere.client.get(url)
        assert (response.status_code, response.headers["content-type"]) == (200, media_type)
        assert response.headers["content-length"] == str(len(response.content))
        assert response.content == content if content is not None else b"<html>" in response.content


async def test_a_video_may_be_smaller_or_quieter_than_ordered(sandbox: Playground) -> None:
    await sandbox.order("a whale [sandbox:wrong-size] [sandbox:silent]", resolution="1080p", generate_audio=True)
    (path,) = sandbox.folder.glob("*.request.json")
    request = json.loads(path.read_text())
    assert (request["resolution"], request["generate_audio"]) == ("720p", False)


async def test_faults_can_be_combined(sandbox: Playground) -> None:
    prompt = "a whale [sandbox:rate-limit][sandbox:nanoid][sandbox:old-words] [sandbox:list-video][sandbox:expired-url]"
    assert (await sandbox.order(prompt)).status_code == 429
    generation_id = await sandbox.rendered(prompt)
    assert generation_id.startswith("-")
    body = (await sandbox.poll(generation_id)).json()
    assert body["status"] == "complete"
    assert (await sandbox.client.get(body["video"][0]["url"])).status_code == 403


@pytest.mark.parametrize(
    ("fields", "issue"),
    [
        (
            {"resolution": "1080p"},
            "resolution: Invalid enum value. Expected '720P' | '1080P' | '4K', received '1080p'",
        ),
        ({"seed": 7}, "Unrecognized key(s) in object: 'seed'"),
        ({"auto_fix": True, "negative_prompt": "fog"}, "Unrecognized key(s) in object: 'auto_fix', 'negative_prompt'"),
    ],
    ids=["resolution", "one key", "two keys"],
)
async def test_schema_d_is_strict(sandbox: Playground, fields: dict[str, Any], issue: str) -> None:
    response = await sandbox.order("a whale [sandbox:schema-d]", **fields)
    assert response.status_code == 400
    assert response.json()["message"] == f"Body validation error! {issue}"


@pytest.mark.parametrize(
    ("fields", "rendered"), [({}, "720p"), ({"resolution": "1080P"}, "1080p"), ({"resolution": "4K"}, "1080p")]
)
async def test_schema_d_renders_its_own_resolutions(sandbox: Playground, fields: dict[str, Any], rendered: str) -> None:
    assert (await sandbox.order("a whale [sandbox:schema-d]", **fields)).status_code == 200
    (path,) = sandbox.folder.glob("*.request.json")
    assert json.loads(path.read_text())["resolution"] == rendered

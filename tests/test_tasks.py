"""The tasks extension, with the SDK's client in memory and over HTTP."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Literal

import anyio
import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client.context import ClientRequestContext
from mcp.types import ElicitRequestParams, ElicitResult, SubscriptionFilter, SubscriptionsListenRequest
from mcp.types import SubscriptionsListenRequestParams as ListenParams

from studios import Place, fields_of, text_of, until
from task_client import Answer, TaskClient, ask, finished, order, serving
from upstream import Gate, completed, says, status
from veo_mcp.answers import TASKS_EXTENSION
from veo_mcp.errors import LedgerError
from veo_mcp.store import Store

PROMPT = "A lighthouse at dawn"

Reach = Literal["memory", "http"]


@pytest.fixture(params=["memory", "http"])
def reach(request: pytest.FixtureRequest) -> Reach:
    return request.param


@asynccontextmanager
async def connected(
    place: Place, reach: Reach, *, declared: bool = True, client: dict[str, Any] | None = None, **settings: Any
) -> AsyncGenerator[Client]:
    extensions = [TaskClient()] if declared else []
    server = place.server(**settings)
    if reach == "memory":
        async with Client(server, extensions=extensions, **(client or {})) as found:
            yield found
        return
    async with serving(server) as url, Client(url, extensions=extensions, **(client or {})) as found:
        yield found


def held(place: Place) -> Gate:
    """Let the generation run until the test says that it is done."""
    gate = Gate(completed())
    place.upstream.polls = [status("generating"), gate]
    return gate


async def test_an_order_is_answered_with_a_task_that_ends_in_the_video(place: Place, reach: Reach) -> None:
    gate = held(place)
    async with connected(place, reach) as client:
        task = await order(client, PROMPT)
        assert task.pop("_meta")
        assert task == {
            "resultType": "task",
            "taskId": task["taskId"],
            "status": "working",
            "statusMessage": task["statusMessage"],
            "createdAt": "2026-11-23T12:00:00.000Z",
            "lastUpdatedAt": "2026-11-23T12:00:00.000Z",
            "ttlMs": None,
            "pollIntervalMs": 5000,
        }
        await gate.reached.wait()
        under_way = await ask(client, "tasks/get", task["taskId"])
        assert (under_way["resultType"], under_way["status"]) == ("complete", "working")
        assert under_way["statusMessage"] == "generating, 0 s so far, usually about 75 s"
        gate.opened.set()
        done = await finished(client, task["taskId"])
    assert done["status"] == "completed"
    result = done["result"]
    assert (result["isError"], result["structuredContent"]["status"]) == (False, "completed")
    assert await anyio.Path(result["structuredContent"]["video"]["path"]).exists()
    assert [block["type"] for block in result["content"]] == ["text", "resource_link"]
    assert len(place.upstream.posts) == 1


async def test_a_client_that_does_not_declare_the_extension_waits_for_the_video(place: Place, reach: Reach) -> None:
    async with connected(place, reach, declared=False) as client:
        result = await client.call_tool("generate_and_wait", {"prompt": PROMPT})
    assert fields_of(result)["status"] == "completed"


async def test_earlier_revisions_know_no_tasks(place: Place, reach: Reach) -> None:
    async with connected(place, reach, client={"mode": "legacy"}) as client:
        result = await client.call_tool("generate_and_wait", {"prompt": PROMPT})
        with pytest.raises(MCPError) as refused:
            await ask(client, "tasks/get", "any")
    assert fields_of(result)["status"] == "completed"
    assert refused.value.code == -32601


async def test_refused_arguments_are_answered_at_once(place: Place, reach: Reach) -> None:
    async with connected(place, reach) as client:
        result = await client.call_tool("generate_and_wait", {"prompt": PROMPT, "duration": 5})
    assert result.is_error
    assert text_of(result).startswith("generate_and_wait: duration must be one of 4, 6, 8")
    assert place.upstream.posts == []


async def test_the_question_about_money_comes_before_the_task(place: Place, reach: Reach) -> None:
    asked: list[str] = []

    async def agree(_: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        asked.append(params.message)
        assert place.upstream.posts == []
        return ElicitResult(action="accept", content={"approve": True})

    async with connected(place, reach, client={"elicitation_callback": agree}, confirm_above_usd=1) as client:
        task = await order(client, PROMPT)
        done = await finished(client, task["taskId"])
    assert asked == ["An 8 s video with sound at 1080p costs about $1.56. Order it?"]
    assert done["result"]["structuredContent"]["status"] == "completed"


async def test_a_finished_video_that_nobody_fetched_is_handed_back_at_once(place: Place, reach: Reach) -> None:
    async with connected(place, reach) as client:
        ordered = fields_of(await client.call_tool("create_video", {"prompt": PROMPT}))
        await _in_state(place, ordered["generation_id"], "completed")
        result = await client.call_tool("generate_and_wait", {"prompt": PROMPT})
    assert (fields_of(result)["status"], fields_of(result)["reused"]) == ("completed", True)
    assert len(place.upstream.posts) == 1


async def test_a_task_for_an_order_under_way_says_that_it_joined_it(place: Place, reach: Reach) -> None:
    gate = held(place)
    async with connected(place, reach) as client:
        first, second = await order(client, PROMPT), await order(client, PROMPT)
        assert first["taskId"] != second["taskId"]
        gate.opened.set()
        ended = [await finished(client, task["taskId"]) for task in (first, second)]
    assert [task["result"]["structuredContent"]["reused"] for task in ended] == [False, True]
    assert len(place.upstream.posts) == 1


async def test_a_task_outlives_its_server_and_is_answered_by_any_other(place: Place, reach: Reach) -> None:
    gate = held(place)
    async with connected(place, reach) as client:
        task = await order(client, PROMPT)
        await gate.reached.wait()
    async with connected(place, reach) as restarted, connected(place, reach) as beside_it:
        for client in (restarted, beside_it):
            assert (await ask(client, "tasks/get", task["taskId"]))["status"] == "working"
        gate.opened.set()
        one, other = [await finished(client, task["taskId"]) for client in (restarted, beside_it)]
    assert one == other
    assert one["result"]["structuredContent"]["status"] == "completed"
    assert len(place.upstream.posts) == 1


async def test_cancelling_a_task_ends_the_waiting_and_not_the_generation(place: Place, reach: Reach) -> None:
    gate = held(place)
    async with connected(place, reach) as client:
        task = await order(client, PROMPT)
        await gate.reached.wait()
        assert await ask(client, "tasks/cancel", task["taskId"]) == {"resultType": "complete"}
        cancelled = await ask(client, "tasks/get", task["taskId"])
        assert (cancelled["status"], "result" in cancelled) == ("cancelled", False)
        assert cancelled["statusMessage"].startswith("The waiting was cancelled; the generation goes on.")
        again = await order(client, PROMPT)
        gate.opened.set()
        done = await finished(client, again["taskId"])
        assert done["result"]["structuredContent"]["reused"]
        assert (await ask(client, "tasks/get", task["taskId"]))["status"] == "cancelled"
    assert len(place.upstream.posts) == 1


async def test_cancelling_an_ended_task_changes_nothing(place: Place, reach: Reach) -> None:
    async with connected(place, reach) as client:
        task = await order(client, PROMPT)
        done = await finished(client, task["taskId"])
        await ask(client, "tasks/cancel", task["taskId"])
        await ask(client, "tasks/update", task["taskId"], inputResponses={"nobody": {"action": "accept"}})
        assert await ask(client, "tasks/get", task["taskId"]) == done


async def test_an_order_for_which_no_task_can_be_kept_is_answered_with_its_id(
    place: Place, reach: Reach, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise LedgerError("The jobs database is locked by another process. Try again.")

    held(place)
    monkeypatch.setattr(Store, "add_task", away)
    async with connected(place, reach) as client:
        told = fields_of(await client.call_tool("generate_and_wait", {"prompt": PROMPT}))
    assert told["next_step"].startswith(f'Call get_video_status(generation_id="{told["generation_id"]}"')
    assert "Do not order it again" in told["next_step"]


async def test_only_reading_an_ended_task_delivers_its_video(place: Place, reach: Reach) -> None:
    async with connected(place, reach) as client:
        task = await order(client, PROMPT)
        assert place.studio is not None
        (job,) = (await place.studio.page()).jobs
        await _in_state(place, job.id, "completed")
        await ask(client, "tasks/cancel", task["taskId"])
        await ask(client, "tasks/update", task["taskId"], inputResponses={})
        again = fields_of(await client.call_tool("generate_and_wait", {"prompt": PROMPT}))
    assert (again["status"], again["reused"]) == ("completed", True)
    assert len(place.upstream.posts) == 1


async def test_an_ended_task_stays_as_it_ended_although_the_file_is_fetched_again(place: Place, reach: Reach) -> None:
    async with connected(place, reach) as client:
        task = await order(client, PROMPT)
        done = await finished(client, task["taskId"])
        result = done["result"]["structuredContent"]
        await anyio.Path(result["video"]["path"]).unlink()
        place.upstream.files = [Gate(says({}, 503))]
        again = fields_of(await client.call_tool("get_video_status", {"generation_id": result["generation_id"]}))
        assert again["status"] == "downloading"
        assert await ask(client, "tasks/get", task["taskId"]) == done


async def test_a_failed_generation_completes_its_task_with_an_error(place: Place, reach: Reach) -> None:
    place.upstream.polls = [status("error", error={"name": "content_policy", "message": "Not allowed."})]
    async with connected(place, reach) as client:
        task = await order(client, PROMPT)
        done = await finished(client, task["taskId"])
    assert (done["status"], done["result"]["isError"]) == ("completed", True)
    assert "Not allowed." in done["result"]["content"][0]["text"]


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
async def test_an_unknown_task_is_an_invalid_parameter(method: str, place: Place, reach: Reach) -> None:
    async with connected(place, reach) as client:
        with pytest.raises(MCPError) as refused:
            await ask(client, method, "no-such-task", inputResponses={})
    assert refused.value.code == -32602


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
async def test_only_clients_that_declare_the_extension_may_ask_after_tasks(
    method: str, place: Place, reach: Reach
) -> None:
    async with connected(place, reach, declared=False) as client:
        with pytest.raises(MCPError) as refused:
            await ask(client, method, "any", inputResponses={})
    _assert_the_extension_is_missing(refused.value)


async def test_only_clients_that_declare_the_extension_may_listen_to_tasks(place: Place, reach: Reach) -> None:
    wanted = SubscriptionFilter.model_validate({"taskIds": ["any"]})
    request = SubscriptionsListenRequest(params=ListenParams(notifications=wanted))
    async with connected(place, reach, declared=False) as client:
        with pytest.raises(MCPError) as refused:
            await client.session.send_request(request, Answer)
    _assert_the_extension_is_missing(refused.value)


async def test_the_header_must_name_the_task_that_the_body_names(place: Place) -> None:
    async with serving(place.server()) as url, httpx2.AsyncClient() as http:
        for name, code in [({"Mcp-Name": "other"}, -32020), ({}, -32020), ({"Mcp-Name": "task"}, -32602)]:
            response = await http.post(url, json=_get_task("task"), headers=_HEADERS | name)
            assert (response.status_code, response.json()["error"]["code"]) == (400, code)


_HEADERS = {
    "Accept": "application/json, text/event-stream",
    "MCP-Protocol-Version": "2026-07-28",
    "Mcp-Method": "tasks/get",
}


def _get_task(task_id: str) -> dict[str, Any]:
    meta: dict[str, Any] = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {"extensions": {TASKS_EXTENSION: {}}},
    }
    return {"jsonrpc": "2.0", "id": 1, "method": "tasks/get", "params": {"taskId": task_id, "_meta": meta}}


def _assert_the_extension_is_missing(error: MCPError) -> None:
    assert error.code == -32021
    assert error.error.data == {"requiredCapabilities": {"extensions": {TASKS_EXTENSION: {}}}}


async def _in_state(place: Place, handle: str, state: str) -> None:
    studio = place.studio
    assert studio is not None
    job = await studio.known(handle)
    async for latest in studio.follow(job, 10):
        job = latest
    assert job.state == state
    await until(lambda: not studio.watcher.is_tending(job))

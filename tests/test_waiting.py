"""Waiting that always ends well: in time for the host, at once when nobody waits any more, and never with the job."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Literal

import anyio
import anyio.lowlevel
import httpx2
import pytest
from mcp import Client, MCPError
from mcp.server import MCPServer
from mcp.shared.memory import create_client_server_memory_streams
from mcp.types import Implementation

from raw_http import shaken_hands
from studios import MODES, PROMPT, Mode, Place, fields_of, until
from task_client import serving
from upstream import Gate, accepts, completed
from veo_mcp import tools
from veo_mcp.jobs import Job
from veo_mcp.studio import Studio

Reach = Literal["pipe", "http"]
REACHES: tuple[Reach, ...] = ("pipe", "http")


@asynccontextmanager
async def piped(server: MCPServer[Any]) -> AsyncGenerator[Any]:
    """Serve as on stdio, without the process."""
    low = server._lowlevel_server  # pyright: ignore[reportPrivateUsage]
    async with create_client_server_memory_streams() as (client, (read, write)), anyio.create_task_group() as tasks:
        tasks.start_soon(low.run, read, write, low.create_initialization_options())
        yield client
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def reached(
    place: Place, reach: Reach, mode: Mode, *, name: str = "tests", **settings: Any
) -> AsyncGenerator[Client]:
    server, info = place.server(**settings), Implementation(name=name, version="1")
    if reach == "http":
        async with serving(server) as url, Client(url, mode=mode, client_info=info) as client:
            yield client
        return
    async with Client(piped(server), mode=mode, client_info=info) as client:
        yield client


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Be the jobs that somebody waits for at the moment."""
    found: list[str] = []
    follow = Studio.follow

    async def counted(studio: Studio, job: Job, seconds: float, **pace: float | None) -> AsyncGenerator[Job]:
        found.append(job.id)
        try:
            async for latest in follow(studio, job, seconds, **pace):
                yield latest
        finally:
            found.remove(job.id)

    monkeypatch.setattr(Studio, "follow", counted)
    return found


async def quiet(progress: float, total: float | None, message: str | None) -> None:
    """Take progress, so that the client sends a token."""


async def give_up(client: Client, how: str, waiting: list[str]) -> None:
    """Begin to wait for a video and stop: by a time-out, or by cancelling."""
    async with anyio.create_task_group() as tasks:

        async def wait() -> None:
            timeout = 0.7 if how == "timed out" else None
            with pytest.raises(MCPError):
                await client.call_tool("generate_and_wait", {"prompt": PROMPT}, timeout, quiet)

        tasks.start_soon(wait)
        await until(lambda: bool(waiting))
        if how == "cancelled":
            tasks.cancel_scope.cancel()


@pytest.mark.parametrize("how", ["timed out", "cancelled"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("reach", REACHES)
async def test_a_call_that_ends_early_ends_the_waiting_and_the_same_call_joins_the_job(
    reach: Reach, mode: Mode, how: str, place: Place, waiting: list[str]
) -> None:
    gate = Gate(completed())
    place.upstream.polls = [gate]
    async with reached(place, reach, mode) as client:
        await give_up(client, how, waiting)
        await until(lambda: not waiting, seconds=1)
        gate.opened.set()
        result = await client.call_tool("generate_and_wait", {"prompt": PROMPT})
    assert (fields_of(result)["status"], fields_of(result)["reused"]) == ("completed", True)
    assert len(place.upstream.posts) == 1


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("tool", ["create_video", "generate_and_wait"])
async def test_a_dropped_connection_ends_the_waiting_and_delivers_nothing(
    tool: str, mode: Mode, place: Place, waiting: list[str]
) -> None:
    gate = Gate(accepts("gen-1") if tool == "create_video" else completed())
    (place.upstream.orders if tool == "create_video" else place.upstream.polls).append(gate)
    async with serving(place.server()) as url, Client(url, mode=mode) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(hang_up_while_waiting, url, mode, tool)
            await until(lambda: bool(waiting))
        await until(lambda: not waiting, seconds=1)
        gate.opened.set()
        result = await client.call_tool("generate_and_wait", {"prompt": PROMPT})
    assert (fields_of(result)["status"], fields_of(result)["reused"]) == ("completed", True)
    assert len(place.upstream.posts) == 1


async def hang_up_while_waiting(url: str, mode: Mode, tool: str) -> None:
    """Call over a connection of its own and close the socket without a word of cancelling."""
    async with httpx2.AsyncClient(base_url=url.removesuffix("/mcp"), timeout=0.7) as http:
        bare = await shaken_hands(http, mode)
        with pytest.raises(httpx2.TimeoutException):
            await bare.ask("tools/call", {"name": tool, "arguments": {"prompt": PROMPT}})


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("reach", REACHES)
async def test_the_host_and_its_wish_for_progress_are_known(
    reach: Reach, mode: Mode, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str | None, bool, bool]] = []

    def noted(client: str | None, *, over_http: bool, shows_progress: bool) -> float:
        seen.append((client, over_http, shows_progress))
        return 0

    monkeypatch.setattr(tools, "default_wait", noted)
    async with reached(place, reach, mode, name="claude-code") as client:
        await client.call_tool("generate_and_wait", {"prompt": PROMPT}, None, quiet)
        await client.call_tool("generate_and_wait", {"prompt": PROMPT, "new_variant": True})
    assert seen == [("claude-code", reach == "http", True), ("claude-code", reach == "http", False)]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("setting", "asked"),
    [(0, {}), (0, {"max_wait_seconds": 3600}), (3600, {"max_wait_seconds": 0})],
    ids=["the setting alone", "the setting caps", "the caller asks for less"],
)
async def test_the_caller_and_the_setting_bound_the_waiting(
    setting: float, asked: dict[str, float], mode: Mode, place: Place
) -> None:
    place.upstream.polls = [Gate(completed())]
    async with place.connect(mode, max_wait_seconds=setting) as client:
        result = await client.call_tool("generate_and_wait", {"prompt": PROMPT} | asked)
    assert not result.is_error
    assert fields_of(result)["status"] in ("submitting", "queued")
    assert fields_of(result)["next_step"].startswith("It goes on in the background. Call get_video_status(")


@pytest.mark.parametrize("mode", MODES)
async def test_the_setting_bounds_every_tool_that_waits(mode: Mode, place: Place) -> None:
    place.upstream.orders = [Gate(completed())]
    async with place.connect(mode, max_wait_seconds=0.2) as client:
        with anyio.fail_after(5):
            ordered = fields_of(await client.call_tool("create_video", {"prompt": PROMPT}))
            asked = {"generation_id": ordered["generation_id"], "wait_seconds": 50}
            told = fields_of(await client.call_tool("get_video_status", asked))
    assert (ordered["status"], told["status"]) == ("submitting", "submitting")


@pytest.mark.parametrize("mode", MODES)
async def test_cancelling_at_any_moment_leaves_every_order_tended_and_paid_once(mode: Mode, place: Place) -> None:
    gate = Gate(completed())
    place.upstream.polls = [gate]
    async with place.connect(mode) as client:
        for moment in range(60):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.call_tool, "generate_and_wait", {"prompt": f"{PROMPT} {moment}"})
                for _ in range(moment):
                    await anyio.lowlevel.checkpoint()
                tasks.cancel_scope.cancel()
        gate.opened.set()
        for moment in range(60):
            with anyio.fail_after(10):  # less than a lease: nobody had to take it over
                result = await client.call_tool("generate_and_wait", {"prompt": f"{PROMPT} {moment}"})
            assert fields_of(result)["status"] == "completed"
    prompts = [body["prompt"] for body in place.upstream.posts]
    assert sorted(prompts) == sorted(f"{PROMPT} {moment}" for moment in range(60))

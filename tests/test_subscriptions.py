from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.server.subscriptions import ResourcesListChanged, ResourceUpdated
from mcp.shared.exceptions import MCPDeprecationWarning
from mcp.types import ResourceListChangedNotification, ResourceUpdatedNotification

from studios import PROMPT, Place, a_job, fields_of, until
from upstream import Gate, completed
from veo_mcp import subscriptions
from veo_mcp.jobs import State
from veo_mcp.results import video_uri
from veo_mcp.subscriptions import Subscriptions, changed_uris

HANDLE = "gen-1:google/veo"
URI = video_uri(HANDLE)
CHANGED = "list changed"


class Listening:
    """What a legacy client was told, in order."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def __call__(self, message: Any) -> None:
        match message:
            case ResourceUpdatedNotification():
                self.heard.append(str(message.params.uri))
            case ResourceListChangedNotification():
                self.heard.append(CHANGED)
            case _:
                pass


@asynccontextmanager
async def held_back(place: Place, mode: Any, listening: Listening | None = None) -> AsyncGenerator[tuple[Client, Gate]]:
    """Yield a client whose one video is ordered and finished only when the gate is opened."""
    gate = Gate(completed())
    place.upstream.polls = [gate]
    async with place.connect(mode, client={"message_handler": listening} if listening else None) as client:
        ordered = fields_of(await client.call_tool("create_video", {"prompt": PROMPT}))
        assert ordered["generation_id"] == HANDLE
        await gate.reached.wait()
        yield client, gate


@pytest.fixture
def old_subscribe() -> Any:
    async def subscribe(client: Client, uri: str, *, un: bool = False) -> None:
        call = client.unsubscribe_resource if un else client.subscribe_resource  # pyright: ignore[reportDeprecated]
        with pytest.warns(MCPDeprecationWarning):
            await call(uri)

    return subscribe


async def test_a_listener_hears_each_change_and_that_the_list_has_grown(place: Place) -> None:
    async with (
        held_back(place, "auto") as (client, gate),
        client.listen(resources_list_changed=True, resource_subscriptions=[URI, f"{URI}/status"]) as heard,
    ):
        gate.opened.set()
        events = [await anext(heard) for _ in range(5)]
    both = [ResourceUpdated(uri=URI), ResourceUpdated(uri=f"{URI}/status")]
    assert events == [*both, *both, ResourcesListChanged()]  # downloading, completed


async def test_a_listener_hears_nothing_of_other_videos(place: Place) -> None:
    async with (
        held_back(place, "auto") as (client, gate),
        client.listen(resources_list_changed=True, resource_subscriptions=[video_uri("other")]) as heard,
    ):
        gate.opened.set()
        assert await anext(heard) == ResourcesListChanged()


async def test_an_older_client_is_told_what_it_subscribed_to(place: Place, old_subscribe: Any) -> None:
    listening = Listening()
    async with held_back(place, "legacy", listening) as (client, gate):
        await old_subscribe(client, f"{URI}/status")
        gate.opened.set()
        await until(lambda: CHANGED in listening.heard)
    assert listening.heard == [f"{URI}/status", f"{URI}/status", CHANGED]


async def test_an_older_client_that_unsubscribed_hears_only_of_the_list(place: Place, old_subscribe: Any) -> None:
    listening = Listening()
    async with held_back(place, "legacy", listening) as (client, gate):
        await old_subscribe(client, URI)
        await old_subscribe(client, URI, un=True)
        gate.opened.set()
        await until(lambda: CHANGED in listening.heard)
    assert listening.heard == [CHANGED]


async def test_both_eras_are_promised_what_they_get(place: Place) -> None:
    for mode in ("auto", "legacy"):
        async with place.connect(mode) as client:
            offered = client.server_capabilities.resources
        assert offered is not None
        assert (offered.subscribe, offered.list_changed) == (True, True)


async def test_a_client_that_is_gone_is_forgotten(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Subscriptions] = []

    class Watched(Subscriptions):
        def __init__(self) -> None:
            super().__init__()
            made.append(self)

    monkeypatch.setattr("veo_mcp.server.Subscriptions", Watched)
    async with place.connect("legacy") as client:
        await client.list_tools()
        assert len(made[0].connections) == 1
    assert made[0].connections == {}


class Stuck:
    """A connection whose client reads nothing any more."""

    async def send_resource_updated(self, uri: str) -> None:
        await anyio.sleep_forever()

    async def send_resource_list_changed(self) -> None:
        await anyio.sleep_forever()


class Broken:
    async def send_resource_updated(self, uri: str) -> None:
        raise OSError("a broken pipe")

    async def send_resource_list_changed(self) -> None:
        raise OSError("a broken pipe")


@pytest.mark.parametrize("bad", [Stuck, Broken])
async def test_a_client_that_takes_nothing_holds_up_nobody(
    place: Place, bad: type[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "PATIENCE_SECONDS", 0.02)
    table = Subscriptions()
    heard: list[Any] = []
    table.bus.subscribe(heard.append)
    async with place.open() as studio, table.following(studio):
        table.connections[bad()] = {video_uri("gen-1")}
        for state in (State.GENERATING, State.COMPLETED):
            await studio.watcher.announce(a_job(generation_id="gen-1", state=state))
        await until(lambda: ResourcesListChanged() in heard)
        await until(lambda: not table.connections)
    assert studio.watcher.listeners == []


async def test_a_flood_of_changes_is_dropped_not_waited_for(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "QUEUED_JOBS", 2)
    table = Subscriptions()
    heard: list[Any] = []
    table.bus.subscribe(heard.append)
    async with place.open() as studio, table.following(studio):
        for number in range(20):
            await studio.watcher.announce(a_job(number))
        await until(lambda: bool(heard))
    assert 0 < len(heard) < 40


def test_a_job_goes_by_both_of_its_names() -> None:
    ours = "veo://videos/job_00000000000000000001"
    assert changed_uris(a_job()) == [ours, f"{ours}/status"]
    assert changed_uris(a_job(generation_id=HANDLE)) == [URI, f"{URI}/status", ours, f"{ours}/status"]
    done = changed_uris(a_job(generation_id=HANDLE, state=State.COMPLETED))
    assert {f"{URI}/sheet", f"{URI}/preview", f"{ours}/sheet"} <= set(done)

import re
from typing import Any

import pytest
from mcp import Client
from mcp.client import advertise
from mcp.types import Resource, TextResourceContents

from studios import MODES, Mode, Place
from veo_mcp.apps import PLAYER_META, PLAYER_URI

PLAYER_KIND = "text/html;profile=mcp-app"
PLAYER_UI: dict[str, Any] = {
    "csp": {"resourceDomains": ["data:", "blob:"]},
    "permissions": {"clipboardWrite": {}},
    "prefersBorder": False,
}


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> Mode:
    return request.param


async def player_of(client: Client) -> TextResourceContents:
    (part,) = (await client.read_resource(PLAYER_URI)).contents
    assert isinstance(part, TextResourceContents)
    return part


async def test_the_player_is_listed_and_read_with_what_hosts_must_allow_it(place: Place, mode: Mode) -> None:
    async with place.connect(mode) as client:
        listed = (await client.list_resources()).resources
        read = await player_of(client)
    player = Resource(
        uri=PLAYER_URI, name="player", title="Video player", mime_type=PLAYER_KIND, _meta={"ui": PLAYER_UI}
    )
    assert listed == [player]
    assert (read.uri, read.mime_type, read.meta) == (PLAYER_URI, PLAYER_KIND, {"ui": PLAYER_UI})


async def test_the_tools_that_end_in_a_video_carry_the_player(place: Place, mode: Mode) -> None:
    async with place.connect(mode) as client:
        tools = (await client.list_tools()).tools
    assert {tool.name: tool.meta for tool in tools if tool.meta} == {
        "generate_and_wait": PLAYER_META,
        "view_video": PLAYER_META,
    }


async def test_the_extension_is_offered_to_hosts_that_speak_of_extensions(place: Place) -> None:
    ui = advertise("io.modelcontextprotocol/ui", {"mimeTypes": [PLAYER_KIND]})
    async with place.connect(client={"extensions": [ui]}) as client:
        assert "io.modelcontextprotocol/ui" in (client.server_capabilities.extensions or {})


async def test_the_player_is_one_small_file_that_fetches_nothing(place: Place, mode: Mode) -> None:
    async with place.connect(mode) as client:
        html = (await player_of(client)).text
    assert len(html.encode()) < 20_000
    assert re.findall(r"\b(?:https?|wss?)://|[\"'(]//", html) == []
    assert re.findall(r"\b(?:fetch|XMLHttpRequest|WebSocket|EventSource|import)\b\s*\(", html) == []

"""What the server says of itself, once per era; UPDATE_SNAPSHOTS=1 rewrites tests/toolsnaps."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from studios import MODES, Mode, Place, text_of
from veo_mcp import __version__
from veo_mcp.results import VideoList, VideoResult
from veo_mcp.server import build_server
from veo_mcp.settings import Settings

SNAPSHOTS = Path(__file__).with_name("toolsnaps")
LIMIT = 8_000
"""Characters of tools/list: it stands in the model's context on every turn."""

pytestmark = pytest.mark.parametrize("mode", MODES)


async def listing(client: Client) -> dict[str, Any]:
    listed = await client.list_tools()
    return listed.model_dump(by_alias=True, mode="json", exclude_none=True)


async def test_the_tools_are_as_they_were_released(place: Place, mode: Mode) -> None:
    async with place.connect(mode) as client:
        listed, version = await listing(client), client.protocol_version
    for tool in listed["tools"]:
        path = SNAPSHOTS / version / f"{tool['name']}.json"
        text = json.dumps(tool, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
        if os.environ.get("UPDATE_SNAPSHOTS"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8"), f"{tool['name']} has changed; UPDATE_SNAPSHOTS=1 if it should"
    names = {path.stem for path in (SNAPSHOTS / version).iterdir()}
    assert names == {tool["name"] for tool in listed["tools"]}


async def test_the_tools_leave_room_in_the_models_context(place: Place, mode: Mode) -> None:
    async with place.connect(mode) as client:
        assert len(json.dumps(await listing(client))) <= LIMIT


async def test_the_five_tools_stand_in_the_order_in_which_they_are_used(place: Place, mode: Mode) -> None:
    async with place.connect(mode) as client:
        tools = (await client.list_tools()).tools
    assert [tool.name for tool in tools] == [
        "create_video",
        "get_video_status",
        "generate_and_wait",
        "list_videos",
        "view_video",
    ]
    for tool in tools:
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint == (tool.name not in {"create_video", "generate_and_wait"})
        assert tool.input_schema["additionalProperties"] is False
        assert tool.description
        assert "\n    " not in tool.description


async def test_output_schemas_name_every_field_of_the_results(place: Place, mode: Mode) -> None:
    async with place.connect(mode) as client:
        schemas = {tool.name: tool.output_schema for tool in (await client.list_tools()).tools}
    for name, schema in schemas.items():
        if name == "view_video":
            assert schema is None
            continue
        assert schema is not None
        model = VideoList if name == "list_videos" else VideoResult
        assert list(schema["properties"]) == list(model.model_fields)


async def test_the_server_introduces_itself_and_says_how_to_use_it(place: Place, mode: Mode) -> None:
    async with place.connect(mode) as client:
        assert client.server_info is not None
        assert (client.server_info.name, client.server_info.version) == ("veo-mcp", __version__)
        assert client.server_info.title == "Veo video"
        (icon,) = client.server_info.icons or []
        assert icon.src.startswith("data:image/svg+xml;base64,")
        assert len(icon.src) < 300
        assert "order once" in (client.instructions or "")
        assert "generate_and_wait" in (client.instructions or "")


async def test_a_server_starts_and_lists_its_tools_without_network_and_ledger(place: Place, mode: Mode) -> None:
    place.settings().home.write_text("in the way")
    async with place.connect(mode) as client:
        assert len((await client.list_tools()).tools) == 5
    assert place.upstream.seen == []


async def test_a_tool_that_there_is_not_is_an_error(place: Place, mode: Mode) -> None:
    async with place.connect(mode) as client:
        result = await client.call_tool("make_coffee", {})
    assert result.is_error
    assert "make_coffee" in text_of(result)


async def test_building_a_server_opens_nothing(tmp_path: Path, mode: Mode) -> None:
    build_server(Settings(home=tmp_path / "home", output_dir=tmp_path / "videos"))
    assert list(tmp_path.iterdir()) == []

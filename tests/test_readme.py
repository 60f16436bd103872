"""The README says what the code does. UPDATE_SNAPSHOTS=1 rewrites its tables."""

import json
import os
import re
from pathlib import Path
from typing import Any

from mcp import Client
from mcp.types import Tool

from veo_mcp.sandbox.faults import FAULTS
from veo_mcp.server import build_server
from veo_mcp.settings import NAMES, Settings

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"

DEFAULTS = {
    "home": "the user data folder; on Windows `.veo-mcp` in the profile",
    "output_dir": "the Videos folder `/veo-mcp`",
    "database_url": "SQLite in the home",
    "poll_seconds": "adaptive",
    "max_wait_seconds": "what the host bears, at most 220",
}


def table(name: str, rows: list[str]) -> None:
    """Compare the README's table of that name with the rows, or write them there."""
    text = README.read_text(encoding="utf-8")
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", text, re.DOTALL)
    assert found, name
    expected = "\n".join(rows) + "\n"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        README.write_text(text[: found.start(1)] + expected + text[found.end(1) :], encoding="utf-8")
    else:
        assert found[1] == expected


def takes(tool: Tool) -> str:
    required: list[str] = tool.input_schema.get("required", [])
    properties: dict[str, Any] = tool.input_schema["properties"]
    return ", ".join(f"`{name}`{'*' if name in required else ''}" for name in properties)


async def test_the_table_of_tools_is_the_servers(tmp_path: Path) -> None:
    async with Client(build_server(Settings(home=tmp_path, output_dir=tmp_path))) as client:
        tools = (await client.list_tools()).tools
    rows = ["| tool | takes | does |", "|---|---|---|"]
    rows += [f"| `{tool.name}` | {takes(tool)} | {' '.join((tool.description or '').split())} |" for tool in tools]
    table("tools", rows)


def test_the_table_of_settings_is_the_codes() -> None:
    rows = ["| name | default | meaning |", "|---|---|---|"]
    for field, (name, *others) in NAMES.items():
        about = Settings.model_fields[field]
        default = DEFAULTS.get(field) or ("none" if about.default is None else f"`{about.default}`")
        also = f" (also {', '.join(f'`{other}`' for other in others)})" if others else ""
        rows.append(f"| `{name}`{also} | {default} | {about.description} |")
    table("settings", rows)


def test_the_table_of_test_prompts_is_the_sandboxs() -> None:
    table(
        "faults",
        ["| marker | what happens |", "|---|---|", *(f"| `{name}` | {does} |" for name, does in FAULTS.items())],
    )


def test_the_config_block_is_mcp_json() -> None:
    blocks = re.findall(r"```json\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert json.loads((ROOT / "mcp.json").read_text()) in [json.loads(block) for block in blocks]


def test_ci_runs_the_readmes_two_commands() -> None:
    commands = re.findall(r"```sh\n(.*?)\n```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(commands) == 2
    for command in commands:
        assert command in (ROOT / ".ci" / "run").read_text()

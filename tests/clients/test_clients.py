"""Everybody's client against the real server: list, create, wait with progress, view, cancel, join.

`install.sh` installs the clients; each that is missing is skipped.
"""

import json
import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from servers import TOOLS, World, world_of

HERE = Path(__file__).parent
NODE = HERE / "node_modules/.bin"
pytestmark = [pytest.mark.clients, pytest.mark.slow]


def python(environment: str) -> str:
    return str(HERE / ".venv" / environment / "bin/python")


CLIENTS: dict[str, list[str]] = {
    "mcp 2, 2026-07-28": [sys.executable, "sdk2.py", "{target}", "auto"],
    "mcp 2, 2025-11-25": [sys.executable, "sdk2.py", "{target}", "legacy"],
    "mcp 1": [python("mcp1"), "sdk1.py", "{target}"],
    "FastMCP 4": [python("fastmcp4"), "fast.py", "{target}"],
    "TypeScript 1": [str(NODE / "node"), "typescript.mjs", "v1", "{target}"],
    "TypeScript 2, 2026-07-28": [str(NODE / "node"), "typescript.mjs", "v2-modern", "{target}"],
    "TypeScript 2, 2025-11-25": [str(NODE / "node"), "typescript.mjs", "v2-legacy", "{target}"],
}
MODERN = {"mcp 2, 2026-07-28", "FastMCP 4", "TypeScript 2, 2026-07-28"}


@pytest.fixture
def world(tmp_path: Path) -> Generator[World]:
    with world_of(tmp_path) as world:
        yield world


def run(command: list[str], world: World, **environment: str) -> subprocess.CompletedProcess[str]:
    if not Path(command[0]).exists():
        pytest.skip(f"{command[0]} is not installed: tests/clients/install.sh")
    variables = os.environ | world.variables | {"PATH": f"{NODE}{os.pathsep}{os.environ['PATH']}"} | environment
    return subprocess.run(command, cwd=HERE, env=variables, capture_output=True, text=True, timeout=90, check=False)


@pytest.mark.parametrize("transport", ["stdio", "http"])
@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_makes_sees_cancels_and_joins(client: str, transport: str, world: World) -> None:
    with world.target(transport) as target:
        command = [word.format(target=target) for word in CLIENTS[client]]
        done = run(command, world, SERVER_COMMAND=json.dumps(world.command), PROMPT=f"A lighthouse, {client}")
    assert done.returncode == 0, done.stderr[-3000:]
    report: dict[str, Any] = json.loads(done.stdout)
    assert report.pop("era") == ("2026-07-28" if client in MODERN else "2025-11-25")
    progress: list[tuple[float, float, str]] = report.pop("progress")
    joined, _ = report.pop("joined")  # handed back, or ordered anew where the first was cancelled before it was sent
    assert joined == "completed"
    assert report == {"tools": TOOLS, "waited": "completed", "viewed": ["text", "image"]}
    assert len(progress) >= 2
    assert all(0 <= seconds <= total and len(message) <= 200 for seconds, total, message in progress)
    if not client.startswith("TypeScript"):  # there an answer may overtake the progress that was sent just before it
        assert progress[-1][0] == progress[-1][1]
    assert len(world.upstream.paid) == 2


def inspect(world: World, *words: str) -> Any:
    """Call the Inspector on a server of its own; its answer is the result as JSON."""
    settings = [word for name, value in world.variables.items() for word in ("-e", f"{name}={value}")]
    command = [str(NODE / "mcp-inspector"), "--cli", "--format", "json", *settings, *words]
    done = run(command, world)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return json.loads(done.stdout)["result"]


@pytest.mark.parametrize("transport", ["stdio", "http"])
@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_the_inspector_finds_nothing_to_complain_of(era: str, transport: str, world: World) -> None:
    with world.target(transport) as target:
        server = world.command if transport == "stdio" else [target, "--transport", "http"]
        words = [*server, "--protocol-era", era, "--method"]
        assert [tool["name"] for tool in inspect(world, *words, "tools/list", "--strict")["tools"]] == TOOLS
        arguments = [
            "tools/call",
            "--tool-name",
            "generate_and_wait",
            "--tool-arg",
            "prompt=A lighthouse",
            "duration=4",
        ]
        made = inspect(world, *words, *arguments)
    assert made["structuredContent"]["status"] == "completed"
    assert len(world.upstream.paid) == 1

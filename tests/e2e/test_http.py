"""Over HTTP: a clean end, whatever ends it."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import anyio
import httpx2
import pytest
from mcp import Client, MCPError
from processes import WRAPPER, until

TOLD = "told"
ON_POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def answers(address: str) -> bool:
    try:
        return httpx2.get(address).status_code > 0
    except httpx2.TransportError:
        return False


@contextmanager
def serving(folder: Path) -> Generator[tuple[subprocess.Popen[str], str]]:
    port = free_port()
    environ = os.environ | {"VEO_MCP_HOME": str(folder), "VEO_MCP_OUTPUT_DIR": str(folder)}
    environ |= {"VEO_MCP_BACKEND": "sandbox"}
    if sys.platform == "win32":
        environ["E2E_BREAK"] = str(folder / TOLD)
    command = [sys.executable, str(WRAPPER), "serve", "--http", "--port", str(port)]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            yield server, f"http://127.0.0.1:{port}/mcp"
        finally:
            server.kill()


async def assert_ends_cleanly(server: subprocess.Popen[str], number: signal.Signals, folder: Path) -> None:
    """Send the signal; on Windows let the server think that Ctrl-Break was pressed."""
    if sys.platform == "win32":
        (folder / TOLD).touch()
    else:
        server.send_signal(number)
    await until(lambda: server.poll() is not None)
    said, complaints = server.communicate()
    assert (server.returncode, said) == (0, "")
    assert "Traceback" not in complaints


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=ON_POSIX)])
async def test_a_server_over_http_ends_cleanly(number: signal.Signals, tmp_path: Path) -> None:
    with serving(tmp_path) as (server, address):
        await until(lambda: answers(address))
        await assert_ends_cleanly(server, number, tmp_path)


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_a_server_over_http_ends_although_somebody_waits_and_listens(
    mode: Literal["legacy", "2026-07-28"], tmp_path: Path
) -> None:
    with serving(tmp_path) as (server, address):
        await until(lambda: answers(address))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_hold_on, address, mode)
            await until(lambda: any(tmp_path.glob("sandbox/**/*.generation.json")))
            await assert_ends_cleanly(server, signal.SIGTERM, tmp_path)
            tasks.cancel_scope.cancel()


async def _hold_on(address: str, mode: Literal["legacy", "2026-07-28"]) -> None:
    """Wait for a video that never comes, and listen for changes where there is a stream for that."""
    order: dict[str, Any] = {"prompt": "[sandbox:stuck] Fog", "duration": 4}
    with suppress(MCPError, httpx2.HTTPError, ExceptionGroup):
        async with Client(address, mode=mode) as client, AsyncExitStack() as streams:
            if mode != "legacy":
                await streams.enter_async_context(client.listen(resources_list_changed=True))
            await client.call_tool("generate_and_wait", order)

"""Over HTTP: a clean end, whatever ends it."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from processes import until


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def answers(address: str) -> bool:
    try:
        return httpx2.get(address).status_code > 0
    except httpx2.TransportError:
        return False


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_server_over_http_ends_cleanly(number: signal.Signals, tmp_path: Path) -> None:
    port = free_port()
    environ = os.environ | {"VEO_MCP_HOME": str(tmp_path), "VEO_MCP_OUTPUT_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "veo_mcp", "serve", "--http", "--port", str(port)]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            await until(lambda: answers(f"http://127.0.0.1:{port}/mcp"))
            server.send_signal(number)
            await until(lambda: server.poll() is not None)
        finally:
            server.kill()
        said, complaints = server.communicate()
    assert (server.returncode, said) == (0, "")
    assert "Traceback" not in complaints

"""What the clients talk to: `veo-mcp` in a process of its own, and a stand-in for the paid service behind it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from e2e.stand_in import KEY, Upstream, listening

TOOLS = ["create_video", "get_video_status", "generate_and_wait", "list_videos", "view_video"]


@dataclass
class World:
    upstream: Upstream
    variables: dict[str, str]
    command: list[str]

    @contextmanager
    def target(self, transport: str) -> Generator[str]:
        """Yield `stdio`, or the address of a server that runs meanwhile."""
        if transport == "stdio":
            yield transport
            return
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [*self.command, "serve", "--http", "--port", str(port)]
        with subprocess.Popen(command, env=os.environ | self.variables, stderr=subprocess.DEVNULL) as process:
            try:
                _wait_for(port)
                yield f"http://127.0.0.1:{port}/mcp"
            finally:
                process.terminate()


@contextmanager
def world_of(folder: Path) -> Generator[World]:
    with listening(Upstream(seconds=1.5)) as upstream:
        variables = {
            "AIMLAPI_API_KEY": KEY,
            "AIMLAPI_BASE_URL": upstream.base_url,
            "VEO_MCP_HOME": str(folder / "home"),
            "VEO_MCP_OUTPUT_DIR": str(folder / "videos"),
            "VEO_MCP_POLL_SECONDS": "0.2",
            "NO_PROXY": "*",
        }
        yield World(upstream, variables, [sys.executable, "-m", "veo_mcp"])


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the server did not start")

"""Orders a video, kills the server at once, starts another: the video arrives all the same, paid once.

python examples/resume_after_restart.py
"""

import os
import signal
import sys
from typing import Any

import anyio
from mcp import Client, StdioServerParameters

ORDER = {"prompt": "A lighthouse in a storm", "duration": 4, "resolution": "720p", "new_variant": True}
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
"""On Windows, which has no SIGKILL, SIGTERM ends a process just as hard."""


SERVE = """
import os, pathlib, sys
pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
from veo_mcp.cli import main
main(["serve"])
"""


def server(pid_file: str) -> StdioServerParameters:
    """Start veo-mcp in a process that notes its id first, so that it can be killed for real."""
    return StdioServerParameters(command=sys.executable, args=["-c", SERVE, pid_file], env=dict(os.environ))


async def order_and_kill(pid_file: anyio.Path) -> str:
    """Return the id of a video whose server was killed right after ordering it."""
    generation_id = ""
    try:
        async with Client(server(str(pid_file))) as client:
            ordered = await client.call_tool("create_video", ORDER)
            facts: dict[str, Any] = ordered.structured_content or {}
            generation_id = facts["generation_id"]
            os.kill(int(await pid_file.read_text()), KILL)
            await client.list_tools()
    except Exception as error:  # noqa: BLE001  whatever the client makes of a dead server
        print(f"ordered {generation_id}, server killed ({type(error).__name__})", file=sys.stderr)
    return generation_id


async def fetch(pid_file: anyio.Path, generation_id: str) -> str:
    async with Client(server(str(pid_file))) as client:
        while True:
            answer = await client.call_tool("get_video_status", {"generation_id": generation_id, "wait_seconds": 50})
            status: dict[str, Any] = answer.structured_content or {}
            if status["status"] in ("completed", "failed", "unknown"):
                return status["video"]["path"] if status["video"] else status["error"]["message"]


async def main() -> None:
    async with anyio.TemporaryDirectory() as folder:
        pid_file = anyio.Path(folder) / "pid"
        print(await fetch(pid_file, await order_and_kill(pid_file)))


if __name__ == "__main__":
    anyio.run(main)

"""An MCP client of its own: starts the server on stdio, generates with progress, prints the file's path.

python examples/generate_with_progress.py "A paper boat sails down a rainy street"

Without AIMLAPI_API_KEY in the environment the server uses its sandbox.
"""

import os
import sys
from typing import Any

import anyio
from mcp import Client, StdioServerParameters
from mcp.types import CallToolResult, TextContent

SERVER = StdioServerParameters(command=sys.executable, args=["-m", "veo_mcp", "serve"], env=dict(os.environ))
ORDER = {"duration": 4, "resolution": "720p"}


async def show(progress: float, total: float | None, message: str | None) -> None:
    print(f"{progress:6.1f} of about {total or 0:.0f} s: {message}", file=sys.stderr)


async def generate(prompt: str) -> CallToolResult:
    async with Client(SERVER) as client:
        return await client.call_tool("generate_and_wait", {"prompt": prompt, **ORDER}, progress_callback=show)


def main(prompt: str) -> None:
    result = anyio.run(generate, prompt)
    facts: dict[str, Any] = result.structured_content or {}
    video = facts.get("video")
    if video is None:  # refused, failed, or the wait was over first: the text says what to do
        sys.exit("\n".join(block.text for block in result.content if isinstance(block, TextContent)))
    print(video["path"])


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]) or "A paper boat sails down a rainy street")

"""The SDK's own client, mcp 2: `sdk2.py stdio|URL [era]`."""

import os
import sys
from typing import Any

import anyio
from flow import SERVER, run
from mcp import Client, StdioServerParameters


async def main(target: str, mode: Any) -> None:
    server = (
        StdioServerParameters(command=SERVER[0], args=SERVER[1:], env=dict(os.environ)) if target == "stdio" else target
    )
    async with Client(server, mode=mode) as client:

        async def call(name: str, arguments: dict[str, Any], progress: Any) -> Any:
            result = await client.call_tool(name, arguments, 60, progress)
            return result.model_dump(by_alias=True, mode="json")

        tools = [tool.name for tool in (await client.list_tools()).tools]
        await run(client.protocol_version, tools, call)


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], sys.argv[2])

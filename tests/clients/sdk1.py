"""The SDK before the 2026-07-28 revision, mcp 1: `sdk1.py stdio|URL`."""

# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false, reportUnknownParameterType=false
# pyright: reportDeprecated=false, reportCallIssue=false, reportArgumentType=false

import os
import sys
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import anyio
from flow import SERVER, run
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client


async def main(target: str) -> None:
    async with AsyncExitStack() as stack:
        parameters = StdioServerParameters(command=SERVER[0], args=SERVER[1:], env=dict(os.environ))
        opened: Any = stdio_client(parameters) if target == "stdio" else streamablehttp_client(target)
        read, write, *_ = await stack.enter_async_context(opened)
        session = await stack.enter_async_context(ClientSession(read, write))
        era = (await session.initialize()).protocolVersion

        async def call(name: str, arguments: dict[str, Any], progress: Any) -> Any:
            result = await session.call_tool(name, arguments, timedelta(seconds=60), progress)
            return result.model_dump(by_alias=True, mode="json")

        await run(era, [tool.name for tool in (await session.list_tools()).tools], call)
        await session.send_ping()  # this client trips over a notification that comes while it closes


if __name__ == "__main__":
    anyio.run(main, sys.argv[1])

"""FastMCP's client: `fast.py stdio|URL`."""

# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false, reportUnknownParameterType=false
# pyright: reportDeprecated=false, reportCallIssue=false, reportArgumentType=false

import os
import sys
from typing import Any

import anyio
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from flow import SERVER, run


async def main(target: str) -> None:
    transport: Any = StdioTransport(SERVER[0], SERVER[1:], env=dict(os.environ)) if target == "stdio" else target
    async with Client(transport) as client:

        async def call(name: str, arguments: dict[str, Any], progress: Any) -> Any:
            result = await client.call_tool_mcp(name, arguments, progress_handler=progress, timeout=60)
            return result.model_dump(by_alias=True, mode="json")

        era = getattr(client.session, "protocol_version", None) or client.initialize_result.protocolVersion
        await run(str(era), [tool.name for tool in await client.list_tools()], call)


if __name__ == "__main__":
    anyio.run(main, sys.argv[1])

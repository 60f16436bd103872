"""A client without manners: sends any JSON over HTTP in either era, and gives back what came."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
from mcp.server import MCPServer

from studios import Mode

MODERN = "2026-07-28"
LEGACY = "2025-11-25"
INFO = {"name": "raw", "version": "1"}


@dataclass
class Raw:
    http: httpx2.AsyncClient
    mode: Mode
    headers: dict[str, str] = field(default_factory=dict[str, str])

    async def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Return the answer as the JSON-RPC message that it is."""
        headers = {"Mcp-Method": method, "Mcp-Name": str(params.get("name", ""))} if self.mode == "auto" else {}
        meta: dict[str, Any] = {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        params = params | {"_meta": meta} if self.mode == "auto" else params
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        return read(await self.post(body, headers))

    async def post(self, body: str, headers: dict[str, str] | None = None) -> httpx2.Response:
        return await self.http.post("/mcp", content=body, headers=self.headers | (headers or {}))


def read(response: httpx2.Response) -> dict[str, Any]:
    """Return the last message of a plain or streamed answer."""
    if response.headers["content-type"].startswith("application/json"):
        return json.loads(response.text)
    return [json.loads(line[6:]) for line in response.text.split("\r\n") if line.startswith("data: {")][-1]


@asynccontextmanager
async def raw(server: MCPServer[Any], mode: Mode) -> AsyncGenerator[Raw]:
    """Serve over HTTP in this process and connect."""
    app = server.streamable_http_app()
    async with (
        server.session_manager.run(),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1:8787", timeout=30) as http,
    ):
        yield await shaken_hands(http, mode)


async def shaken_hands(http: httpx2.AsyncClient, mode: Mode) -> Raw:
    """Return a client that the server at the other end takes calls from."""
    client = Raw(http, mode, {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"})
    if mode == "auto":
        client.headers["MCP-Protocol-Version"] = MODERN
        return client
    params = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": INFO}
    body = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
    response = await client.post(json.dumps(body))
    client.headers |= {"Mcp-Session-Id": response.headers["mcp-session-id"], "MCP-Protocol-Version": LEGACY}
    await client.post(json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}))
    return client

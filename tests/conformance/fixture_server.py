"""The suite's task fixtures on our own server class and tasks extension: `python fixture_server.py PORT`."""

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import anyio
from fixture_book import FixtureBook, Running, Work, said
from mcp import MCPError
from mcp.server import MCPServer
from mcp.server.mcpserver import Context, Elicit, Resolve
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.server import require_client_extension
from mcp.types import INTERNAL_ERROR, CallToolResult
from pydantic import BaseModel

from veo_mcp.answers import TASKS_EXTENSION, wants_task
from veo_mcp.server import VeoServer
from veo_mcp.tasks import Tasks, refuse_task_notifications

AnyContext = Context[Any]
book = FixtureBook()


@asynccontextmanager
async def lifespan(_: MCPServer[Any]) -> AsyncGenerator[Any]:
    async with anyio.create_task_group() as book.tasks:
        yield
        book.tasks.cancel_scope.cancel()


server: Any = VeoServer(
    "fixtures",
    version="1",
    lifespan=lifespan,
    log_level="ERROR",
    extensions=[Tasks(book)],
    middleware=[refuse_task_notifications],
)


def marked(ctx: AnyContext, work: Work) -> CallToolResult:
    require_client_extension(ctx.request_context, TASKS_EXTENSION)
    return book.start(work)


@server.tool()
async def greet(name: str = "World") -> str:
    return f"Hello, {name}!"


@server.tool()
async def slow_compute(ctx: AnyContext, seconds: float = 1, label: str = "") -> CallToolResult:
    async def work(_: Running) -> str:
        await anyio.sleep(seconds)
        return f"computed for {seconds} s {label}"

    if seconds == 0 or not wants_task(ctx):
        return said("computed at once")
    return book.start(work)


@server.tool()
async def failing_job(ctx: AnyContext) -> CallToolResult:
    async def work(_: Running) -> str:
        await anyio.sleep(0.2)
        raise ToolError("failed on purpose")

    return marked(ctx, work)


@server.tool()
async def protocol_error_job(ctx: AnyContext) -> CallToolResult:
    async def work(_: Running) -> str:
        await anyio.sleep(0.2)
        raise MCPError(INTERNAL_ERROR, "broken on purpose")

    return marked(ctx, work)


@server.tool()
async def confirm_delete(ctx: AnyContext, filename: str = "a file") -> CallToolResult:
    async def work(running: Running) -> str:
        return f"deleted {filename}: {await running.ask('confirm', f'Delete {filename}?', 'boolean')}"

    return marked(ctx, work)


@server.tool()
async def multi_input(ctx: AnyContext) -> CallToolResult:
    async def work(running: Running) -> str:
        async with anyio.create_task_group() as tasks:
            for key in ("first", "second"):
                tasks.start_soon(running.ask, key, f"The {key}?", "string")
        return f"heard {running.answers}"

    return marked(ctx, work)


class Name(BaseModel):
    name: str


async def ask_name() -> Elicit[Name]:
    return Elicit("What is your name?", Name)


@server.tool()
async def test_tool_with_task(ctx: AnyContext, name: Annotated[Name, Resolve(ask_name)]) -> CallToolResult:
    async def work(_: Running) -> str:
        await anyio.sleep(0.2)
        return f"Hello, {name.name}!"

    return marked(ctx, work)


if __name__ == "__main__":
    server.run("streamable-http", port=int(sys.argv[1]))

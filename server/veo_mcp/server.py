"""Puts everything on one MCPServer."""

import base64
import logging
import re
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from mcp import MCPError
from mcp.server import MCPServer
from mcp.server.caching import CacheHint
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    CallToolResult,
    Completion,
    CompletionArgument,
    CompletionContext,
    GetPromptResult,
    Icon,
    InputRequiredResult,
    PromptReference,
    Resource,
    ResourceTemplateReference,
    SubscribeRequestParams,
    UnsubscribeRequestParams,
)
from pydantic import AnyUrl, ValidationError

from veo_mcp import __version__, apps, prompts, resources
from veo_mcp.errors import VeoError
from veo_mcp.job_tasks import JobTasks
from veo_mcp.ordering import unanswered
from veo_mcp.refusals import explain
from veo_mcp.settings import Settings
from veo_mcp.studio import Studio
from veo_mcp.subscriptions import Subscriptions
from veo_mcp.tasks import Tasks, refuse_task_notifications
from veo_mcp.tools import all_tools
from veo_mcp.wiring import open_studio

logger = logging.getLogger(__name__)

INSTRUCTIONS = """\
Makes short videos with sound (Veo 3.1 Fast; 4, 6 or 8 s). Each new video costs the user money: order once.
generate_and_wait is the usual way. For several videos, call create_video for each, then get_video_status with \
wait_seconds=50 until completed. When a wait ends first, do what next_step says instead of ordering again. \
Always tell the user the file's path. list_videos finds everything ordered before; view_video lets you see a result."""

_DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><circle cx="4.5" cy="4.5" r="4.5" fill="#25c"/>'
    '<path d="M3 2v5l4-2.5z" fill="#fff"/></svg>'
)
ICON = "data:image/svg+xml;base64," + base64.b64encode(_DRAWING.encode()).decode()
"""Small, because clients since 2026-07-28 are told who the server is in every answer."""

_RESOLVER = re.compile(r"Resolver '[^']*':? (.*)", re.DOTALL)
"""How the SDK begins what it says of an answer to the question about the price."""

Opening = Callable[[Settings], AbstractAsyncContextManager[Studio]]

_DAY_MS, _HOUR_MS = 86_400_000, 3_600_000


class VeoServer(MCPServer[Studio]):
    """The SDK's server with errors that a model can act on and unknown arguments refused."""

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Studio, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        tools = {tool.name: tool.input_schema for tool in await self.list_tools()}
        if name not in tools:
            raise ToolError(f"There is no tool {name[:60]!r}. The tools are: {', '.join(tools)}.")
        _refuse_unknown(name, arguments, tools[name].get("properties", {}))
        try:
            return await super().call_tool(name, arguments, context)
        except ToolError as error:
            raise _readable(name, error, tools[name]) from error
        except MCPError as error:
            if error.error.code == MISSING_REQUIRED_CLIENT_CAPABILITY:
                raise
            # Of the tools' own requests to clients there is one: the question about the price.
            raise ToolError(unanswered(error.error.message)) from error

    async def get_prompt(
        self, name: str, arguments: dict[str, Any] | None = None, context: Context[Studio, Any] | None = None
    ) -> GetPromptResult | InputRequiredResult:
        prompts.check(await self.list_prompts(), name, arguments or {})
        return await super().get_prompt(name, arguments, context)

    async def read_resource(
        self, uri: AnyUrl | str, context: Context[Studio, Any] | None = None
    ) -> Iterable[ReadResourceContents] | InputRequiredResult:
        read = await super().read_resource(uri, context)
        return read if isinstance(read, InputRequiredResult) else resources.as_they_are(read)

    async def list_resources(self) -> list[Resource]:
        return [*await super().list_resources(), *await resources.newest_videos()]

    def serve_subscribers(self, subscriptions: Subscriptions) -> None:
        """Answer the two requests of older clients that `MCPServer` leaves out."""
        add = self._lowlevel_server.add_request_handler
        add("resources/subscribe", SubscribeRequestParams, subscriptions.subscribe)
        add("resources/unsubscribe", UnsubscribeRequestParams, subscriptions.unsubscribe)


def _refuse_unknown(name: str, arguments: dict[str, Any], allowed: dict[str, Any]) -> None:
    unknown = sorted(set(arguments) - set(allowed))
    if unknown:
        names = ", ".join(repr(argument[:60]) for argument in unknown[:10])
        raise ToolError(f"{name} has no argument {names}. It takes: {', '.join(allowed)}. Nothing was sent or charged.")


def _readable(name: str, error: ToolError, schema: dict[str, Any]) -> ToolError:
    """Say what went wrong in words for a model; leave out what only a programmer understands."""
    cause = error.__cause__
    if isinstance(cause, ValidationError):
        return ToolError(f"{name}: {explain(cause, schema)} Nothing was sent or charged.")
    if isinstance(cause, ToolError) and (found := _RESOLVER.match(str(cause))):
        return ToolError(unanswered(found[1]))
    if isinstance(cause, VeoError | ToolError) and not isinstance(cause, UnexpectedToolError):
        return ToolError(str(cause))
    if isinstance(error, UnexpectedToolError):
        logger.error("%s failed", name, exc_info=cause)
        return ToolError(
            f"{name} failed inside the server ({type(cause).__name__}); its log on stderr has the details. What was"
            " ordered goes on: list_videos shows it. Do not order the same video again before looking there."
        )
    return error


def build_server(settings: Settings, *, opening: Opening = open_studio) -> VeoServer:
    """Return the server. Opens nothing: the studio lives as long as the server runs."""
    subscriptions = Subscriptions()

    @asynccontextmanager
    async def lifespan(_: MCPServer[Studio]) -> AsyncGenerator[Studio]:
        async with opening(settings) as studio, subscriptions.following(studio):
            yield studio

    server = VeoServer(
        "veo-mcp",
        title="Veo video",
        version=__version__,
        icons=[Icon(src=ICON, mime_type="image/svg+xml")],
        instructions=INSTRUCTIONS,
        tools=all_tools(apps.PLAYER_META),
        extensions=[apps.player(), Tasks(JobTasks())],
        middleware=[refuse_task_notifications, resources.with_studio, subscriptions.admit],
        lifespan=lifespan,
        subscriptions=subscriptions.bus,
        log_level="WARNING",
        cache_hints={
            "server/discover": CacheHint(_HOUR_MS, "public"),
            "tools/list": CacheHint(_DAY_MS, "public"),
            "prompts/list": CacheHint(_DAY_MS, "public"),
            "resources/templates/list": CacheHint(_DAY_MS, "public"),
            "resources/read": CacheHint(0, "private"),
        },
    )
    server.serve_subscribers(subscriptions)
    server.completion()(_complete)
    resources.add_resources(server)
    prompts.add_prompts(server)
    return server


async def _complete(
    ref: PromptReference | ResourceTemplateReference, argument: CompletionArgument, _: CompletionContext | None
) -> Completion | None:
    if isinstance(ref, PromptReference):
        return prompts.complete(ref, argument)
    return await resources.complete(ref, argument)

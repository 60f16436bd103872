"""Tells clients that a video has changed: `subscriptions/listen` since 2026-07-28, `resources/subscribe` before.

The watcher never waits for a client: it drops jobs into a queue, and a task of the server's lifespan empties it.
"""

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream
from mcp.server.connection import Connection
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.subscriptions import InMemorySubscriptionBus, ResourcesListChanged, ResourceUpdated
from mcp.types import EmptyResult, SubscribeRequestParams, UnsubscribeRequestParams

from veo_mcp.jobs import Job, State
from veo_mcp.results import video_uri
from veo_mcp.studio import Studio

logger = logging.getLogger(__name__)

QUEUED_JOBS = 1000
PATIENCE_SECONDS = 2.0
"""How long one client's full pipe may hold up the others before that client is no longer told."""

RequestContext = ServerRequestContext[Studio, Any]


class Subscriptions:
    """Who wants to hear about which resource: the bus for listen streams, a table for older connections."""

    def __init__(self) -> None:
        self.bus = InMemorySubscriptionBus()
        self.connections: dict[Connection, set[str]] = {}

    @asynccontextmanager
    async def following(self, studio: Studio) -> AsyncGenerator[None]:
        """Pass on what happens in the studio."""
        send, receive = anyio.create_memory_object_stream[Job](QUEUED_JOBS)

        async def hear(job: Job) -> None:
            try:
                send.send_nowait(job)
            except anyio.WouldBlock:
                logger.warning("%s: subscribers are not told, too much is waiting", job.id)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._pass_on, receive)
            studio.watcher.listeners.append(hear)
            try:
                yield
            finally:
                studio.watcher.listeners.remove(hear)
                tasks.cancel_scope.cancel()
                send.close()

    async def admit(self, ctx: RequestContext, call_next: CallNext) -> HandlerResult:
        """Say to older clients that the list changes, and remember them to tell when it does."""
        result = await call_next(ctx)
        if ctx.method == "initialize" and isinstance(result, dict):
            result["capabilities"]["resources"]["listChanged"] = True
        elif ctx.method == "notifications/initialized":
            self._uris(ctx)
        return result

    async def subscribe(self, ctx: RequestContext, params: SubscribeRequestParams) -> EmptyResult:
        self._uris(ctx).add(str(params.uri))
        return EmptyResult()

    async def unsubscribe(self, ctx: RequestContext, params: UnsubscribeRequestParams) -> EmptyResult:
        self._uris(ctx).discard(str(params.uri))
        return EmptyResult()

    def _uris(self, ctx: RequestContext) -> set[str]:
        """Return what the connection subscribed to; forgotten when the connection ends.

        The public session is a new object in each request; only the connection behind it knows its end.
        """
        connection: Connection = ctx.session._connection  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        if connection not in self.connections:
            self.connections[connection] = set()
            connection.exit_stack.callback(self.connections.pop, connection, None)
        return self.connections[connection]

    async def _pass_on(self, jobs: MemoryObjectReceiveStream[Job]) -> None:
        with jobs:
            async for job in jobs:
                await self._tell(job)

    async def _tell(self, job: Job) -> None:
        uris = changed_uris(job)
        for uri in uris:
            await self.bus.publish(ResourceUpdated(uri=uri))
        if job.state is State.COMPLETED:
            await self.bus.publish(ResourcesListChanged())
        for connection, wanted in list(self.connections.items()):
            if not await _told(connection, [uri for uri in uris if uri in wanted], job):
                logger.warning("a client takes no notifications; it is no longer told")
                self.connections.pop(connection, None)


async def _told(connection: Connection, uris: list[str], job: Job) -> bool:
    """Send the notifications; False where the client does not take them, whatever the reason."""
    try:
        with anyio.fail_after(PATIENCE_SECONDS):
            for uri in uris:
                await connection.send_resource_updated(uri)
            if job.state is State.COMPLETED:
                await connection.send_resource_list_changed()
    except Exception:
        logger.debug("%s: a client was not told", job.id, exc_info=True)
        return False
    return True


def changed_uris(job: Job) -> list[str]:
    """Return the addresses that now read differently; the job goes by our id and, once known, by upstream's."""
    handles = [job.id] if job.generation_id is None else [job.generation_id, job.id]
    parts = ("", "/status", "/sheet", "/preview") if job.state is State.COMPLETED else ("", "/status")
    return [video_uri(handle, part) for handle in handles for part in parts]

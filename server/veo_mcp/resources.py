"""Finished videos as resources, and how a job is doing: `veo://videos/{generation_id}` and three addresses below it."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio.to_thread
from mcp.server import MCPServer
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from mcp.server.mcpserver.resources import ResourceSecurity
from mcp.types import Completion, CompletionArgument, Resource, ResourceTemplateReference

from veo_mcp.advice import next_step
from veo_mcp.errors import NotSaved, UnknownGeneration, VeoError
from veo_mcp.fetching import GONE
from veo_mcp.jobs import Artifact, Job, State
from veo_mcp.ordering import StudioContext, studio_of
from veo_mcp.quoting import prompt_line
from veo_mcp.results import video_result, video_uri
from veo_mcp.studio import Studio

BLOB_BYTES = 20_000_000
"""Larger files are named, not sent: over stdio 20 MB already take 0.35 s and 200 MB of memory."""

LISTED = 100
"""How many videos a list holds and a completion offers; the SDK's lists have no pages."""

SEARCHED = 1000

VIDEO = "veo://videos/{generation_id}"

_ANY_ID = ResourceSecurity(reject_path_traversal=False, reject_absolute_paths=False)
"""Ids are upstream's and opaque (`x:…`, `/…` have been seen or may come); they are looked up in a table, never joined
to a path."""

_studio: ContextVar[Studio | None] = ContextVar("studio", default=None)


async def with_studio(ctx: ServerRequestContext[Studio, Any], call_next: CallNext) -> HandlerResult:
    """Keep the studio at hand during the request: the SDK gives lists and completions no context."""
    token = _studio.set(ctx.lifespan_context)
    try:
        return await call_next(ctx)
    finally:
        _studio.reset(token)


def add_resources(server: MCPServer[Studio]) -> None:
    """Put the four templates on the server."""
    for fn, uri, title, mime_type in (
        (video, VIDEO, "Video", "video/mp4"),
        (sheet, f"{VIDEO}/sheet", "Nine frames as one picture", "image/jpeg"),
        (preview, f"{VIDEO}/preview", "Animated preview", "image/webp"),
        (status, f"{VIDEO}/status", "How the video is doing", "application/json"),
    ):
        server.resource(uri, title=title, description=fn.__doc__, mime_type=mime_type, security=_ANY_ID)(fn)


async def video(ctx: StudioContext, generation_id: str) -> bytes | str:
    """Read the finished mp4; one above 20 MB is answered with its path."""
    async with _job(ctx, generation_id) as job:
        file = _finished(job)
        if job.is_away:
            raise await studio_of(ctx).fetching.missing(file)
        if file.size_bytes > BLOB_BYTES:
            return f"The video has {file.size_bytes / 1e6:.0f} MB, too much to send. It is saved as {file.path}"
        return await _bytes(file.path)


async def sheet(ctx: StudioContext, generation_id: str) -> bytes:
    """Read nine frames of the finished video, with their times, as one picture."""
    async with _job(ctx, generation_id) as job:
        _finished(job)
        return await _picture(job, await studio_of(ctx).sheet(job))


async def preview(ctx: StudioContext, generation_id: str) -> bytes:
    """Read a small silent animation of the finished video."""
    async with _job(ctx, generation_id) as job:
        _finished(job)
        return await _picture(job, await studio_of(ctx).preview(job))


async def status(ctx: StudioContext, generation_id: str) -> str:
    """Read what get_video_status answers, without asking upstream and without taking delivery."""
    async with _job(ctx, generation_id) as job:
        studio = studio_of(ctx)
        return video_result(job, now=studio.clock()).model_dump_json()


@asynccontextmanager
async def _job(ctx: StudioContext, generation_id: str) -> AsyncGenerator[Job]:
    """Yield the job; say in the protocol's words what our errors say."""
    try:
        studio = studio_of(ctx)
        yield await studio.located(await studio.known(generation_id))
    except UnknownGeneration as error:
        raise ResourceNotFoundError(
            f"There is no video {generation_id!r} here. list_videos shows what there is; get_video_status adopts an id"
            " that was ordered elsewhere."
        ) from error
    except NotSaved as error:
        raise ResourceNotFoundError(str(error)) from error
    except VeoError as error:
        raise ResourceError(str(error)) from error


def _finished(job: Job) -> Artifact:
    if job.file is None:
        raise ResourceNotFoundError(f"There is no file yet, the video is {job.state}. {next_step(job)}")
    return job.file


def as_they_are(read: Iterable[ReadResourceContents]) -> list[ReadResourceContents]:
    """Return what was read; a text in a video's place is called text, where the SDK gives it the template's type."""
    return [
        replace(part, mime_type="text/plain")
        if part.mime_type == "video/mp4" and isinstance(part.content, str)
        else part
        for part in read
    ]


async def _bytes(path: Path) -> bytes:
    try:
        return await anyio.to_thread.run_sync(path.read_bytes, abandon_on_cancel=True)
    except FileNotFoundError as error:
        raise NotSaved(GONE) from error
    except OSError as error:
        raise NotSaved(f"The video's file or picture cannot be read: {error.strerror}.") from error


async def _picture(job: Job, path: Path | None) -> bytes:
    if path is None:
        raise ResourceNotFoundError(f"No picture can be made of {job.handle}.")
    return await _bytes(path)


async def newest_videos() -> list[Resource]:
    """Return the newest completed videos; none outside a request."""
    studio = _studio.get()
    if studio is None:
        return []
    jobs = await studio.store.page([State.COMPLETED], LISTED, account=studio.settings.account)
    return [_listed(job, job.file) for job in jobs if job.file]


def _listed(job: Job, file: Artifact) -> Resource:
    return Resource(
        uri=video_uri(job.handle),
        name=file.path.name,
        title=prompt_line(job.request.prompt, 60) if job.request else None,
        mime_type="video/mp4",
        size=file.size_bytes,
    )


async def complete(ref: ResourceTemplateReference, argument: CompletionArgument) -> Completion | None:
    """Offer ids that begin like the argument, newest first: of all jobs where their status is asked for."""
    studio = _studio.get()
    if studio is None or not ref.uri.startswith(VIDEO) or argument.name != "generation_id":
        return None
    states = [] if ref.uri == f"{VIDEO}/status" else [State.COMPLETED]
    jobs = sorted(
        await studio.store.page(states, SEARCHED, account=studio.settings.account),
        key=lambda job: job.created_at,
        reverse=True,
    )
    found = [job.handle for job in jobs if job.handle.startswith(argument.value)]
    return Completion(values=found[:LISTED], total=len(found), has_more=len(found) > LISTED)

"""The five tools. A tool's docstring is what the model reads."""

import base64
import inspect
from collections.abc import AsyncGenerator, Callable
from typing import Annotated, Any

import anyio
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, ContentBlock, ImageContent, TextContent, ToolAnnotations
from pydantic import Field
from starlette.requests import Request

from veo_mcp import results, wording
from veo_mcp.answers import answer, task_answer, wants_task
from veo_mcp.api import (
    AspectRatio,
    AutoFix,
    Duration,
    EnhancePrompt,
    GenerateAudio,
    NegativePrompt,
    Prompt,
    Resolution,
    Seed,
    Text,
    VideoRequest,
)
from veo_mcp.errors import InvalidRequest
from veo_mcp.hosts import default_wait
from veo_mcp.jobs import HANDLE_CHARACTERS, Job, State
from veo_mcp.ordering import Confirmation, Confirmed, Ordered, StudioContext, caller_of, is_approved, studio_of
from veo_mcp.payer import CANCELLED
from veo_mcp.progress import Progress
from veo_mcp.results import VideoList, VideoResult
from veo_mcp.schemas import of_arguments, of_results, outline
from veo_mcp.studio import Order

SEND_SECONDS = 45.0
"""The longest that `create_video` waits for the paid call's answer: hosts end calls at 60 seconds."""

LISTENING_SECONDS = 0.8
"""How often a call over HTTP looks whether somebody still listens."""

NewVariant = Annotated[bool, Field(description="Pay for another take of an identical request")]
GenerationId = Annotated[Text, Field(max_length=HANDLE_CHARACTERS, description="From create_video or list_videos")]


async def create_video(
    ctx: StudioContext,
    request: Ordered,
    confirmed: Confirmed,
    prompt: Prompt,
    aspect_ratio: AspectRatio | None = None,
    duration: Duration | None = None,
    resolution: Resolution | None = None,
    negative_prompt: NegativePrompt | None = None,
    enhance_prompt: EnhancePrompt | None = None,
    generate_audio: GenerateAudio | None = None,
    seed: Seed | None = None,
    auto_fix: AutoFix | None = None,
    new_variant: NewVariant = False,
) -> Annotated[CallToolResult, VideoResult]:
    """Order a video with sound (Veo 3.1 Fast) and return at once; get_video_status follows it.

    Costs money. An identical order that is under way or undelivered is handed back, not paid again.
    """
    while True:
        order = await _placed(ctx, request, confirmed, new_variant=new_variant)
        job = order.job
        async with studio_of(ctx).waiting(job, caller_of(ctx.headers)):
            async for job in _followed(ctx, order.job, SEND_SECONDS):
                if job.state is not State.SUBMITTING:
                    break
            await _withdraw_if_left(ctx, job)
        if not _was_cancelled_by_another(order, job):
            return await _handed_over(ctx, job, reused=order.reused)


async def _placed(ctx: StudioContext, request: VideoRequest, confirmed: Confirmation, *, new_variant: bool) -> Order:
    approved = is_approved(confirmed)
    caller = caller_of(ctx.headers)
    return await studio_of(ctx).submit(request, new_variant=new_variant, approved=approved, caller=caller)


def _was_cancelled_by_another(order: Order, job: Job) -> bool:
    """Say whether the order that was handed back had just been cancelled unsent: this caller wants one of its own."""
    return order.reused and job.failure is not None and job.failure.name == CANCELLED.name


async def get_video_status(
    ctx: StudioContext,
    generation_id: GenerationId,
    wait_seconds: Annotated[float, Field(ge=0, le=50, description="Wait so long for the video")] = 0,
) -> Annotated[CallToolResult, VideoResult]:
    """Say how a video is doing and where its file is. Free. Also adopts ids that were ordered elsewhere."""
    studio = studio_of(ctx)
    job = await studio.look_up(generation_id)
    async with studio.waiting(job, caller_of(ctx.headers), ordered=False):
        job = await (_waited(ctx, job, wait_seconds) if wait_seconds else studio.refresh(job))
    return await _handed_over(ctx, job, waited=wait_seconds > 0, looks=True)


async def generate_and_wait(
    ctx: StudioContext,
    request: Ordered,
    confirmed: Confirmed,
    prompt: Prompt,
    aspect_ratio: AspectRatio | None = None,
    duration: Duration | None = None,
    resolution: Resolution | None = None,
    negative_prompt: NegativePrompt | None = None,
    enhance_prompt: EnhancePrompt | None = None,
    generate_audio: GenerateAudio | None = None,
    seed: Seed | None = None,
    auto_fix: AutoFix | None = None,
    new_variant: NewVariant = False,
    max_wait_seconds: Annotated[float | None, Field(ge=0, le=3600, description="Default: what this host bears")] = None,
) -> Annotated[CallToolResult, VideoResult]:
    """Order a video as create_video does, wait with progress, and return the saved file.

    Takes 1 to 6 minutes. If the wait ends first, the video goes on and the result names the next call.
    """
    while True:
        order = await _placed(ctx, request, confirmed, new_variant=new_variant)
        if not order.job.is_settled and wants_task(ctx):
            return task_answer(studio_of(ctx), order.job, reused=order.reused)
        wait_seconds = _host_bears(ctx) if max_wait_seconds is None else max_wait_seconds
        async with studio_of(ctx).waiting(order.job, caller_of(ctx.headers)):
            job = await _waited(ctx, order.job, wait_seconds)
            await _withdraw_if_left(ctx, job)
        if not _was_cancelled_by_another(order, job):
            return await _handed_over(ctx, job, reused=order.reused, waited=True)


async def list_videos(
    ctx: StudioContext,
    status: results.Status | None = None,
    limit: Annotated[int, Field(ge=1, le=100)] = 20,
    cursor: Annotated[Text | None, Field(description="From the page before")] = None,
) -> Annotated[CallToolResult, VideoList]:
    """List videos: unknown outcomes, then the newest; with today's spending and the budget. Free."""
    studio = studio_of(ctx)
    page = await studio.page([State(status)] if status else [], limit=limit, cursor=cursor)
    listed = results.video_list(page, studio.settings)
    text = TextContent(type="text", text=wording.table(listed, studio.settings.backend))
    return CallToolResult(content=[text], structured_content=listed.model_dump(mode="json"))


async def view_video(ctx: StudioContext, generation_id: GenerationId) -> CallToolResult:
    """Show a finished video: nine frames as one picture, and its sound in words. Hosts with apps play it."""
    studio = studio_of(ctx)
    job = await studio.look_up(generation_id)
    result = results.video_result(job, now=studio.clock())
    if result.video is None:
        raise InvalidRequest(f"There is nothing to see yet: {wording.summary(result)}")
    sheet = await studio.sheet(job)
    latest = results.video_result(await studio.known(job.id), now=studio.clock())  # it may be looked into only now
    text = wording.caption(latest.video or result.video, has_picture=sheet is not None)
    content: list[ContentBlock] = [TextContent(type="text", text=text)]
    if sheet is not None:
        picture = base64.b64encode(await anyio.Path(sheet).read_bytes()).decode()
        content.append(ImageContent(type="image", data=picture, mime_type="image/jpeg"))
    if not _is_anybody(ctx):
        studio.deliver(job, caller_of(ctx.headers))
    return CallToolResult(content=content, _meta={results.PLAYS: job.handle})


def _host_bears(ctx: StudioContext) -> float:
    """Return how long this host lets a call wait, or what the person has set instead."""
    limit = studio_of(ctx).settings.max_wait_seconds
    if limit is not None:
        return limit
    client, meta = ctx.session.client_params, ctx.request_context.meta
    return default_wait(
        client.client_info.name if client else None,
        over_http=ctx.headers is not None,
        shows_progress=meta is not None and meta.get("progress_token") is not None,
    )


async def _waited(ctx: StudioContext, job: Job, seconds: float) -> Job:
    """Follow the job with progress until it settles or time is up; being cancelled ends only the waiting."""
    studio = studio_of(ctx)
    usual = await studio.usual_seconds(job)
    progress = Progress(ctx.report_progress, usual)
    async for latest in _followed(ctx, job, seconds):
        job, now = latest, studio.clock()
        message = wording.progress_message(job, usual, now)
        tell = progress.done if job.state is State.COMPLETED else progress.so_far
        await tell(job.elapsed_seconds(now), message)
    return job


async def _followed(ctx: StudioContext, job: Job, seconds: float) -> AsyncGenerator[Job]:
    """Follow the job for as long as this call may wait and somebody listens."""
    studio = studio_of(ctx)
    limit = studio.settings.max_wait_seconds
    seconds = seconds if limit is None else min(seconds, limit)
    async for latest in studio.follow(job, seconds, report_seconds=LISTENING_SECONDS if ctx.headers else None):
        if await _has_left(ctx):
            return
        yield latest


async def _handed_over(
    ctx: StudioContext, job: Job, *, reused: bool = False, waited: bool = False, looks: bool = False
) -> CallToolResult:
    """Answer; an outcome counts as delivered only where somebody still listens. `looks`: the call ordered nothing."""
    studio = studio_of(ctx)
    handed = answer(studio, job, reused=reused, waited=waited)
    if not await _has_left(ctx) and not (looks and _is_anybody(ctx)):
        studio.deliver(job, caller_of(ctx.headers))
    return handed


def _is_anybody(ctx: StudioContext) -> bool:
    """Say whether callers cannot be told apart: over HTTP without sessions, as since 2026-07-28."""
    return ctx.headers is not None and caller_of(ctx.headers) is None


async def _withdraw_if_left(ctx: StudioContext, job: Job) -> None:
    """Treat a caller whose connection is gone as one who has cancelled."""
    if await _has_left(ctx):
        await studio_of(ctx).withdraw(job, caller_of(ctx.headers), own=1)


async def _has_left(ctx: StudioContext) -> bool:
    """Say whether the connection is gone: over HTTP the SDK does not cancel calls of the older era by itself."""
    request: Request | None = ctx.request_context.request
    return request is not None and await request.is_disconnected()


_ORDERS = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=True)
# Read-only for whoever approves calls: nothing is ordered or paid, and what is written is this server's own ledger.
_ASKS = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=True)
_READS = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)


def all_tools(player: dict[str, Any]) -> list[Tool]:
    """Return the tools; `player` is the metadata that binds a tool to the player app."""
    return [
        _tool(create_video, "Create video", _ORDERS),
        _tool(get_video_status, "Video status", _ASKS),
        _tool(generate_and_wait, "Generate video and wait", _ORDERS, player),
        _tool(list_videos, "List videos", _READS),
        _tool(view_video, "View video", _ASKS, player),
    ]


def _tool(fn: Callable[..., Any], title: str, hints: ToolAnnotations, meta: dict[str, Any] | None = None) -> Tool:
    tool = Tool.from_function(fn, title=title, description=inspect.getdoc(fn), annotations=hints, meta=meta)
    tool.parameters = of_arguments(tool.parameters)
    if tool.fn_metadata.output_schema is not None:
        shorten = of_results if fn is get_video_status else outline
        tool.fn_metadata.output_schema = shorten(tool.fn_metadata.output_schema)
    return tool

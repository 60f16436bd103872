"""A job as the answer to a tool call: text, link, structured content, and the mark that makes it a task."""

from mcp.types import CallToolResult, ContentBlock, ResourceLink, TextContent

from veo_mcp import results, wording
from veo_mcp.jobs import Job, State
from veo_mcp.ordering import StudioContext
from veo_mcp.studio import Studio

TASKS_EXTENSION = "io.modelcontextprotocol/tasks"
TASKS_SINCE = "2026-07-28"
TASK_MARK = "veo-mcp/task"


def answer(studio: Studio, job: Job, *, reused: bool = False, waited: bool = False) -> CallToolResult:
    """Return text, link and structured content; failures and unknown outcomes are errors."""
    result = results.video_result(job, now=studio.clock(), reused=reused, waited=waited)
    content: list[ContentBlock] = [TextContent(type="text", text=wording.summary(result))]
    if result.video is not None:
        content.append(_link(result.video))
    bad = job.state in (State.FAILED, State.UNKNOWN)
    return CallToolResult(content=content, structured_content=result.model_dump(mode="json"), is_error=bad)


def wants_task(ctx: StudioContext) -> bool:
    """Say whether the client declared the tasks extension for this request."""
    capabilities = ctx.client_capabilities
    declared = capabilities.extensions if capabilities else None
    return ctx.protocol_version == TASKS_SINCE and TASKS_EXTENSION in (declared or {})


def task_answer(studio: Studio, job: Job, *, reused: bool) -> CallToolResult:
    """Return the answer that the tasks extension turns into a task."""
    marked = answer(studio, job, reused=reused)
    marked.meta = {TASK_MARK: {"job": job.id, "reused": reused}}
    return marked


def _link(video: results.VideoFile) -> ResourceLink:
    name = video.path.replace("\\", "/").rsplit("/", 1)[-1]
    return ResourceLink(type="resource_link", uri=video.uri, name=name, mime_type="video/mp4", size=video.size_bytes)

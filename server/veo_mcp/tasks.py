"""The tasks extension (`io.modelcontextprotocol/tasks`, 2026-07-28) over the jobs table.

A task is a row that names a job, so it survives a restart and any process on the same database can answer for it. The
tool itself never runs longer for it: `generate_and_wait` marks its first answer, and the mark becomes the task.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from mcp import MCPError
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.extension import Extension, MethodBinding
from mcp.server.mcpserver.server import require_client_extension
from mcp.shared.inbound import decode_header_value
from mcp.types import HEADER_MISMATCH, INVALID_PARAMS, CallToolRequestParams, CallToolResult, RequestParams
from pydantic import ConfigDict, Field

from veo_mcp.answers import TASK_MARK, TASKS_EXTENSION, TASKS_SINCE, answer
from veo_mcp.jobs import Job, State
from veo_mcp.results import progress_message, status_call
from veo_mcp.studio import Studio

POLL_MS = 5_000
OVERDUE_POLL_MS = 30_000

TaskContext = ServerRequestContext[Studio, Any]


class TaskParams(RequestParams):
    model_config = ConfigDict(populate_by_name=True)

    task_id: str = Field(alias="taskId")


class Tasks(Extension):
    identifier = TASKS_EXTENSION

    def methods(self) -> Sequence[MethodBinding]:
        since = frozenset({TASKS_SINCE})
        return [
            MethodBinding("tasks/get", TaskParams, self.get, since),
            MethodBinding("tasks/update", TaskParams, self.update, since),
            MethodBinding("tasks/cancel", TaskParams, self.cancel, since),
        ]

    async def intercept_tool_call(
        self,
        params: CallToolRequestParams,  # noqa: ARG002
        ctx: TaskContext,
        call_next: CallNext,
    ) -> HandlerResult:
        """Turn a marked answer into a task; everything else was answered in time."""
        result = await call_next(ctx)
        mark = result.meta.get(TASK_MARK) if isinstance(result, CallToolResult) and result.meta else None
        if mark is None:
            return result
        studio = ctx.lifespan_context
        job = await studio.known(str(mark))
        task_id = secrets.token_urlsafe(24)
        await studio.store.add_task(task_id, job, at=studio.clock())
        return {"resultType": "task", **await _task(studio, task_id, job, cancelled=False)}

    async def get(self, ctx: TaskContext, params: TaskParams) -> HandlerResult:
        studio = ctx.lifespan_context
        job, cancelled = await _find(ctx, params)
        wire = await _task(studio, params.task_id, job, cancelled=cancelled)
        if wire["status"] == "completed":
            await studio.deliver(job)
        return {"resultType": "complete", **wire}

    async def update(self, ctx: TaskContext, params: TaskParams) -> HandlerResult:
        """Acknowledge: these tasks never ask for anything."""
        await _find(ctx, params)
        return {}

    async def cancel(self, ctx: TaskContext, params: TaskParams) -> HandlerResult:
        """End the waiting; the generation goes on, because it is paid for."""
        job, _ = await _find(ctx, params)
        if not job.is_settled:
            studio = ctx.lifespan_context
            await studio.store.cancel_task(params.task_id, at=studio.clock())
        return {}


async def _find(ctx: TaskContext, params: TaskParams) -> tuple[Job, bool]:
    require_client_extension(ctx, TASKS_EXTENSION)
    headers = getattr(ctx.request, "headers", None)
    if headers is not None and decode_header_value(headers.get("mcp-name", "")) != params.task_id:
        raise MCPError(HEADER_MISMATCH, "Mcp-Name header does not match params.taskId")
    found = await ctx.lifespan_context.store.task(params.task_id)
    if found is None:
        raise MCPError(INVALID_PARAMS, "Task not found")
    return found


async def _task(studio: Studio, task_id: str, job: Job, *, cancelled: bool) -> dict[str, Any]:
    now = studio.clock()
    wire: dict[str, Any] = {
        "taskId": task_id,
        "status": "cancelled" if cancelled else "completed" if job.is_settled else "working",
        "createdAt": _timestamp(job.created_at),
        "lastUpdatedAt": _timestamp(job.finished_at or now),
        "ttlMs": None,
        "pollIntervalMs": OVERDUE_POLL_MS if job.state is State.OVERDUE else POLL_MS,
        "statusMessage": progress_message(job, await studio.usual_seconds(job), now),
    }
    if cancelled:
        wire["statusMessage"] = f"The waiting was cancelled; the generation goes on. {status_call(job)} finds it."
    elif job.is_settled:
        result = answer(studio, job, waited=True).model_dump(by_alias=True, mode="json", exclude_none=True)
        wire["result"] = {key: value for key, value in result.items() if key != "resultType"}
    return wire


def _timestamp(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")

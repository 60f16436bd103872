"""The tasks extension (`io.modelcontextprotocol/tasks`, 2026-07-28), as far as it is protocol.

A tool never runs longer for it: it marks its first answer, and the mark becomes a task. What a task stands for is the
book's business; see `job_tasks.py`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from mcp import MCPError
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.extension import Extension, MethodBinding
from mcp.server.mcpserver.server import require_client_extension
from mcp.shared.inbound import decode_header_value
from mcp.types import HEADER_MISMATCH, INVALID_PARAMS, CallToolRequestParams, CallToolResult, RequestParams
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from veo_mcp.answers import TASK_MARK, TASKS_EXTENSION, TASKS_SINCE

TaskContext = ServerRequestContext[Any, Any]


class Task(BaseModel):
    """A task as `tasks/get` answers it; `ttl_ms` None: kept for ever."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)

    task_id: str
    status: Literal["working", "input_required", "completed", "failed", "cancelled"]
    status_message: str
    created_at: str
    last_updated_at: str
    ttl_ms: int | None = None
    poll_interval_ms: int
    input_requests: Mapping[str, Any] | None = None
    result: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None

    def wire(self) -> dict[str, Any]:
        return {**self.model_dump(by_alias=True, mode="json", exclude_none=True), "ttlMs": self.ttl_ms}


class TaskBook(Protocol):
    """Knows what tasks stand for. Ids cannot be guessed and stay good as long as the book keeps them."""

    async def open(self, ctx: TaskContext, mark: Any) -> Task | None:
        """Store a task for a marked answer; None where that cannot be done and the answer itself has to do."""
        ...

    async def read(self, ctx: TaskContext, task_id: str) -> Task | None: ...

    async def update(self, ctx: TaskContext, task_id: str, responses: Mapping[str, Any]) -> bool:
        """Take answers to what the task asks for; others are ignored. False: there is no such task."""
        ...

    async def cancel(self, ctx: TaskContext, task_id: str) -> bool:
        """End the waiting, if the task still goes on. False: there is no such task."""
        ...


class TaskParams(RequestParams):
    model_config = ConfigDict(populate_by_name=True)

    task_id: str = Field(alias="taskId")


class UpdateParams(TaskParams):
    input_responses: dict[str, Any] = Field(alias="inputResponses")


class Tasks(Extension):
    identifier = TASKS_EXTENSION

    def __init__(self, book: TaskBook) -> None:
        self._book = book

    def methods(self) -> Sequence[MethodBinding]:
        since = frozenset({TASKS_SINCE})
        return [
            MethodBinding("tasks/get", TaskParams, self.get, since),
            MethodBinding("tasks/update", UpdateParams, self.update, since),
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
        task = await self._book.open(ctx, mark)
        return result if task is None else {"resultType": "task", **task.wire()}

    async def get(self, ctx: TaskContext, params: TaskParams) -> HandlerResult:
        _check(ctx, params)
        task = await self._book.read(ctx, params.task_id)
        if task is None:
            raise _no_such_task()
        return {"resultType": "complete", **task.wire()}

    async def update(self, ctx: TaskContext, params: UpdateParams) -> HandlerResult:
        _check(ctx, params)
        if not await self._book.update(ctx, params.task_id, params.input_responses):
            raise _no_such_task()
        return {}

    async def cancel(self, ctx: TaskContext, params: TaskParams) -> HandlerResult:
        _check(ctx, params)
        if not await self._book.cancel(ctx, params.task_id):
            raise _no_such_task()
        return {}


def _check(ctx: TaskContext, params: TaskParams) -> None:
    require_client_extension(ctx, TASKS_EXTENSION)
    headers = getattr(ctx.request, "headers", None)
    if headers is not None and decode_header_value(headers.get("mcp-name")) != params.task_id:
        raise MCPError(HEADER_MISMATCH, "The Mcp-Name header is not params.taskId.")


def _no_such_task() -> MCPError:
    return MCPError(INVALID_PARAMS, "There is no such task. list_videos shows what was ordered.")


async def refuse_task_notifications(ctx: TaskContext, call_next: CallNext) -> HandlerResult:
    """Refuse to push task changes to a client without the extension, as the specification demands.

    With it, the acknowledgement names no tasks: those who poll `tasks/get` miss nothing.
    """
    params = ctx.params if ctx.method == "subscriptions/listen" else None
    if params and "taskIds" in (params.get("notifications") or ()):
        require_client_extension(ctx, TASKS_EXTENSION)
    return await call_next(ctx)

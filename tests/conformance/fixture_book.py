"""Tasks in memory whose work may ask, fail and be cancelled: what the suite wants to see and jobs never do."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import anyio
import anyio.abc
from mcp import MCPError
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, TextContent

from veo_mcp.answers import TASK_MARK
from veo_mcp.tasks import Task, TaskContext

Work = Callable[["Running"], Awaitable[str]]


def said(text: str, *, is_error: bool = False) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)], is_error=is_error)


@dataclass
class Running:
    """One piece of work, and its task as it stands."""

    task: Task
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    waiting: dict[str, anyio.Event] = field(default_factory=dict[str, anyio.Event])
    answers: dict[str, Any] = field(default_factory=dict[str, Any])
    questions: dict[str, Any] = field(default_factory=dict[str, Any])

    def move(self, status: str, **changes: Any) -> None:
        if self.task.status not in ("completed", "failed", "cancelled"):
            changed = {"status": status, "input_requests": None, "last_updated_at": _now()} | changes
            self.task = self.task.model_copy(update=changed)

    async def ask(self, key: str, message: str, kind: str) -> Any:
        schema = {"type": "object", "properties": {key: {"type": kind}}, "required": [key]}
        form = {"mode": "form", "message": message, "requestedSchema": schema}
        self.questions[key] = {"method": "elicitation/create", "params": form}
        self.waiting[key] = anyio.Event()
        self.move("input_required", input_requests=dict(self.questions))
        await self.waiting[key].wait()
        return self.answers[key]

    def answer(self, responses: Mapping[str, Any]) -> None:
        for key in self.questions.keys() & responses.keys():
            self.answers[key] = responses[key]
            del self.questions[key]
            self.waiting[key].set()
        if self.task.status == "input_required":
            asking = dict(self.questions)
            self.move("input_required" if asking else "working", input_requests=asking or None)

    async def run(self, work: Work) -> None:
        with self.scope:
            try:
                self._completed(said(await work(self)))
            except ToolError as error:
                self._completed(said(str(error), is_error=True))
            except MCPError as error:
                self.move("failed", status_message=error.error.message, error=error.error.model_dump(exclude_none=True))
        if self.scope.cancelled_caught:
            self.move("cancelled")

    def _completed(self, result: CallToolResult) -> None:
        wire = result.model_dump(by_alias=True, mode="json", exclude_none=True, exclude={"result_type"})
        self.move("completed", result=wire)


@dataclass
class FixtureBook:
    tasks: anyio.abc.TaskGroup | None = None
    running: dict[str, Running] = field(default_factory=dict[str, Running])

    def start(self, work: Work) -> CallToolResult:
        """Return the marked answer of a tool whose work goes on."""
        assert self.tasks is not None
        task = Task(
            task_id=secrets.token_urlsafe(24),
            status="working",
            status_message="at work",
            created_at=_now(),
            last_updated_at=_now(),
            ttl_ms=3_600_000,
            poll_interval_ms=500,
        )
        running = self.running[task.task_id] = Running(task)
        self.tasks.start_soon(running.run, work)
        marked = said("at work")
        marked.meta = {TASK_MARK: task.task_id}
        return marked

    async def open(self, ctx: TaskContext, mark: Any) -> Task:
        return self.running[mark].task

    async def read(self, ctx: TaskContext, task_id: str) -> Task | None:
        running = self.running.get(task_id)
        return running.task if running else None

    async def update(self, ctx: TaskContext, task_id: str, responses: Mapping[str, Any]) -> bool:
        if running := self.running.get(task_id):
            running.answer(responses)
        return running is not None

    async def cancel(self, ctx: TaskContext, task_id: str) -> bool:
        if running := self.running.get(task_id):
            running.scope.cancel()
        return running is not None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

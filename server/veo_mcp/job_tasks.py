"""Tasks over the jobs table: a task is a row that names a job.

So it survives a restart, and any process on the same database can answer for it.
"""

import logging
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mcp.server.context import ServerRequestContext

from veo_mcp.advice import status_call
from veo_mcp.answers import answer
from veo_mcp.errors import LedgerError
from veo_mcp.jobs import State
from veo_mcp.ordering import caller_of
from veo_mcp.store import JobTask
from veo_mcp.studio import Studio
from veo_mcp.tasks import Task
from veo_mcp.wording import progress_message

logger = logging.getLogger(__name__)

POLL_MS = 5_000
OVERDUE_POLL_MS = 30_000

JobContext = ServerRequestContext[Studio, Any]


class JobTasks:
    """The book of tasks that stand for jobs."""

    async def open(self, ctx: JobContext, mark: Mapping[str, Any]) -> Task | None:
        studio = ctx.lifespan_context
        try:
            job = await studio.known(mark["job"])
            made = JobTask(
                id=secrets.token_urlsafe(24),
                job=job,
                created_at=studio.clock(),
                reused=mark["reused"],
                caller=caller_of(getattr(ctx.request, "headers", None)) or studio.caller,
            )
            await studio.store.add_task(made)
        except LedgerError as error:
            logger.warning("%s", error)
            return None
        return await _task(studio, made)

    async def read(self, ctx: JobContext, task_id: str) -> Task | None:
        studio = ctx.lifespan_context
        found = await _found(studio, task_id)
        if found is None:
            return None
        if found.ended is not None:
            return Task.model_validate_json(found.ended)
        task = await _task(studio, found)
        if task.status == "completed":
            await studio.store.end_task(task_id, task.model_dump_json(by_alias=True))
            studio.deliver(await studio.located(found.job), found.caller)
        return task

    async def update(self, ctx: JobContext, task_id: str, responses: Mapping[str, Any]) -> bool:  # noqa: ARG002
        """Take no answers: these tasks never ask."""
        return await _found(ctx.lifespan_context, task_id) is not None

    async def cancel(self, ctx: JobContext, task_id: str) -> bool:
        """End the waiting; a generation that is paid goes on, an order that was not sent ends free of charge."""
        studio = ctx.lifespan_context
        found = await _found(studio, task_id)
        if found is not None and not found.job.is_settled:
            await studio.store.cancel_task(task_id, at=studio.clock())
            await studio.withdraw(found.job, found.caller)
        return found is not None


async def _found(studio: Studio, task_id: str) -> JobTask | None:
    return await studio.store.task(task_id, account=studio.settings.account)


async def _task(studio: Studio, found: JobTask) -> Task:
    job, now = found.job, studio.clock()
    task = Task(
        task_id=found.id,
        status="working",
        status_message=progress_message(job, await studio.usual_seconds(job), now),
        created_at=_timestamp(found.created_at),
        last_updated_at=_timestamp(max(job.finished_at or now, found.created_at)),
        poll_interval_ms=OVERDUE_POLL_MS if job.state is State.OVERDUE else POLL_MS,
    )
    if found.cancelled:
        message = f"The waiting was cancelled; the generation goes on. {status_call(job)} finds it."
        if job.is_settled:
            message = (
                f"The waiting was cancelled; the order has ended: {job.failure.message if job.failure else job.state}"
            )
        return task.model_copy(update={"status": "cancelled", "status_message": message})
    if job.is_settled:
        final = answer(studio, await studio.located(job), reused=found.reused, waited=True)
        result = final.model_dump(by_alias=True, mode="json", exclude_none=True, exclude={"result_type"})
        return task.model_copy(update={"status": "completed", "status_message": job.state.value, "result": result})
    return task


def _timestamp(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""Makes the one paid call of a job: repeated only where nothing was sent or upstream clearly said no."""

import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

import anyio
import anyio.lowlevel

from veo_mcp.api import VideoRequest
from veo_mcp.client import VeoClient
from veo_mcp.errors import BadRequest, Busy, LedgerError, NotSent, OutcomeUnknown, Refused, UpstreamError, as_said
from veo_mcp.jobs import Failure, Job
from veo_mcp.store import Store

logger = logging.getLogger(__name__)

UNREACHABLE_SECONDS = 15.0
"""How long a connection that cannot be made is tried again: a wrong address or no network rarely heals sooner."""

BUSY_SECONDS = 120.0
"""How long "not now" (429, 503) is met with patience."""

LONGEST_PAUSE = 30.0
GRACE_SECONDS = 10.0
"""How long a server that is told to end still waits for the answer to a call that is paid for."""


class Payer:
    def __init__(
        self, store: Store, client: VeoClient, *, owner: str, lease: float, clock: Callable[[], datetime], pause: float
    ) -> None:
        self._store = store
        self._client = client
        self._owner = owner
        self._lease = lease
        self._clock = clock
        self._pause = pause
        self._sending: set[anyio.CancelScope] = set()

    def hurry(self) -> None:
        """Begin to end: calls that are on their way have `GRACE_SECONDS` left."""
        for scope in self._sending:
            scope.deadline = anyio.current_time() + GRACE_SECONDS

    async def pay(self, job: Job, request: VideoRequest) -> Job:
        """Return the job as the call left it: queued with upstream's id, failed free of charge, or unknown."""
        began, attempt = anyio.current_time(), 0
        while True:
            try:
                return await self._send(job, request)
            except (NotSent, Busy) as error:
                patience = BUSY_SECONDS if isinstance(error, Busy) else UNREACHABLE_SECONDS
                pause = self._wait_time(error, attempt)
                if anyio.current_time() - began + pause > patience:
                    return job.failed(_not_ordered(error), at=self._clock())
                await self._say_why(job, f"{error} Trying again in {pause:.0f} s.")
                await anyio.sleep(pause)
                attempt += 1

    async def _say_why(self, job: Job, why: str) -> None:
        """Let waiters know; whether they do changes nothing."""
        logger.warning("%s: not ordered yet: %s", job.id, why)
        with suppress(LedgerError):
            await self._store.save(job.running(job.state, note=why), owner=self._owner)

    def _wait_time(self, error: UpstreamError, attempt: int) -> float:
        asked = error.retry_after if isinstance(error, Busy) else None
        return max(asked, self._pause) if asked is not None else min(self._pause * 2**attempt, LONGEST_PAUSE)

    async def _send(self, job: Job, request: VideoRequest) -> Job:
        """Send the call; being cancelled in the middle would lose its answer, so that takes its time."""
        await anyio.lowlevel.checkpoint()
        with anyio.CancelScope(shield=True) as scope:
            self._sending.add(scope)
            try:
                return await self._send_once(job, request)
            finally:
                self._sending.discard(scope)
        return job.lost(_interrupted(job), at=self._clock())

    async def _send_once(self, job: Job, request: VideoRequest) -> Job:
        began = time.time()
        if not await self._store.begin_sending(job, owner=self._owner, at=self._clock()):
            there = await self._store.get(job.id)
            return interrupted(replace(job, sent_at=there.sent_at if there else None), at=self._clock())
        if time.time() - began > self._lease:  # slept: somebody else may have settled it
            await self._write(lambda: self._store.not_sent(job, owner=self._owner))
            return interrupted(job, at=self._clock())
        try:
            generation = await self._client.create(request, request_id=job.id)
        except (NotSent, Busy):
            await self._write(lambda: self._store.not_sent(job, owner=self._owner))
            raise
        except Refused as error:
            return job.failed(_refused(error, request), at=self._clock())
        except OutcomeUnknown as error:
            return job.lost(_no_answer(job, error), at=self._clock())
        job = job.accepted(generation.id, cost_usd=generation.cost_usd)
        logger.info("%s: ordered as %s", job.id, generation.id)
        await self._write(lambda: self._store.accept(job, owner=self._owner, lease=self._lease))
        return job

    async def _write(self, write: Callable[[], Awaitable[None]]) -> None:
        """Write what only this process knows, however long the database takes to come back."""
        while True:
            try:
                return await write()
            except LedgerError as error:
                logger.error("%s What upstream answered is kept in memory and tried again.", error)  # noqa: TRY400
                await anyio.sleep(self._pause)


def _not_ordered(error: UpstreamError) -> Failure:
    if isinstance(error, Busy):
        name = "rate_limited" if error.status == 429 else "unavailable"
        advice = "Nothing was ordered or charged. Wait a little, then ask again."
    else:
        name, advice = (
            error.name,
            "Nothing was sent or charged. Check the network and AIMLAPI_BASE_URL, then ask again.",
        )
    return Failure(name=name, message=_sentence(str(error), error.said, advice), charged="no")


def _refused(error: Refused, request: VideoRequest) -> Failure:
    advice = "Nothing was charged."
    if isinstance(error, BadRequest):
        set_fields = request.model_dump(exclude_none=True)
        named = [name for name in set_fields if name != "prompt" and name in error.said]
        fields = ", ".join(f"`{name}`" for name in named)
        advice += f" Call again without {fields}, or with a value that the message allows." if named else ""
    return Failure(name=error.name, message=_sentence(str(error), error.said, advice), charged="no")


def _no_answer(job: Job, error: UpstreamError) -> str:
    return _sentence(str(error), error.said, _what_to_do(job))


def _interrupted(job: Job) -> str:
    return _sentence("The paid call was interrupted before its answer was recorded.", "", _what_to_do(job))


def _what_to_do(job: Job) -> str:
    return (
        "It may have been charged, so it is never sent again by itself. Look at the account's history at aimlapi.com"
        f' (request id {job.id}): if the video is there, get_video_status(generation_id="{job.id}=ITS_ID") settles'
        " this; if not, ask again with new_variant=true."
    )


def _sentence(what: str, said: str, advice: str) -> str:
    return f"{what}{as_said(said)} {advice}".strip()


def interrupted(job: Job, *, at: datetime) -> Job:
    """Settle a job whose process died while submitting: by then nobody can know more than this."""
    if job.sent_at is not None:
        return job.lost(_interrupted(job), at=at)
    message = "The server was stopped before the paid call. Nothing was sent or charged: ask again."
    return job.failed(Failure(name="interrupted", message=message, charged="no"), at=at)

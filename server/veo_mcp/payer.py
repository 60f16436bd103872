"""Makes the one paid call of a job: repeated only where nothing was sent or the service itself said no."""

import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

import anyio
import anyio.lowlevel

from veo_mcp import capacity
from veo_mcp.api import VideoRequest
from veo_mcp.client import VeoClient
from veo_mcp.errors import BadRequest, Busy, LedgerError, NotSent, OutcomeUnknown, Refused, UpstreamError
from veo_mcp.jobs import Failure, Job
from veo_mcp.pulse import Pulse
from veo_mcp.quoting import as_said, quoted
from veo_mcp.store import Store

logger = logging.getLogger(__name__)

T = TypeVar("T")

ATTEMPTS = 3
"""How often a call is made whose answer says that nothing was ordered."""

LONGEST_PAUSE = 120.0
"""Seconds. A service that asks for more patience is given up; the order costs nothing then."""

MOST_TIMES_THE_ESTIMATE = 10
"""A price above that is a mistake; believed, it would use up the budget of the day."""

GRACE_SECONDS = 10.0
"""How long a server that is told to end still waits for the answer to a call that is paid for."""


class Payer:
    def __init__(
        self,
        store: Store,
        client: VeoClient,
        pulse: Pulse,
        *,
        owner: str,
        lease: float,
        clock: Callable[[], datetime],
        pause: float,
    ) -> None:
        self._store = store
        self._client = client
        self._pulse = pulse
        self._owner = owner
        self._lease = lease
        self._clock = clock
        self._pause = pause
        self.turns = anyio.CapacityLimiter(capacity.of_process().orders)
        self._sending: set[anyio.CancelScope] = set()
        self._withdrawn: set[str] = set()

    def hurry(self) -> None:
        """Begin to end: calls that are on their way have `GRACE_SECONDS` left."""
        for scope in self._sending:
            scope.deadline = anyio.current_time() + GRACE_SECONDS

    def withdraw(self, job: Job) -> None:
        """Make no call for this job from now on: nobody wants the video any more."""
        self._withdrawn.add(job.id)
        self._pulse.poke(job.id)

    def resume(self, job: Job) -> None:
        """Forget that the job was withdrawn: somebody wants the video again, or it has ended."""
        self._withdrawn.discard(job.id)

    async def pay(self, job: Job, request: VideoRequest) -> Job:
        """Return the job as the call left it: queued with upstream's id, failed free of charge, or unknown."""
        attempt = 0
        while True:
            attempt += 1
            try:
                async with self.turns:
                    return await self._send(job, request)
            except (NotSent, Busy) as error:
                if job.id in self._withdrawn:
                    return job.failed(CANCELLED, at=self._clock())
                pause = self._wait_time(error, attempt)
                if attempt == ATTEMPTS or pause > LONGEST_PAUSE:
                    return job.failed(_not_ordered(error), at=self._clock())
                await self._say_why(job, f"{error} Trying again in {pause:.0f} s.")
                await self._pause_for(job, pause)

    async def _pause_for(self, job: Job, seconds: float) -> None:
        end = anyio.current_time() + seconds
        while job.id not in self._withdrawn and (left := end - anyio.current_time()) > 0:
            await self._pulse.wait_for_poke(job.id, left)

    async def _say_why(self, job: Job, why: str) -> None:
        """Let waiters know; whether they do changes nothing."""
        logger.warning("%s: not ordered yet: %s", job.id, why)
        with suppress(LedgerError):
            await self._store.save(job.running(job.state, note=why), owner=self._owner)

    def _wait_time(self, error: UpstreamError, attempt: int) -> float:
        """Return what the service asks for, or 4 and then 16 s."""
        asked = error.retry_after if isinstance(error, Busy) else None
        return max(asked, self._pause) if asked is not None else self._pause * 4**attempt

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
        require = self._requirements(job)
        require()
        if not await self._store.begin_sending(job, owner=self._owner, at=self._clock(), lease=self._lease):
            there = await self._store.get(job.id, account=job.account)
            return await self.settle_unanswered(replace(job, sent_at=there.sent_at if there else None))
        try:
            require()
            generation = await self._client.create(request, request_id=job.id, before_sending=require)
        except (NotSent, Busy):
            await self._write(lambda: self._store.not_sent(job, owner=self._owner))
            raise
        except Refused as error:
            return job.failed(_refused(error, request), at=self._clock())
        except OutcomeUnknown as error:
            return job.lost(_no_answer(job, error), at=self._clock())
        job = job.accepted(generation.id, cost_usd=_believed(generation.cost_usd, job.estimate_usd))
        logger.info("%s: ordered as %s", job.id, quoted(generation.id))
        return await self._write(lambda: self._store.accept(job, owner=self._owner, lease=self._lease))

    async def settle_unanswered(self, job: Job) -> Job:
        """End a job that this process may not send, or whose process died: nobody can know more than this."""
        if job.sent_at is not None:
            return job.lost(_interrupted(job), at=self._clock())
        was_cancelled = await self._store.was_cancelled(job)
        return job.failed(CANCELLED if was_cancelled else NOT_SENT, at=self._clock())

    def _requirements(self, job: Job) -> Callable[[], None]:
        """Return what raises NotSent once the lease that begins now may have run out, or nobody wants the video.

        Two clocks count: one stands still while the machine sleeps, the other can be set back.
        """
        began, began_here = time.time(), time.monotonic()

        def require() -> None:
            if job.id in self._withdrawn:
                raise NotSent("The order was cancelled.")
            if max(time.time() - began, time.monotonic() - began_here) > self._lease:
                raise NotSent("This process stood still, and another one may have ended the order meanwhile.")

        return require

    async def _write(self, write: Callable[[], Awaitable[T]]) -> T:
        """Write what only this process knows, however long the database takes to come back."""
        while True:
            try:
                return await write()
            except LedgerError as error:
                logger.error("%s What upstream answered is kept in memory and tried again.", error)  # noqa: TRY400
                await anyio.sleep(self._pause)


def _believed(cost_usd: float | None, estimate_usd: float | None) -> float | None:
    """Return the price that upstream names, unless it is far from what such a video costs."""
    if cost_usd is None or (estimate_usd and cost_usd > MOST_TIMES_THE_ESTIMATE * estimate_usd):
        return None
    return cost_usd


CANCELLED = Failure(
    name="cancelled",
    message="The order was cancelled before anything was sent. Nothing was charged.",
    charged="no",
)


def _not_ordered(error: UpstreamError) -> Failure:
    if isinstance(error, Busy):
        name = "rate_limited" if error.status == 429 else "unavailable"
        wait = f"Wait {error.retry_after:.0f} s" if error.retry_after else "Wait a little"
        advice = f"Nothing was ordered or charged. {wait}, then ask again."
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


NOT_SENT = Failure(
    name="interrupted",
    message="The order ended before the paid call was made. Nothing was sent or charged: ask again.",
    charged="no",
)

"""The one object that every surface talks to: submit, look up, follow, list."""

import logging
import statistics
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import anyio
import anyio.lowlevel

from veo_mcp.adoption import Adoption
from veo_mcp.api import VideoRequest
from veo_mcp.deliveries import Deliveries
from veo_mcp.errors import (
    BudgetExceeded,
    InvalidRequest,
    LedgerError,
    NotConfirmed,
    UnknownGeneration,
)
from veo_mcp.fetching import Fetching
from veo_mcp.jobs import UPSTREAM, Job, State, is_job_id, new_job_id
from veo_mcp.media import NOT_CHECKED
from veo_mcp.payer import CANCELLED, Payer
from veo_mcp.pulse import Pulse, rings
from veo_mcp.settings import Settings
from veo_mcp.store import Store, Terms
from veo_mcp.watcher import Watcher

logger = logging.getLogger(__name__)

USUAL_SECONDS = {"aimlapi": 75.0, "sandbox": 15.0}
"""Until jobs of a kind have finished here. 75: AI/ML API's docs speak of about a minute."""

CHECK_SECONDS = 1.0
"""How often a waiter looks at a job that another process tends."""

HAS_A_FILE = UPSTREAM | {State.DOWNLOADING, State.COMPLETED}
"""States in which a job's file may be here, if it ever was."""

REPORT_SECONDS = 5.0
"""The longest that a follower hears nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    job: Job
    reused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    jobs: list[Job]
    cursor: str | None
    spent_today_usd: float


@dataclass(kw_only=True)
class Studio:
    settings: Settings
    store: Store
    watcher: Watcher
    payer: Payer
    fetching: Fetching
    adoption: Adoption
    deliveries: Deliveries
    pulse: Pulse
    clock: Callable[[], datetime]
    caller: str
    """Who calls, where the surface knows no better: whoever started this process."""
    waiters: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    """How many calls of this process wait for a job, by job and caller."""

    def estimate_usd(self, request: VideoRequest) -> float:
        return self.settings.estimate_usd(request.seconds, audio=request.with_audio)

    async def price_to_confirm(self, request: VideoRequest, *, new_variant: bool) -> float | None:
        """Return the price to ask the person about; None for what costs little enough, or is handed back for free."""
        if not self._needs_yes(request):
            return None
        await self.deliveries.settle()
        standing = None if new_variant else await self.store.claimed(self._fingerprint(request))
        return self.estimate_usd(request) if standing is None else None

    def _needs_yes(self, request: VideoRequest) -> bool:
        limit = self.settings.confirm_above_usd
        return limit is not None and self.estimate_usd(request) > limit

    async def submit(
        self, request: VideoRequest, *, new_variant: bool = False, approved: bool = False, caller: str | None = None
    ) -> Order:
        """Order a video, or hand back the identical order that is under way or was not delivered to all its callers.

        Returns as soon as the order is in the ledger and its paid call is on its way. `approved`: the person has
        agreed to the price.

        Raises:
            BudgetExceeded, LedgerError, NotConfirmed, NotSaved: nothing was sent.
        """
        job = Job(
            id=new_job_id(),
            account=self.settings.account,
            backend=self.settings.backend,
            model=self.settings.model,
            request=request,
            fingerprint=self._fingerprint(request),
            state=State.SUBMITTING,
            created_at=self.clock(),
            estimate_usd=self.estimate_usd(request),
        )
        terms = Terms(
            since=self._midnight(),
            limit_usd=self.settings.daily_budget_usd,
            needs_yes=self._needs_yes(request) and not approved,
        )
        await self.deliveries.settle()
        if new_variant or await self.store.claimed(job.fingerprint or "") is None:
            await self.fetching.check_folder(job)
        if not new_variant:
            job = replace(job, warnings=await self._made_before(job))
        claimed = await self.store.claim(
            job, owner=self.watcher.owner, lease=self.watcher.pace.lease, caller=caller or self.caller, terms=terms,
            anew=new_variant,
        )  # fmt: skip
        if claimed.refused == "over budget":
            raise BudgetExceeded(_over_budget(job, claimed.spent_usd, terms.limit_usd or 0))
        if claimed.job is None:
            raise NotConfirmed(_YES_IS_NEEDED)
        if not claimed.is_new:
            async with self.waiting(claimed.job, caller, ordered=False):
                self.payer.resume(claimed.job)
                return Order(job=await self._revived(claimed.job), reused=True)
        async with self.waiting(job, caller):
            await anyio.lowlevel.checkpoint()
            return Order(job=await self.watcher.begin(job), reused=False)

    @asynccontextmanager
    async def waiting(self, job: Job, caller: str | None = None, *, ordered: bool = True) -> AsyncGenerator[None]:
        """Count the caller as one who wants the video; a cancelled call that `ordered` it withdraws the order."""
        waiter = (job.id, caller or self.caller)
        self.waiters[waiter] += 1
        try:
            yield
        except anyio.get_cancelled_exc_class():
            if ordered:
                await self.withdraw(job, caller, own=1)
            raise
        finally:
            self.waiters[waiter] -= 1
            if not self.waiters[waiter]:
                del self.waiters[waiter]

    async def withdraw(self, job: Job, caller: str | None = None, *, own: int = 0) -> None:
        """End an order free of charge, where it is unsent and nobody wants it but the caller, who has left.

        `own`: how many of the caller's waiting calls are the one that left.
        """
        caller = caller or self.caller
        if self._waited_for(job) > own:
            return
        with anyio.CancelScope(shield=True):
            try:
                is_wanted = await self.store.is_awaited(job) or not await self.store.withdraw(job, caller=caller)
            except LedgerError as error:
                logger.warning("%s", error)
                is_wanted = False
            if is_wanted or self._waited_for(job) > own:
                return
            if self.watcher.is_tending(job):
                self.payer.withdraw(job)
            else:
                await self._end_unsent(job)

    def _waited_for(self, job: Job) -> int:
        """Return how many calls of this process wait for the job."""
        return sum(number for (job_id, _), number in self.waiters.items() if job_id == job.id)

    async def _end_unsent(self, job: Job) -> None:
        """End an order that was cancelled before anybody looked after it."""
        with suppress(LedgerError):  # it is taken over, and ended as one that was not sent
            await self.store.end_unsent(CANCELLED, owner=self.watcher.owner, at=self.clock(), job=job)

    async def look_up(self, handle: str) -> Job:
        """Return the job by our id or upstream's; an id that was never seen here is asked for upstream and adopted.

        `job_…=ID` says that the order of unknown outcome `job_…` became the generation ID.

        Raises:
            InvalidRequest: the order's outcome is known.
            UnknownGeneration: upstream does not know it either.
            UpstreamError: upstream could not be asked.
        """
        order_id, settles, generation_id = handle.partition("=")
        if settles and is_job_id(order_id):
            lost = await self.known(order_id)
            again = lost.generation_id == generation_id
            return await (self._revived(lost) if again else self.adoption.settle(lost, generation_id))
        job = await self._found(handle)
        if job is not None:
            return await self._revived(job)
        if is_job_id(handle):
            raise UnknownGeneration(
                f"There is no job {handle!r} of this API key here. list_videos shows all that there are."
            )
        return await self.adoption.adopt(handle)

    async def refresh(self, job: Job) -> Job:
        """Have upstream asked now, where this process tends the job; return what is known then."""
        if job.state in UPSTREAM and self.watcher.is_tending(job) and not self.watcher.quiet_seconds():
            self.pulse.poke(job.id)
            await rings(self.pulse.next_beat(job.id), 10)
            return await self._found(job.id) or job
        return job

    async def follow(self, job: Job, seconds: float, *, report_seconds: float | None = None) -> AsyncGenerator[Job]:
        """Yield the job now, at every poll and change, and every few seconds, until it settles or time is up."""
        report_seconds = report_seconds or REPORT_SECONDS
        end, heard, rang = time.monotonic() + seconds, time.monotonic(), False
        yield job
        while True:
            bell = self.pulse.next_beat(job.id)
            now = await self._latest(job)
            if rang or now != job or time.monotonic() - heard >= report_seconds:
                heard = time.monotonic()
                yield now
            job = now
            if job.is_settled or (left := end - time.monotonic()) <= 0:
                return
            rang = await rings(bell, min(CHECK_SECONDS, report_seconds, left))

    async def wait(self, job: Job, seconds: float) -> Job:
        """Return the job once it is settled or time is up."""
        async for latest in self.follow(job, seconds):
            job = latest
        return job

    def deliver(self, job: Job, caller: str | None = None) -> None:
        """Note that a caller gets the outcome.

        Once all who ordered the video have it, the same request orders a new one. Not where the video's file is not
        here: whoever has no file is not made to pay for another.
        """
        if not job.is_away:
            self.deliveries.hand(job, caller or self.caller)

    async def page(self, states: Collection[State] = (), *, limit: int = 20, cursor: str | None = None) -> Page:
        """Return jobs, those of unknown outcome first, then newest first. `cursor` comes from the page before.

        Raises:
            InvalidRequest: there is no such cursor.
        """
        last = await self._last_seen(cursor) if cursor else None
        jobs = await self.store.page(states, limit + 1, last, account=self.settings.account)
        more = len(jobs) > limit
        return Page(
            jobs=jobs[:limit],
            cursor=_cursor(jobs[limit - 1]) if more else None,
            spent_today_usd=await self.store.spent(self.settings.account, self._midnight()),
        )

    async def usual_seconds(self, job: Job) -> float:
        """Return the median time of the latest finished jobs of this kind, or a documented guess."""
        try:
            seconds = await self.store.durations(job.kind)
        except LedgerError as error:
            logger.warning("%s", error)  # whoever waits for a paid video must not hear of this instead
            seconds = []
        return statistics.median(seconds) if seconds else USUAL_SECONDS.get(job.backend, 75.0)

    async def known(self, job_id: str) -> Job:
        """Return a job that is in the ledger.

        Raises:
            UnknownGeneration: it is not.
        """
        job = await self._found(job_id)
        if job is None:
            raise UnknownGeneration(f"There is no job {job_id!r} in the ledger.")
        return job

    async def _found(self, handle: str) -> Job | None:
        """Return the job of that id, if it was ordered with this key and backend."""
        return await self.store.get(handle, account=self.settings.account)

    async def located(self, job: Job) -> Job:
        """Return the job with the place where its file is now, which is noted, or with a note that it is not here.

        A job that is fetched again, because another machine has no file, is completed as long as the file is here.
        Noting a place is everybody's right, whoever owns the job: no network is used. That a file is not here is true
        of this moment and this machine, and is written nowhere.
        """
        if job.video is None or job.state not in HAS_A_FILE:
            return job
        place = await self.fetching.find(job.video)
        if place is None:
            return job if job.is_active else replace(job, note=await self.fetching.absence(job.video, job.note))
        found = job.still_completed(replace(job.video, path=place))
        if place != job.video.path:
            with suppress(LedgerError):  # it is found again the next time
                await self.store.note_place(found)
        return found

    async def sheet(self, job: Job) -> Path | None:
        """Return the contact sheet of a completed job's file, made once."""
        return await self._picture(job, "sheet.jpg")

    async def preview(self, job: Job) -> Path | None:
        """Return the animated preview of a completed job's file, made once."""
        return await self._picture(job, "preview.webp")

    async def _picture(self, job: Job, name: str) -> Path | None:
        """Return the picture; a video that could not be looked into when it came is looked into now."""
        if job.file and not job.is_away and any(warning.startswith(NOT_CHECKED) for warning in job.warnings):
            looked = await self.fetching.looked_into_again(job, job.file)
            if looked == job:
                return await self.fetching.picture(job, name, looks=False)
            await self._note_what_was_seen(looked)
        return await self.fetching.picture(job, name)

    async def _note_what_was_seen(self, job: Job) -> None:
        """Write facts and warnings of a completed job; where that fails, it is looked into once more the next time."""
        watcher = self.watcher
        with suppress(LedgerError):
            if await self.store.take(job, was=State.COMPLETED, owner=watcher.owner, lease=watcher.pace.lease):
                await self.store.save(job, owner=watcher.owner)

    async def _last_seen(self, cursor: str) -> Job:
        """Return the last job of the page before, as it was then: its place in the order may have changed."""
        job_id, _, state = cursor.partition(":")
        last = await self._found(job_id)
        if last is None or last.id != job_id or state not in set(State):
            raise InvalidRequest(f"cursor {cursor[:60]!r} comes from no page: list_videos without one begins anew.")
        return replace(last, state=State(state))

    async def _latest(self, job: Job) -> Job:
        """Return what the ledger says; while it is out of reach, what it last said: whoever waits goes on waiting."""
        try:
            return await self.located(await self._found(job.id) or job)
        except LedgerError as error:
            logger.warning("%s", error)
            return job

    async def _made_before(self, job: Job) -> tuple[str, ...]:
        """Say that the same order was delivered once already: this one is paid again."""
        earlier = await self.store.last_delivered(job.fingerprint or "")
        earlier = await self.located(earlier) if earlier else None
        if earlier is None or earlier.file is None:
            return ()
        where = "was saved as" if earlier.is_away else "is at"
        return (f"The same order was made before and {where} {earlier.file.path}; this one is another, paid take.",)

    async def _revived(self, job: Job) -> Job:
        """Fetch a paid file again where there is none, free of charge; leave everything else as it is.

        A completed job stays completed where the folder of its file is not here: that may come back.
        """
        job = await self.located(job)
        if job.state is State.DOWNLOADING:
            self.pulse.poke(job.id)
        if job.file and job.is_away and not await self.fetching.has_folder(job.file):
            return job
        if job.is_active or not (job.is_away or job.can_be_fetched):
            return job
        return await self.watcher.retake(job)

    def _fingerprint(self, request: VideoRequest) -> str:
        return request.fingerprint(self.settings.model, self.settings.account)

    def _midnight(self) -> datetime:
        return self.clock().replace(hour=0, minute=0, second=0, microsecond=0)


_YES_IS_NEEDED = (
    "Not ordered: an earlier order of the same video has ended meanwhile, so this one would be paid, and nobody has"
    " agreed to the price. Nothing was sent or charged. Call again: the person is asked then."
)


def _cursor(job: Job) -> str:
    return f"{job.id}:{job.state}"


def _over_budget(job: Job, spent: float, limit: float) -> str:
    costs = "would cost" if job.backend == "sandbox" else "costs"
    return (
        f"Not ordered: this video {costs} about ${job.estimate_usd:.2f}; ${spent:.2f} of today's budget of ${limit:.2f}"
        " is spent or under way. Nothing was sent or charged. A shorter video or one without sound costs less; the"
        " person can raise VEO_MCP_DAILY_BUDGET_USD; the day ends at 00:00 UTC."
    )

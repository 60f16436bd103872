"""Looks after jobs until each ends in a checked file or a stated failure.

Every process has one watcher. It beats for the jobs that it owns, takes over those whose owner has gone, and steps each
through paying, polling and fetching. Anybody may repeat any of that for free, except the paid call.
"""

import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import assert_never

import anyio
import anyio.abc

from veo_mcp import retrying, tracing
from veo_mcp.advice import OUR_NAMES
from veo_mcp.api import FAILURE_WORDS, Generation
from veo_mcp.client import VeoClient
from veo_mcp.errors import ArtifactError, Busy, LedgerError, NotFound, UpstreamError
from veo_mcp.fetching import PAID, PERHAPS_PAID, Fetching, given_up
from veo_mcp.jobs import Failure, Job, State
from veo_mcp.payer import NOT_SENT, Payer
from veo_mcp.pulse import Pulse
from veo_mcp.quoting import as_said, quoted
from veo_mcp.store import Store

logger = logging.getLogger(__name__)

OVERDUE_POLL_SECONDS = 30.0
GIVE_UP_SECONDS = 48 * 3600.0
"""Google deletes results after two days; nothing comes of asking longer."""

NO_LINK_POLLS = 5
FAILED_POLLS = 2
"""How often in a row upstream must say that a generation failed: after that the same order is paid again."""

DOUBTFUL_POLLS = 20
"""The same for an error beside another word, such as "unknown" for a generation that is not found for a while."""

GIVE_UP_POLLS = 100
"""How often this process asks before it gives a job up: the clock alone may be wrong."""

LOOKS = 3
"""At so many heartbeats in a row a lease must be found run out: its owner, after a pause of the database or a clock
that was set, has beaten again by then."""

LONGEST_QUIET_SECONDS = 600.0
"""The longest `Retry-After` that polls keep."""

LONGEST_PAUSE_SECONDS = 60.0
CRASHES = 6


Listener = Callable[[Job], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long things take, in seconds."""

    fixed_poll: float | None = None
    job_timeout: float = 1000
    lease: float = 20
    beat: float = 5
    retry: float = 1
    poked: float = 5

    def until_next_poll(self, job: Job, elapsed: float) -> float:
        """Ask often while the job is young, every ten seconds later, seldom when it is overdue."""
        if self.fixed_poll is not None:
            return self.fixed_poll
        if job.state is State.OVERDUE:
            return OVERDUE_POLL_SECONDS
        return min(max(elapsed / 8, 2.0), 10.0)


@dataclass(slots=True)
class _Tries:
    """What a job's own task remembers between steps."""

    taken_over: bool = False
    fetches: retrying.Tries = field(default_factory=retrying.Tries)
    without_link: int = 0
    failures: int = 0
    crashes: int = 0
    polls: int = 0


@dataclass(kw_only=True)
class Watcher:
    store: Store
    client: VeoClient
    payer: Payer
    fetching: Fetching
    pulse: Pulse
    account: str
    owner: str
    pace: Pace
    clock: Callable[[], datetime]
    listeners: list[Listener] = field(default_factory=list[Listener])
    _tending: set[str] = field(default_factory=set[str])
    _looks: dict[tuple[str, str | None, float | None], int] = field(
        default_factory=dict[tuple[str, str | None, float | None], int]
    )
    _quiet_until: float = 0.0
    _tasks: anyio.abc.TaskGroup | None = None

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Beat, take over and tend until cancelled; then let go of what is not finished."""
        try:
            async with anyio.create_task_group() as self._tasks:
                task_status.started()
                try:
                    await self._beat_for_ever()
                finally:
                    self.payer.hurry()
        finally:
            with anyio.move_on_after(2, shield=True):
                await self._let_go()

    def watch(self, job: Job, *, taken_over: bool = False) -> None:
        """Look after a job that this process owns."""
        if self._tasks is not None and job.id not in self._tending:
            self._tending.add(job.id)
            self._tasks.start_soon(self._tend, job, _Tries(taken_over=taken_over), tracing.here())

    async def begin(self, job: Job) -> Job:
        """Look after a job that this process owns from now on, and tell the listeners of it."""
        self.watch(job)
        await self.announce(job)
        return job

    def is_tending(self, job: Job) -> bool:
        return job.id in self._tending

    async def announce(self, job: Job) -> None:
        """Tell the listeners that the job has changed; one that fails costs nobody else anything."""
        for listener in tuple(self.listeners):
            try:
                await listener(job)
            except Exception:
                logger.exception("%s: somebody could not be told", job.id)

    async def retake(self, job: Job) -> Job:
        """Try again to bring home a paid video that could not be saved, or whose file is gone."""
        again = job.fetched_again()
        if not await self.store.take(again, was=job.state, owner=self.owner, lease=self.pace.lease):
            return await self.store.get(job.id, account=self.account) or job
        return await self.begin(again)

    async def _let_go(self) -> None:
        try:
            await self.store.end_unsent(NOT_SENT, owner=self.owner, at=self.clock())
            await self.store.let_go(owner=self.owner)
        except LedgerError:
            logger.warning("the ledger is out of reach; the leases run out by themselves")

    async def _beat_for_ever(self) -> None:
        last: float | None = None
        while True:
            began = time.time()
            try:
                await self.store.beat(self._tending, owner=self.owner, lease=self.pace.lease)
                if last is None or began - last < 3 * self.pace.beat:
                    await self._take_over()
                else:
                    self._looks.clear()
                    logger.info("awake after %.0f s: others are given time to beat", began - last)
                last = began
            except LedgerError as error:
                logger.warning("%s", error)
            except Exception:
                logger.exception("a heartbeat failed")
            await anyio.sleep(self.pace.beat)

    async def _take_over(self) -> None:
        abandoned = await self.store.abandoned(account=self.account)
        looks = {(each.job.id, each.owner, each.lease_until): each for each in abandoned}
        self._looks = {look: self._looks.get(look, 0) + 1 for look in looks}
        jobs = [each.job for look, each in looks.items() if each.owner is None or self._looks[look] >= LOOKS]
        for job in await self.store.take_over(jobs, owner=self.owner, lease=self.pace.lease):
            logger.info("%s: taken over while %s", job.id, job.state)
            self.watch(job, taken_over=True)

    async def _tend(self, job: Job, tries: _Tries, ordered_by: tracing.Place) -> None:
        """Step the job until it is settled or somebody else's."""
        try:
            with tracing.job_life(job.id, ordered_by) as life:
                while job.is_active:
                    stepped = await self._stepped(job, tries)
                    if stepped != job and not await self._save(stepped):
                        return
                    job = stepped
                    life.note(job.state)
                    self.pulse.beat(job.id)
        except Exception:
            logger.exception("%s: let go of; it is taken over once its lease has run out", job.id)
        finally:
            self._tending.discard(job.id)
            self.payer.resume(job)
            self.pulse.beat(job.id)

    async def _stepped(self, job: Job, tries: _Tries) -> Job:
        try:
            return await self._step(job, tries)
        except LedgerError as error:
            logger.warning("%s: %s", job.id, error)
        except Exception:
            tries.crashes += 1
            logger.exception("%s: a step failed while %s", job.id, job.state)
            if tries.crashes >= CRASHES:
                message = f"The server itself failed {CRASHES} times; its log on stderr has the details. {PERHAPS_PAID}"
                failure = Failure(name="internal_error", message=message, charged="maybe", recoverable=True)
                return job.failed(failure, at=self.clock())
        await anyio.sleep(min(self.pace.retry * 2**tries.crashes, LONGEST_PAUSE_SECONDS))
        return job

    async def _save(self, job: Job) -> bool:
        """Write what a step has learned, however long the ledger takes to come back: the step is not taken twice."""
        free = job.failure is not None and job.failure.charged == "no"
        while True:
            try:
                if not await self.store.save(job, owner=self.owner, release_claim=free):
                    logger.info("%s: somebody else looks after it", job.id)
                    return False
                break
            except LedgerError as error:
                logger.warning("%s: %s", job.id, error)
                await anyio.sleep(self.pace.retry)
        logger.info("%s: %s", job.id, job.state)
        await self.announce(job)
        return True

    async def _step(self, job: Job, tries: _Tries) -> Job:
        match job.state:
            case State.SUBMITTING:
                if tries.taken_over or job.request is None:
                    return await self.payer.settle_unanswered(job)
                return await self.payer.pay(job, job.request)
            case State.QUEUED | State.GENERATING | State.OVERDUE:
                if tries.polls:
                    pause = self.pace.until_next_poll(job, job.elapsed_seconds(self.clock()))
                    await self.pulse.wait_for_poke(job.id, pause)
                await self._until_polls_are_wanted()
                tries.polls += 1
                return await self._poll(job, tries)
            case State.DOWNLOADING:
                return await self._fetch(job, tries)
            case State.COMPLETED | State.FAILED | State.UNKNOWN:
                return job
            case _:
                assert_never(job.state)

    async def _poll(self, job: Job, tries: _Tries) -> Job:
        """Ask upstream once. Whatever that raises is one bad poll and ends nothing: the job is paid."""
        try:
            generation = await self._retrieved(job)
        except UpstreamError as error:
            logger.info("%s: a poll failed: %s", job.id, error)
            asked_again = f" It is asked again in {seconds:.0f} s." if (seconds := self.quiet_seconds()) > 1 else ""
            return self._still_waiting(job, tries, _trouble(error) + asked_again)
        return self._heard(job, generation, tries)

    async def _retrieved(self, job: Job) -> Generation:
        """Ask upstream; make an UpstreamError of whatever that raises, and keep quiet where it asks for that."""
        try:
            return await self.client.retrieve(job.generation_id or "")
        except UpstreamError as error:
            self._keep_quiet(error)
            raise
        except Exception as error:
            logger.exception("%s: a poll failed", job.id)
            raise UpstreamError(f"upstream's answer cannot be read ({type(error).__name__})") from error

    def quiet_seconds(self) -> float:
        """Return for how long upstream does not want to be asked after any of the account's jobs."""
        return max(0.0, self._quiet_until - anyio.current_time())

    async def _until_polls_are_wanted(self) -> None:
        """Wait as long as upstream asked, and a little: not all jobs are asked after in the same moment."""
        if left := self.quiet_seconds():
            await anyio.sleep(left * random.uniform(1, 1.2))  # noqa: S311
            await self._until_polls_are_wanted()

    def _keep_quiet(self, error: UpstreamError) -> None:
        """Poll none of the account's jobs before upstream wants to be asked again."""
        if isinstance(error, Busy) and error.retry_after:
            until = anyio.current_time() + min(error.retry_after, LONGEST_QUIET_SECONDS)
            self._quiet_until = max(self._quiet_until, until)

    def _heard(self, job: Job, generation: Generation, tries: _Tries) -> Job:
        if generation.outcome != "failed":
            tries.failures = 0
        match generation.outcome:
            case "failed":
                tries.failures += 1
                is_clear = generation.word.lower() in FAILURE_WORDS
                if tries.failures < (FAILED_POLLS if is_clear else DOUBTFUL_POLLS):
                    said = f"upstream says {quoted(generation.word, 40)}{'' if is_clear else ' with an error'}"
                    return self._still_waiting(job, tries, f"{said} and is asked again")
                return job.failed(_failure(generation), at=self.clock())
            case "succeeded" if generation.url:
                return job.generated(generation.url)
            case "succeeded":
                tries.without_link += 1
                if tries.without_link < NO_LINK_POLLS:
                    return job.running(State.GENERATING, note="upstream says completed but gives no link yet")
                message = f"Upstream says that the video is completed but gives no link to it. {PAID}"
                return job.failed(
                    Failure(name="no_link", message=message, charged="yes", recoverable=True), at=self.clock()
                )
            case "queued":
                return self._still_waiting(job.running(State.QUEUED), tries)
            case "running":
                return self._still_waiting(job.running(State.GENERATING), tries)
            case "odd":
                return self._still_waiting(job, tries, f"upstream says {quoted(generation.word, 40)}")
            case _:
                assert_never(generation.outcome)

    def _still_waiting(self, job: Job, tries: _Tries, note: str = "") -> Job:
        elapsed = job.elapsed_seconds(self.clock())
        if elapsed < self.pace.job_timeout:
            return job if job.note == note else job.running(job.state, note=note)
        if elapsed < GIVE_UP_SECONDS or tries.polls < GIVE_UP_POLLS:
            is_told = job.state is State.OVERDUE and job.note == note
            return job if is_told else job.running(State.OVERDUE, note=note)
        message = f"Upstream has said nothing final for two days. {PERHAPS_PAID}"
        failure = Failure(name="gave_up", message=message, charged="maybe", recoverable=True)
        return job.failed(failure, at=self.clock())

    async def _fetch(self, job: Job, tries: _Tries) -> Job:
        """Try to bring the file home; every try but the first after a poll asks for a fresh link before."""
        fetches, is_fresh = tries.fetches, tries.polls > 0
        if fetches.pause_seconds:
            await self._rest(job, fetches)
        if fetches.made or not tries.polls:
            job, is_fresh = await self._with_fresh_link(job)
        try:
            return await self.fetching.fetch(job)
        except ArtifactError as error:
            logger.warning("%s: %s", job.id, error)
            fetches.count(error, fresh_link=is_fresh, pause=self.pace.retry, poked=self.pace.poked)
            if fetches.are_over(most=self._most_tries(job)):
                return given_up(job, error, at=self.clock())
            return job.move(State.DOWNLOADING, note=fetches.note(error))

    async def _rest(self, job: Job, fetches: retrying.Tries) -> None:
        """Wait for the next try; whoever asks cuts it short, but however often they ask, not to nothing."""
        began = anyio.current_time()
        await self.pulse.wait_for_poke(job.id, fetches.pause_seconds)
        await anyio.sleep_until(began + fetches.shortest_seconds)
        fetches.waited_for(anyio.current_time() - began, pause=self.pace.retry)

    def _most_tries(self, job: Job) -> int | None:
        """Return after how many tries to go on is pointless: the link may be dead by now, or the file was here before.

        The clock may be wrong, so that a video which was never here gets some time in any case.
        """
        if job.video is not None:
            return retrying.TRIES_AGAIN
        is_old = job.elapsed_seconds(self.clock()) >= GIVE_UP_SECONDS
        return retrying.LATE_TRIES if is_old else None

    async def _with_fresh_link(self, job: Job) -> tuple[Job, bool]:
        """Return the job with the link that upstream gives now, and whether upstream could be asked."""
        if self.quiet_seconds():
            return job, False
        try:
            url = (await self._retrieved(job)).url
        except UpstreamError as error:
            return job, isinstance(error, NotFound)
        return job.move(State.DOWNLOADING, url=url or job.url), True


def _trouble(error: UpstreamError) -> str:
    if isinstance(error, NotFound):
        return "upstream does not find the generation at the moment"
    return str(error)


def _failure(generation: Generation) -> Failure:
    """Say what is known of the money: nothing where the word means something else, or that a result has expired."""
    said = as_said(generation.error_message or generation.word or "no reason given")
    name = generation.error_name if generation.error_name not in OUR_NAMES else ""
    name = name or "generation_failed"
    if generation.word.lower() in FAILURE_WORDS - {"expired"}:
        message = f"The generation failed.{said} Failed generations are not charged."
        return Failure(name=name, message=message, charged="no")
    message = f"The generation seems to have failed.{said} {PERHAPS_PAID}"
    return Failure(name=name, message=message, charged="maybe", recoverable=True)

"""Remembers which outcomes callers hold, and writes that down a moment after the answer has left.

Delivered means that the same request orders, and pays for, a new video. So it must not be on disk before the answer is
out: a process that is killed in between has delivered nothing, and its caller asks again.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

import anyio

from veo_mcp.errors import LedgerError
from veo_mcp.jobs import Job, State
from veo_mcp.store import Store

logger = logging.getLogger(__name__)

MOMENT = timedelta(seconds=2)
"""Far longer than an answer needs from the tool to the pipe or socket."""


class Deliveries:
    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._handed: dict[tuple[str, str], tuple[Job, datetime]] = {}

    def hand(self, job: Job, caller: str) -> None:
        """Note that the outcome is on its way to this caller.

        Not where money may be gone and no video is here: asking again must not pay again.
        """
        if job.state is State.COMPLETED or (job.failure is not None and job.failure.charged == "no"):
            self._handed.setdefault((job.id, caller), (job, self._clock()))

    async def settle(self, *, older_than: timedelta = timedelta(0)) -> None:
        """Write down what was handed out at least so long ago; a ledger that is away is asked again later."""
        before = self._clock() - older_than
        for (job_id, caller), (job, at) in [item for item in self._handed.items() if item[1][1] <= before]:
            await self._store.deliver(job, caller=caller, at=at)
            self._handed.pop((job_id, caller), None)

    async def run(self) -> None:
        """Settle what was handed out, a moment later, for ever."""
        while True:
            await anyio.sleep(MOMENT.total_seconds())
            try:
                await self.settle(older_than=MOMENT)
            except LedgerError as error:
                logger.warning("%s", error)

    async def close(self) -> None:
        """Settle the rest: the answers are out."""
        try:
            with anyio.move_on_after(2, shield=True):
                await self.settle()
        except LedgerError as error:
            logger.warning("%s", error)

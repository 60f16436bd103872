"""A thread of its own for one database: calls run in order, can be given up, and keep no process from ending."""

import asyncio
import contextvars
import math
import queue
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import anyio

T = TypeVar("T")


class Silent(Exception):
    """The call has not ended in time. Whether it has done its work is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How many seconds a call may take, and how many of them once its caller is cancelled. None: until it ends."""

    seconds: float | None = None
    after_cancelling: float | None = None


_Call = tuple[Future[Any], contextvars.Context, Callable[[], Any]]


class Worker:
    """anyio's own threads would do, but for two things: nobody can leave one that hangs, and Python waits for them."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[_Call | None] | None = None
        self._thread: threading.Thread | None = None
        self._given_up: Future[Any] | None = None

    @property
    def is_stuck(self) -> bool:
        """Say whether a call that was given up still runs."""
        return self._given_up is not None and not self._given_up.done()

    async def run(self, work: Callable[[], T], patience: Patience, *, cut: Callable[[], None]) -> T:
        """Return what `work` returns. A call that is given up is ended with `cut`, if that helps.

        Being cancelled takes a call back that has not begun; one that has begun gets the time that `patience` says,
        and what it returns then is returned.

        Raises:
            Silent: the call took too long.
        """
        call = self.begin(work)
        bell = _bell(call)
        try:
            with anyio.move_on_after(patience.seconds if patience.seconds is not None else math.inf):
                await bell.wait()
        except anyio.get_cancelled_exc_class():
            if call.cancel() or not await self._ended_meanwhile(call, bell, patience.after_cancelling, cut):
                raise
            if anyio.current_effective_deadline() != -math.inf:
                raise  # not by a scope, which would say so again at the next occasion
        if call.cancel() or self._gives_up(call, cut):
            raise Silent
        return call.result()

    def begin(self, work: Callable[[], T]) -> Future[T]:
        """Have it called when its turn comes."""
        if self._calls is None:
            self._calls = queue.SimpleQueue()
            weakref.finalize(self, self._calls.put, None)
            given = (self._calls, self._thread)
            self._thread = threading.Thread(target=_work, args=given, name="veo-mcp ledger", daemon=True)
            self._thread.start()
        call: Future[T] = Future()
        self._calls.put((call, contextvars.copy_context(), work))
        return call

    def end(self) -> None:
        """Let the thread end once it has done what it was given; a later call begins another."""
        if self._calls is not None:
            self._calls.put(None)
            self._calls = None

    async def _ended_meanwhile(
        self, call: Future[Any], bell: anyio.Event, seconds: float | None, cut: Callable[[], None]
    ) -> bool:
        grace = 0.0 if self.is_stuck else math.inf if seconds is None else seconds
        with anyio.move_on_after(grace, shield=True):
            await bell.wait()
        return not self._gives_up(call, cut)

    def _gives_up(self, call: Future[Any], cut: Callable[[], None]) -> bool:
        """Cut the call unless it has ended; say whether it was cut: what it says then is no answer."""
        if call.done():
            return False
        self._given_up = call
        cut()
        return True


def _bell(call: Future[Any]) -> anyio.Event:
    """Return what rings in this event loop once the call has ended."""
    bell, loop = anyio.Event(), asyncio.get_running_loop()

    def ring(_: Future[Any]) -> None:
        with suppress(RuntimeError):  # the loop has ended: nobody waits
            loop.call_soon_threadsafe(bell.set)

    call.add_done_callback(ring)
    return bell


def _work(calls: "queue.SimpleQueue[_Call | None]", before: threading.Thread | None) -> None:
    if before is not None:
        before.join()
    del before
    while (given := calls.get()) is not None:
        call, context, work = given
        if call.set_running_or_notify_cancel():
            try:
                call.set_result(context.run(work))
            except BaseException as error:  # noqa: BLE001  it is the caller's
                call.set_exception(error)
        del given, call, context, work  # whatever they hold may go while this waits

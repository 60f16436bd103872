"""Ending when told to: signals on POSIX, the console's events on Windows."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager

import anyio


def hang_ups() -> list[signal.Signals]:
    """Return the signals of a terminal that goes, unless whoever started this had them ignored, as nohup does."""
    if sys.platform == "win32":
        return [signal.SIGBREAK]  # Ctrl-Break, a console window that is closed, a log-off
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return []
    return [signal.SIGHUP]


@asynccontextmanager
async def until_told_to_end(*numbers: signal.Signals) -> AsyncGenerator[anyio.Event]:
    """Cancel the block at one of these signals; a second signal does not cut its ending short.

    The event is set once a signal has come.
    """
    told = anyio.Event()
    async with anyio.create_task_group() as tasks:

        def end() -> None:
            told.set()
            tasks.cancel_scope.cancel()

        with handling(end, *numbers) if os.name == "nt" else _receiving(tasks, end, *numbers):
            yield told
            tasks.cancel_scope.cancel()


@contextmanager
def _receiving(tasks: anyio.abc.TaskGroup, end: Callable[[], None], *numbers: signal.Signals) -> Generator[None]:
    async def listen() -> None:
        async for _ in signals:
            end()

    with anyio.open_signal_receiver(*numbers) as signals:
        tasks.start_soon(listen)
        yield


@contextmanager
def handling(end: Callable[[], None], *numbers: signal.Signals) -> Generator[None]:
    """Call `end` in the event loop at each signal, where the loop itself can receive none: on Windows."""
    loop = asyncio.get_running_loop()

    def handle(_: int, __: object) -> None:
        loop.call_soon_threadsafe(end)

    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""Lets the waiters of a job know that something happened to it, and the watcher that somebody asked."""

from weakref import WeakValueDictionary

import anyio

Bells = WeakValueDictionary[str, anyio.Event]


class Pulse:
    """Two bells per job, in this process only: `beat` rings for waiters, `poke` for the watcher.

    A bell is there as long as somebody listens to it.
    """

    def __init__(self) -> None:
        self._beats, self._pokes = Bells(), Bells()

    def beat(self, job_id: str) -> None:
        if (bell := self._beats.pop(job_id, None)) is not None:
            bell.set()

    def poke(self, job_id: str) -> None:
        if (bell := self._pokes.pop(job_id, None)) is not None:
            bell.set()

    def next_beat(self, job_id: str) -> anyio.Event:
        """Return the bell to wait for; take it before looking at the job, so that nothing is missed in between."""
        return self._beats.setdefault(job_id, anyio.Event())

    async def wait_for_poke(self, job_id: str, seconds: float) -> bool:
        return await rings(self._pokes.setdefault(job_id, anyio.Event()), seconds)


async def rings(bell: anyio.Event, seconds: float) -> bool:
    """Wait for the bell and say whether it rang in time."""
    with anyio.move_on_after(seconds):
        await bell.wait()
    return bell.is_set()

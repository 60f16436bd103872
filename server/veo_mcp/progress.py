"""Progress that is true: seconds gone against the seconds that such a video usually takes."""

from collections.abc import Awaitable, Callable

Report = Callable[[float, float | None, str | None], Awaitable[None]]

ROOM = 1.25
"""How far beyond the present the expected end is moved once it has been reached."""


class Progress:
    """Reports strictly increasing seconds, below `total` until the file is there and equal to it then."""

    def __init__(self, report: Report, usual: float) -> None:
        self._report = report
        self._total = max(usual, 1.0)
        self._last = -1.0

    async def so_far(self, seconds: float, message: str) -> None:
        seconds = self._later(seconds)
        while seconds >= self._total * 0.98:
            self._total = max(seconds, self._total) * ROOM
        await self._report(seconds, round(self._total, 3), message)

    async def done(self, seconds: float, message: str) -> None:
        seconds = self._later(seconds)
        await self._report(seconds, seconds, message)

    def _later(self, seconds: float) -> float:
        self._last = round(max(seconds, self._last + 0.001), 3)
        return self._last

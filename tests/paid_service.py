"""What the stand-in for the paid service knows: what it charged for, what it heard, and what is to go wrong where."""

import hashlib
import math
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import repeat
from typing import Literal

from hostile_answers import Trouble
from media_files import box, video

PATIENCE_SECONDS = 60.0
EVERYTHING = "*"

Stage = Literal["arrived", "charged", "polled", "downloading", "half"]
"""Where a call can be stopped: a POST before and after it is charged, a poll, a download before and in its middle."""


@dataclass(slots=True)
class Gate:
    """The first call that comes to it waits here until the test opens it."""

    reached: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)

    def open(self) -> None:
        self.opened.set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """What upstream was paid for. Its id begins as some of the real ones do and holds what URLs must escape."""

    id: str
    prompt: str
    request_id: str
    charged_at: float

    @property
    def content(self) -> bytes:
        return _content(self.id)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One call as it came in; `asked` is the id in a poll, `at` the monotonic second."""

    method: str
    path: str
    authorization: str | None
    prompt: str
    asked: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A poll was told `Retry-After`."""

    asked: str
    began: float
    seconds: float


Weather = Callable[[Stage, str], Trouble | None]


@dataclass
class Upstream:
    """`troubles[stage, prompt]` are met one by one; `weather` decides where there are none.

    `together` lets generations end only at multiples of so many seconds, `holding` lets none end. `deeds` tells for
    each request id how its POSTs were answered, `faults` counts the troubles that were met.
    """

    seconds: float = 0.2
    together: float = 0.0
    holding: bool = False
    busy_seconds: float = 0.2
    wait_seconds: float = 1.0
    late_seconds: float = 25.0
    slow_seconds: float = 1.0
    outage_seconds: float = 2.0
    paid: list[Generation] = field(default_factory=list[Generation])
    heard: list[Heard] = field(default_factory=list[Heard])
    waits: list[Wait] = field(default_factory=list[Wait])
    deeds: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict[str, list[str]](list))
    faults: Counter[str] = field(default_factory=Counter[str])
    troubles: defaultdict[tuple[Stage, str], deque[Trouble]] = field(
        default_factory=lambda: defaultdict[tuple[Stage, str], deque[Trouble]](deque)
    )
    weather: Weather = lambda _stage, _prompt: None
    base_url: str = ""
    _outages: dict[str, float] = field(default_factory=dict[str, float])
    _gates: dict[tuple[Stage, str], Gate] = field(default_factory=dict[tuple[Stage, str], Gate])
    _all_gates: list[Gate] = field(default_factory=list[Gate])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def will_meet(self, stage: Stage, prompt: str, trouble: Trouble, times: int = 1) -> None:
        """Let the next so many calls about this prompt meet the trouble there."""
        self.troubles[stage, prompt].extend(repeat(trouble, times))

    def gate(self, stage: Stage, prompt: str) -> Gate:
        """Stop the next call about this prompt there."""
        gate = self._gates[stage, prompt] = Gate()
        self._all_gates.append(gate)
        return gate

    def open_all(self) -> None:
        for gate in self._all_gates:
            gate.open()

    def fail_for(self, seconds: float, asked: str = EVERYTHING) -> None:
        """Answer every poll and download for a while, or those of one generation, as a gateway does."""
        self._outages[asked] = time.monotonic() + seconds

    def paid_for(self, prompt: str) -> list[Generation]:
        return [generation for generation in self.paid if generation.prompt == prompt]

    def generation(self, generation_id: str) -> Generation | None:
        return next((generation for generation in self.paid if generation.id == generation_id), None)

    def posts(self, prompt: str) -> int:
        return sum(heard.method == "POST" and heard.prompt == prompt for heard in self.heard)

    def downloads(self, prompt: str) -> int:
        return sum(heard.path.startswith("/files/") and heard.prompt == prompt for heard in self.heard)

    def polls_that_came_too_early(self) -> list[float]:
        """Return, for each poll that came before the time that its generation's last `Retry-After` named, its second.

        Two hundredths of a second are the clocks' own.
        """
        return [
            heard.at - wait.began
            for wait in self.waits
            for heard in self.heard
            if heard.asked == wait.asked and wait.began < heard.at < wait.began + wait.seconds - 0.02
        ]

    def charge(self, prompt: str, request_id: str) -> Generation:
        with self._lock:
            number = len(self.paid) + 1
            generation = Generation(
                id=f"-{number:04d}a/b:google/veo-3.1-t2v-fast",
                prompt=prompt,
                request_id=request_id,
                charged_at=time.monotonic(),
            )
            self.paid.append(generation)
        return generation

    def confuse(self, generation: Generation) -> Generation:
        """Give it the id of the one that was charged before it."""
        with self._lock:
            place = self.paid.index(generation)
            self.paid[place] = replace(generation, id=self.paid[max(place - 1, 0)].id)
            return self.paid[place]

    def is_done(self, generation: Generation) -> bool:
        done_at = generation.charged_at + self.seconds
        if self.together:
            done_at = math.ceil(done_at / self.together) * self.together
        return not self.holding and time.monotonic() >= done_at

    def is_away(self, asked: str) -> bool:
        if time.monotonic() >= max(self._outages.get(asked, 0.0), self._outages.get(EVERYTHING, 0.0)):
            return False
        self.faults["outage"] += 1
        return True

    def come_to(self, stage: Stage, prompt: str) -> Trouble | None:
        """Wait where a gate is closed; return the trouble that awaits the call here."""
        with self._lock:
            gate = self._gates.pop((stage, prompt), None)
            waiting = self.troubles[stage, prompt]
            trouble = waiting.popleft() if waiting else self.weather(stage, prompt)
            if trouble is not None:
                self.faults[f"{stage}: {trouble}"] += 1
        if gate is not None:
            gate.reached.set()
            gate.opened.wait(PATIENCE_SECONDS)
        return trouble


def _content(generation_id: str) -> bytes:
    """Return a video that is unlike that of any other generation, so that files cannot be mixed up unnoticed."""
    return video(frames=24) + box(b"free", generation_id.encode())

"""A job is ours: one order for one video, from before the paid call until the file is on disk. Pure.

submitting ──> queued <──> generating ──> downloading ──> completed
    │  └──────> unknown ─(adopted)─┘ │          │  ^            │
    v                   overdue <────┘          v  └────────────┘ (the file was deleted)
  failed <──────────────────────────────────── failed

A job that was completed once never fails: where its file cannot be fetched again, it is completed without a file here.
"""

import re
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Self

from veo_mcp.api import VideoRequest


class State(StrEnum):
    SUBMITTING = "submitting"  # in the ledger; the paid call has not been answered
    QUEUED = "queued"  # upstream has it and its id is known
    GENERATING = "generating"
    DOWNLOADING = "downloading"  # upstream is done; the file is on its way home
    COMPLETED = "completed"  # a checked file is on disk
    FAILED = "failed"  # with a stated reason
    UNKNOWN = "unknown"  # the paid call may have been received, its answer never came
    OVERDUE = "overdue"  # took longer than it ever should; still asked after


ACTIVE = frozenset({State.SUBMITTING, State.QUEUED, State.GENERATING, State.DOWNLOADING, State.OVERDUE})
"""States in which somebody must be looking after the job."""

SETTLED = frozenset(State) - ACTIVE
"""States in which there is nothing to wait for."""

UPSTREAM = frozenset({State.QUEUED, State.GENERATING, State.OVERDUE})
_ON_ITS_WAY = UPSTREAM | {State.DOWNLOADING, State.FAILED, State.COMPLETED}  # completed: only with an earlier file

HANDLE_CHARACTERS = 512

MOVES: dict[State, frozenset[State]] = {
    State.SUBMITTING: frozenset({State.QUEUED, State.FAILED, State.UNKNOWN}),
    State.QUEUED: _ON_ITS_WAY,
    State.GENERATING: _ON_ITS_WAY,
    State.OVERDUE: _ON_ITS_WAY,
    State.DOWNLOADING: frozenset({State.COMPLETED, State.FAILED}),
    State.COMPLETED: frozenset({State.DOWNLOADING}),
    State.FAILED: frozenset({State.QUEUED, State.DOWNLOADING}),
    State.UNKNOWN: frozenset({State.QUEUED}),
}


class IllegalMove(Exception):
    """A bug: the job cannot go there from where it is."""


Charged = Literal["yes", "no", "maybe"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why there is no video. `charged`: is money gone? `recoverable`: asking again, for free, may still bring it."""

    name: str
    message: str
    charged: Charged
    recoverable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A whole video file on disk. Durations in seconds, sizes in bytes and pixels, loudness in LUFS."""

    path: Path
    size_bytes: int
    sha256: str
    duration_seconds: float
    width: int
    height: int
    fps: float
    has_audio: bool
    loudness_lufs: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    id: str
    account: str
    backend: str
    model: str
    request: VideoRequest | None  # None: adopted by its id, ordered elsewhere
    state: State
    created_at: datetime
    fingerprint: str | None = None
    generation_id: str | None = None
    url: str | None = None
    video: Artifact | None = None
    failure: Failure | None = None
    warnings: tuple[str, ...] = ()
    note: str = ""  # what was last heard, for people; of a completed job: why its file is not here
    estimate_usd: float | None = None
    cost_usd: float | None = None
    sent_at: datetime | None = None
    finished_at: datetime | None = None
    delivered_at: datetime | None = None
    shares_id: bool = False  # another order has the same generation id

    @property
    def handle(self) -> str:
        """What callers name the job by: upstream's id once it is known, where it is one word and this job's alone."""
        return self.id if self.shares_id or not _is_word(self.generation_id or "") else self.generation_id or self.id

    @property
    def kind(self) -> str:
        """Jobs of one kind usually take as long as each other."""
        if self.request is None:
            return f"{self.backend} {self.model}"
        sound = "sound" if self.request.with_audio else "silent"
        return f"{self.backend} {self.model} {self.request.seconds}s {self.request.resolution or '1080p'} {sound}"

    @property
    def price(self) -> float | None:
        return self.estimate_usd if self.cost_usd is None else self.cost_usd

    @property
    def is_active(self) -> bool:
        return self.state in ACTIVE

    @property
    def is_settled(self) -> bool:
        return self.state in SETTLED

    @property
    def can_be_fetched(self) -> bool:
        """Upstream has made it, or may have, and we do not hold a good file: asking again is free."""
        return self.generation_id is not None and self.failure is not None and self.failure.recoverable

    @property
    def file(self) -> Artifact | None:
        """The checked file, once the job is completed."""
        return self.video if self.state is State.COMPLETED else None

    @property
    def is_away(self) -> bool:
        """Whether the job is completed but its file is not here at the moment; the note says why."""
        return self.state is State.COMPLETED and self.note != ""

    def elapsed_seconds(self, now: datetime) -> float:
        return max(0.0, ((self.finished_at or now) - self.created_at).total_seconds())

    def move(self, to: State, **changes: Any) -> Self:
        if to != self.state and to not in MOVES[self.state]:
            raise IllegalMove(f"{self.id}: {self.state} -> {to}")
        return replace(self, state=to, **changes)

    def accepted(self, generation_id: str, *, cost_usd: float | None) -> Self:
        """Upstream has answered with its id: from here on nothing can be paid twice or lost."""
        return self.move(State.QUEUED, generation_id=generation_id, cost_usd=cost_usd, failure=None, finished_at=None)

    def running(self, state: State, *, note: str = "") -> Self:
        return self.move(state, note=note)

    def generated(self, url: str) -> Self:
        finished_at = self.finished_at if self.video else None
        return self.move(State.DOWNLOADING, url=url, note="", failure=None, finished_at=finished_at)

    def ready(self, video: Artifact, *, warnings: tuple[str, ...], at: datetime) -> Self:
        """Hold a checked file. A file that is fetched a second time keeps its first finishing time."""
        return self.move(
            State.COMPLETED,
            video=video,
            warnings=tuple(dict.fromkeys((*self.warnings, *warnings))),
            failure=None,
            note="",
            finished_at=self.finished_at or at,
        )

    def still_completed(self, video: Artifact, *, note: str = "") -> Self:
        """Go back to the file that was checked before; `note` says why it is not here."""
        return self.move(State.COMPLETED, video=video, failure=None, note=note)

    def failed(self, failure: Failure, *, at: datetime) -> Self:
        """End without a video; a job whose video was here once stays completed."""
        if self.video is not None:
            return self.still_completed(self.video, note=f"It could not be fetched again: {failure.message}")
        cost = 0.0 if failure.charged == "no" else self.cost_usd
        return self.move(State.FAILED, failure=failure, cost_usd=cost, note="", finished_at=at)

    def lost(self, message: str, *, at: datetime) -> Self:
        """The paid call's answer never came: never sent again by us."""
        failure = Failure(name="unknown_outcome", message=message, charged="maybe")
        return self.move(State.UNKNOWN, failure=failure, finished_at=at)

    def fetched_again(self) -> Self:
        """Go back for a paid video that could not be saved, or whose file is gone; the latter was finished before."""
        state = State.DOWNLOADING if self.url else State.QUEUED
        finished_at = self.finished_at if self.video else None
        return self.move(state, failure=None, note="fetching it again", finished_at=finished_at)

    def file_name(self) -> str:
        """`2026-11-23-harbour-at-dawn-1a2b3c.mp4`: when, what, and enough of our id to be its own."""
        words = re.findall(r"[^\W_]+", self.request.prompt.lower() if self.request else "")
        slug = "-".join(words)[:40].strip("-")
        return "-".join(part for part in (f"{self.created_at:%Y-%m-%d}", slug, self.id[-8:]) if part) + ".mp4"


def _is_word(generation_id: str) -> bool:
    """Say whether the id can stand in a sentence without being taken for words; some scripts need no spaces."""
    return re.fullmatch(rf"[A-Za-z0-9._:/+=@~%?&#-]{{1,{HANDLE_CHARACTERS}}}", generation_id) is not None


def new_job_id() -> str:
    """Return `job_` and 20 characters that nobody can guess."""
    return "job_" + secrets.token_hex(10)


def is_job_id(handle: str) -> bool:
    """Say whether it is one of ours, which upstream cannot know."""
    return re.fullmatch(r"job_[0-9a-f]{20}", handle) is not None


def utc_now() -> datetime:
    return datetime.now(UTC)

"""What must hold in the end, whatever went wrong on the way: nothing paid twice, and no paid video lost."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import hostile_answers as hostile
from paid_service import Generation, Upstream
from veo_mcp.results import VideoResult

MOST_POSTS = 3
"""The paid call of one order is made at most so often, and again only after a no in the service's own envelope."""

_REPEATABLE = {f"arrived: {trouble}" for trouble in (*hostile.BUSY, "400")}
_BEGUN = {"answered", "bad header", "charset", "late", "price", "same id", "cut in headers", "cut in body"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """`free` counts orders that are said to have cost nothing although they were charged."""

    ordered: int
    paid: int
    saved: int
    stated: int
    twice: int
    lost: int
    free: int


@dataclass(slots=True, kw_only=True)
class Proof:
    """`orders` holds every job by the name that its caller has, and by the request id where that is another."""

    upstream: Upstream
    orders: Mapping[str, VideoResult]
    ordered: int
    files: Mapping[str, Path]
    saved: int = 0
    stated: int = 0
    twice: list[str] = field(default_factory=list[str])
    lost: list[str] = field(default_factory=list[str])
    free: list[str] = field(default_factory=list[str])
    broken: list[str] = field(default_factory=list[str])

    @property
    def figures(self) -> Figures:
        return Figures(
            ordered=self.ordered, paid=len(self.upstream.paid), saved=self.saved, stated=self.stated,
            twice=len(self.twice), lost=len(self.lost), free=len(self.free),
        )  # fmt: skip

    def weigh(self, meant: Mapping[str, int] | None, *, ledger_was_deleted: bool) -> None:
        """Find what is wrong. `meant`: how often each prompt was ordered on purpose, where the test knows."""
        for generation in self.upstream.paid:
            self._weigh_generation(generation, ledger_was_deleted=ledger_was_deleted)
        for job in {id(job): job for job in self.orders.values()}.values():
            self._weigh_job(job)
        self._count_charges(meant)
        self._count_posts()
        whole = {generation.sha256 for generation in self.upstream.paid}
        self.broken += [f"{path} is no whole video" for digest, path in self.files.items() if digest not in whole]

    def assert_it_holds(self) -> None:
        wrong = {"charged and called free": self.free, "paid twice": self.twice, "lost": self.lost}
        found = [f"{what}: {line}" for what, lines in wrong.items() for line in lines] + self.broken
        assert not found, f"{self.figures}\n" + "\n".join(found[:20])

    def _weigh_generation(self, generation: Generation, *, ledger_was_deleted: bool) -> None:
        own = self.orders.get(generation.request_id)
        is_shared = sum(other.id == generation.id for other in self.upstream.paid) > 1
        job = own if is_shared else self.orders.get(generation.id) or own
        line = f"{generation.prompt}: {self.upstream.deeds[generation.request_id]}: {_brief(job)}"
        if own is not None and own.error is not None and own.error.charged == "no":
            self.free.append(line)
        if job is not None and _holds(job, generation):
            self.saved += 1
        elif job is not None and job.status == "unknown" and self._is_stated(job, generation):
            self.stated += 1
        elif job is None and ledger_was_deleted and generation.sha256 in self.files:
            self.saved += 1
        else:
            self.lost.append(line)

    def _is_stated(self, job: VideoResult, generation: Generation) -> bool:
        return job.generation_id == generation.request_id and says_what_to_do(job)

    def _weigh_job(self, job: VideoResult) -> None:
        if job.status not in {"completed", "failed", "unknown"}:
            self.broken.append(f"still {job.status}: {_brief(job)}")
        if job.status == "completed" and (job.video is None or not Path(job.video.path).is_file()):
            self.broken.append(f"completed without a file: {_brief(job)}")
        if job.status == "unknown" and not (says_what_to_do(job) and self._fits(job)):
            self.broken.append(f"{self.upstream.deeds[job.generation_id]} does not explain {_brief(job)}")

    def _fits(self, job: VideoResult) -> bool:
        """Say whether the reason names no HTTP status but the one that the last answer had."""
        told = set(re.findall(r"HTTP (\d{3})", job.error.message if job.error else ""))
        deeds = self.upstream.deeds[job.generation_id] or ["arrived: nothing"]
        trouble = deeds[-1].partition(": ")[2]
        if trouble in hostile.FOREIGN:
            return told <= {str(hostile.FOREIGN[trouble].status)}
        return told <= ({"200"} if trouble in _BEGUN else {trouble[:3]})

    def _count_charges(self, meant: Mapping[str, int] | None) -> None:
        requests = Counter(generation.request_id for generation in self.upstream.paid)
        self.twice += [f"{times} charges of {request}" for request, times in requests.items() if times > 1]
        prompts = Counter(generation.prompt for generation in self.upstream.paid)
        for prompt, times in prompts.items() if meant is not None else ():
            if times > (meant or {}).get(prompt, 0):
                history = [self.upstream.deeds[generation.request_id] for generation in self.upstream.paid_for(prompt)]
                orders = [_brief(self.orders.get(paid.request_id)) for paid in self.upstream.paid_for(prompt)]
                self.twice.append(f"{prompt!r} {times} times, meant {(meant or {}).get(prompt, 0)}: {history} {orders}")

    def _count_posts(self) -> None:
        for request, deeds in self.upstream.deeds.items():
            if len(deeds) > MOST_POSTS or not set(deeds[:-1]) <= _REPEATABLE:
                self.broken.append(f"{request} was posted {len(deeds)} times: {deeds}")


def says_what_to_do(job: VideoResult) -> bool:
    """An unknown outcome names the request and the two ways on."""
    words = (job.generation_id, "aimlapi.com", "get_video_status", "new_variant=true")
    return job.error is not None and job.error.charged == "maybe" and all(word in job.error.message for word in words)


def digests(paths: Iterable[Path]) -> dict[str, Path]:
    return {sha256(path): path for path in paths}


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _holds(job: VideoResult, generation: Generation) -> bool:
    if job.status != "completed" or job.video is None or not Path(job.video.path).is_file():
        return False
    return job.video.sha256 == generation.sha256 and sha256(Path(job.video.path)) == generation.sha256


def _brief(job: VideoResult | None) -> str:
    if job is None:
        return "no order"
    said = f"{job.error.name}, charged {job.error.charged}: {job.error.message[:160]}" if job.error else "no error"
    return f"{job.status} {job.generation_id} ({said})"

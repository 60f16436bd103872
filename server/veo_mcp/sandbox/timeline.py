"""Where a generation stands, which follows from the folder's files and the clock, so that a restart changes nothing."""

import json
import secrets
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal
from uuid import uuid4

from veo_mcp.sandbox.faults import DOOMED, strip_markers
from veo_mcp.sandbox.locks import is_held
from veo_mcp.sandbox.records import Generation, Records, write_atomically
from veo_mcp.sandbox.schema import Order

RENDER_COMMAND = (sys.executable, "-m", "veo_mcp.sandbox.render")

QUEUED_SHARE = 0.15
DOOM_SHARE = 0.5
SLOWNESS = 10

USD_PER_SECOND = 0.13
USD_PER_SECOND_AUDIO = 0.195

Phase = Literal["queued", "generating", "completed", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Creates generations, says where they stand, and keeps a renderer at work on each that still needs one."""

    records: Records
    seconds: float
    """How long a generation takes at least."""
    clock: Callable[[], float]
    render_command: Sequence[str]
    """Run with the paths of a request (JSON) and of the mp4 to write."""
    _workers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict[str, subprocess.Popen[bytes]])
    _starting: threading.Lock = field(default_factory=threading.Lock)

    def create(self, order: Order, faults: tuple[str, ...]) -> Generation:
        generation = Generation(
            id=_new_id(order.model, faults),
            model=order.model,
            prompt=order.prompt,
            faults=faults,
            created_at=self.clock(),
            usd=price(order),
        )
        request = render_request(order, faults)
        write_atomically(self.records.request_file(generation.key), json.dumps(request))
        self.records.add(generation)
        self.records.forget_old(self.clock())
        self.keep_rendering(generation)
        return generation

    def phase(self, generation: Generation) -> Phase:
        elapsed, faults = self.clock() - generation.created_at, set(generation.faults)
        seconds = self.seconds * (SLOWNESS if "slow" in faults else 1)
        if elapsed < QUEUED_SHARE * seconds:
            return "queued"
        if faults & DOOMED:
            return "error" if elapsed >= DOOM_SHARE * seconds else "generating"
        if self.records.failure(generation.key) is not None:
            return "error"
        if "stuck" in faults or elapsed < seconds or not self.records.video_file(generation.key).exists():
            return "generating"
        return "completed"

    def keep_rendering(self, generation: Generation) -> None:
        """Start a worker unless the video is there, can never be there, or is being made by anybody on this folder."""
        key = generation.key
        if set(generation.faults) & {*DOOMED, "stuck"} or not self.records.needs_render(key):
            return
        with self._starting:
            worker = self._workers.get(key)
            busy = (worker is not None and worker.poll() is None) or is_held(self.records.lock_file(key))
            if not busy and self.records.needs_render(key):
                self._workers[key] = self._start_worker(key)

    def balance(self) -> float:
        charged = [generation.usd for generation in self.records.all() if self.phase(generation) != "error"]
        return round(1000 - sum(charged), 6)

    def _start_worker(self, key: str) -> subprocess.Popen[bytes]:
        folder = str(self.records.folder.absolute())
        command = [sys.executable, "-m", "veo_mcp.sandbox.worker", folder, key, *self.render_command]
        with self.records.log_file(key).open("ab") as log:
            worker = subprocess.Popen(  # noqa: S603 - the command comes from whoever built the app
                command,
                stdin=subprocess.PIPE,  # never written to: its end tells the worker that this server has ended
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=folder,
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        threading.Thread(target=self._reap, args=(key, worker), name=f"sandbox-worker-{key}", daemon=True).start()
        return worker

    def _reap(self, key: str, worker: subprocess.Popen[bytes]) -> None:
        worker.wait()
        if worker.stdin is not None:
            worker.stdin.close()
        with self._starting:
            if self._workers.get(key) is worker:
                del self._workers[key]


def price(order: Order) -> float:
    """Return US dollars."""
    return round(order.duration * (USD_PER_SECOND_AUDIO if order.generate_audio else USD_PER_SECOND), 6)


def render_request(order: Order, faults: tuple[str, ...]) -> dict[str, object]:
    resolution = "720p" if order.resolution.lower() == "720p" or "wrong-size" in faults else "1080p"
    return {
        "prompt": strip_markers(order.prompt) or "A test clip",
        "duration": order.duration,
        "resolution": resolution,
        "aspect_ratio": order.aspect_ratio,
        "generate_audio": order.generate_audio and "silent" not in faults,
        "negative_prompt": order.negative_prompt,
        "seed": secrets.randbelow(2**32) if order.seed is None else order.seed,
    }


def _new_id(model: str, faults: tuple[str, ...]) -> str:
    if "nanoid" in faults:
        return "-" + secrets.token_urlsafe(15)
    return f"{uuid4()}:{model}"

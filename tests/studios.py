"""Studios and servers under test: a scripted API, an injected clock, a pace that makes nobody wait."""

import shutil
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import anyio
import httpx2
import uvicorn
from mcp import Client
from mcp.types import CallToolResult, TextContent
from starlette.applications import Starlette
from starlette.types import ASGIApp

from upstream import Upstream, clip
from veo_mcp import media
from veo_mcp.api import VideoRequest
from veo_mcp.artifacts import sha256
from veo_mcp.jobs import Failure, Job, State
from veo_mcp.sandbox.app import build_app
from veo_mcp.server import VeoServer, build_server
from veo_mcp.settings import Settings
from veo_mcp.studio import Studio
from veo_mcp.watcher import Pace
from veo_mcp.wiring import open_studio

KEY = "0123456789abcdef0123456789abcdef"
"""As AI/ML API's keys look: nothing in it says that it is one."""

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
QUICK = Pace(fixed_poll=0.02, lease=20, beat=0.05, retry=0.01, poked=0.01)
HASTY = replace(QUICK, retry=0.0002, poked=0.0002)
"""Half an hour of tries takes a third of a second."""

PROMPT = "A lighthouse at dawn"

Mode = Literal["auto", "legacy"]
MODES: tuple[Mode, ...] = ("auto", "legacy")


@dataclass
class Clock:
    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def settings_of(folder: Path, **changes: Any) -> Settings:
    usual: dict[str, Any] = {"api_key": KEY, "home": folder / "home", "output_dir": folder / "videos"}
    return Settings(**(usual | changes))


@dataclass
class Place:
    """Everything that a studio needs; open it as often as the test has processes."""

    folder: Path
    upstream: Upstream = field(default_factory=Upstream)
    clock: Clock = field(default_factory=Clock)
    pace: Pace = QUICK
    transport: httpx2.AsyncBaseTransport | None = None
    studio: Studio | None = None

    def settings(self, **changes: Any) -> Settings:
        return settings_of(self.folder, **changes)

    def open(self, *, watching: bool = True, **changes: Any) -> AbstractAsyncContextManager[Studio]:
        return self.opening(self.settings(**changes), watching=watching)

    @asynccontextmanager
    async def opening(self, settings: Settings, *, watching: bool = True) -> AsyncGenerator[Studio]:
        transport = self.transport or self.upstream.transport
        async with open_studio(
            settings, clock=self.clock, pace=self.pace, transport=transport, watching=watching
        ) as studio:
            self.studio = studio
            yield studio

    def server(self, **changes: Any) -> VeoServer:
        return build_server(self.settings(**changes), opening=self.opening)

    @asynccontextmanager
    async def connect(
        self, mode: Mode = "auto", *, client: dict[str, Any] | None = None, **changes: Any
    ) -> AsyncGenerator[Client]:
        async with Client(self.server(**changes), mode=mode, **(client or {})) as connected:
            yield connected


async def until_sent(studio: Studio, job: Job) -> Job:
    """Return the job once its paid call is answered."""
    async for latest in studio.follow(job, 10):
        job = latest
        if job.state is not State.SUBMITTING:
            break
    return job


def a_request(prompt: str = PROMPT, **fields: Any) -> VideoRequest:
    return VideoRequest(prompt=prompt, **fields)


def a_job(number: int = 1, **changes: Any) -> Job:
    """Return a job; the later its number, the later it was ordered."""
    request = changes.pop("request", a_request(f"{PROMPT} {number}"))
    usual: dict[str, Any] = {
        "id": f"job_{number:020}",
        "account": "aimlapi-test",
        "backend": "aimlapi",
        "model": "google/veo-3.1-t2v-fast",
        "request": request,
        "fingerprint": None if request is None else request.fingerprint("m", "aimlapi-test"),
        "state": State.SUBMITTING,
        "created_at": NOON + timedelta(seconds=number),
        "estimate_usd": 1.56,
    }
    return Job(**(usual | changes))


def a_failure(**changes: Any) -> Failure:
    usual: dict[str, Any] = {"name": "refused", "message": "It was refused.", "charged": "no"}
    return Failure(**(usual | changes))


def text_of(result: CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))


def fields_of(result: CallToolResult) -> dict[str, Any]:
    assert result.structured_content is not None, text_of(result)
    return result.structured_content


def obstruct(folder: Path) -> None:
    """Put a file where the folder is."""
    folder.rmdir()
    folder.write_text("in the way")


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for another task, thread or process."""
    with anyio.fail_after(seconds):
        while not condition():
            await anyio.sleep(0.005)


COPY = """
import os, shutil, sys
drawn, request, video = sys.argv[1:]
shutil.copyfile(drawn, video + ".new")
os.replace(video + ".new", video)
"""


def a_sandbox(folder: Path, *, seconds: float = 0.1) -> Starlette:
    """Return a sandbox whose renderer hands out a clip that is there already."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = folder / "drawn"
    drawn.write_bytes(clip())
    command = (sys.executable, "-I", "-S", "-c", COPY, str(drawn))
    return build_app(folder, seconds=seconds, render_command=command)


@contextmanager
def serving(app: ASGIApp) -> Generator[str]:
    """Serve on a free port; give the address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None))
    socket = server.config.bind_socket()
    socket.listen()  # who connects before the thread has come so far waits, and is not turned away
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{socket.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        socket.close()  # a server that was told to end before it had started leaves it open


class Inspections:
    """The real inspection, once per distinct file: each costs a child process that loads a decoder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, media.Inspection] = {}
        self._inspect = media.inspect

    async def __call__(self, path: Path, *, into: Path | None = None) -> media.Inspection:
        digest = sha256(path)
        pictures = self._folder / digest
        if digest not in self._known:
            self._known[digest] = await self._inspect(path, into=pictures)
        if into is not None and pictures.exists():
            shutil.copytree(pictures, into, dirs_exist_ok=True)
        return self._known[digest]

"""Real server processes on stdio, driven by the SDK's own client, and the proof that is asked of each scene's end."""

import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from mcp import Client, MCPError
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.types import CallToolResult, EmptyResult, PingRequest, TextContent
from proof import Figures, Proof, digests
from stand_in import KEY

from paid_service import Upstream
from veo_mcp.results import VideoList, VideoResult

WRAPPER = Path(__file__).with_name("wrapped.py")
WAIT_SECONDS = 45.0
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
"""On Windows, which has no SIGKILL, SIGTERM ends a process just as hard."""

ACTIVE = frozenset({"submitting", "queued", "generating", "downloading", "overdue"})


class NoVideo(Exception):
    """The call was refused in words; nothing was handed over."""


async def until(condition: Callable[[], object], seconds: float = WAIT_SECONDS) -> None:
    """Wait for another process."""
    with anyio.fail_after(seconds):
        while not condition():
            await anyio.sleep(0.01)


def _freeze(pid: int, *, frozen: bool) -> None:
    if sys.platform != "win32":
        os.kill(pid, signal.SIGSTOP if frozen else signal.SIGCONT)
        return
    import ctypes  # noqa: PLC0415 - on Windows only

    process = ctypes.windll.kernel32.OpenProcess(0x0800, 0, pid)  # PROCESS_SUSPEND_RESUME
    ctypes.windll.ntdll[f"Nt{'Suspend' if frozen else 'Resume'}Process"](process)
    ctypes.windll.kernel32.CloseHandle(process)


@dataclass(kw_only=True)
class Server:
    client: Client
    pid: int
    sign: Path
    log: Path
    _read: int = 0

    async def call(self, tool: str, **arguments: Any) -> CallToolResult:
        return await self.client.call_tool(tool, arguments)

    async def ping(self) -> None:
        await self.client.session.send_request(PingRequest(), EmptyResult)

    async def order(self, prompt: str, **arguments: Any) -> VideoResult:
        return _video(await self.call("create_video", prompt=prompt, duration=4, **arguments))

    async def make(self, prompt: str, **arguments: Any) -> VideoResult:
        """Order the video, or be handed the one that is there, and wait for it."""
        arguments = {"duration": 4, "max_wait_seconds": WAIT_SECONDS} | arguments
        return _video(await self.call("generate_and_wait", prompt=prompt, **arguments))

    async def status(self, handle: str, wait_seconds: float = 0) -> VideoResult:
        return _video(await self.call("get_video_status", generation_id=handle, wait_seconds=wait_seconds))

    async def state_of(self, handle: str) -> str:
        """Return the job's state as the ledger has it; asking for nothing changes nothing."""
        listed = VideoList.model_validate((await self.call("list_videos", limit=100)).structured_content)
        return next(video.status for video in listed.videos if video.generation_id == handle)

    async def ledger(self) -> list[VideoResult]:
        """Return every job, each once it is settled."""
        handles: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            listed = await self.call("list_videos", limit=100, **cursor)
            page = VideoList.model_validate(listed.structured_content)
            handles += [video.generation_id for video in page.videos]
            if page.cursor is None:
                return [await self.settled(handle) for handle in handles]
            cursor = {"cursor": page.cursor}

    async def settled(self, handle: str, seconds: float = WAIT_SECONDS) -> VideoResult:
        """Return the job once nothing is left to wait for, or as it is when the time is up."""
        video = await self.status(handle)
        with anyio.move_on_after(seconds):
            while video.status in ACTIVE:
                video = await self.status(video.generation_id, wait_seconds=10)
        return video

    @asynccontextmanager
    async def calling(self, tool: str, **arguments: Any) -> AsyncGenerator[list[CallToolResult]]:
        """Have the call under way inside the block; the list has its answer afterwards, if one came."""
        answers: list[CallToolResult] = []

        async def call() -> None:
            with suppress(MCPError):  # the server was killed in the middle of the call
                answers.append(await self.call(tool, **arguments))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            yield answers

    async def stands(self) -> None:
        """Wait until the process has come to the place where it was told to stop."""
        await until(self.sign.exists)

    def go_on(self) -> None:
        self.sign.with_suffix(".go").touch()

    async def has_said(self, words: str) -> None:
        """Wait until the log holds these words; the log begins anew with every call of `forget`."""
        await until(lambda: words in self.log.read_text()[self._read :])

    def forget(self) -> None:
        self._read = len(self.log.read_text())

    def kill(self) -> None:
        os.kill(self.pid, KILL)

    def freeze(self) -> None:
        _freeze(self.pid, frozen=True)

    def thaw(self) -> None:
        _freeze(self.pid, frozen=False)


@dataclass
class Scene:
    """One ledger, one folder for videos, one upstream, and as many processes as the test starts."""

    folder: Path
    upstream: Upstream
    database_url: str | None = None
    lease: float = 1.5
    beat: float = 0.3
    _servers: int = 0
    environment: dict[str, str] = field(default_factory=dict[str, str])
    ledger_was_deleted: bool = False

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def videos(self) -> Path:
        return self.folder / "videos"

    @property
    def database(self) -> Path | str:
        """What `databases.out_of_reach` takes."""
        return self.home / "jobs.sqlite3" if self.database_url is None else self.database_url

    def variables(self) -> dict[str, str]:
        found = {
            "AIMLAPI_API_KEY": KEY,
            "AIMLAPI_BASE_URL": self.upstream.base_url,
            "VEO_MCP_HOME": str(self.home),
            "VEO_MCP_OUTPUT_DIR": str(self.videos),
            "VEO_MCP_POLL_SECONDS": "0.1",
            "NO_PROXY": "*",
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        if self.database_url is not None:
            found["VEO_MCP_DATABASE_URL"] = self.database_url
        return found | self.environment

    @asynccontextmanager
    async def server(
        self, *, stop: str | None = None, hurried: bool = True, clock: str | None = None, **extra: str
    ) -> AsyncGenerator[Server]:
        """Start a process that serves on stdio.

        `stop` names the function before which its first call halts, `clock` the seconds that its clock is fast.
        """
        self._servers += 1
        self.folder.mkdir(parents=True, exist_ok=True)
        place = self.folder / f"server-{self._servers}"
        sign, log = place.with_suffix(".sign"), place.with_suffix(".log")
        variables = self.variables() | {"E2E_PID": str(place.with_suffix(".pid"))} | extra
        if hurried:
            variables |= {"E2E_LEASE": str(self.lease), "E2E_BEAT": str(self.beat), "E2E_BUSY": "0.5"}
        if clock is not None:
            variables["E2E_CLOCK"] = clock
        if stop is not None:
            variables |= {"E2E_STOP": stop, "E2E_SIGN": str(sign)}
        parameters = StdioServerParameters(command=sys.executable, args=[str(WRAPPER)], env=variables)
        with log.open("w") as errors:
            async with Client(stdio_client(parameters, errors), read_timeout_seconds=90, mode="legacy") as client:
                pid = int(place.with_suffix(".pid").read_text())
                yield Server(client=client, pid=pid, sign=sign, log=log)

    async def prove(self, server: Server, meant: Mapping[str, int] | None = None) -> Figures:
        """Assert that nothing was paid twice and that every paid id ended in a whole file or a stated outcome."""
        proof = await self.examine(server, meant)
        proof.assert_it_holds()
        return proof.figures

    async def examine(self, server: Server, meant: Mapping[str, int] | None = None) -> Proof:
        """Find out how everything has ended. A file whose order went with the ledger still counts as saved."""
        jobs = await server.ledger()
        orders = {job.generation_id: job for job in jobs}
        for generation in self.upstream.paid:
            if generation.request_id not in orders:
                with suppress(NoVideo):
                    orders[generation.request_id] = await server.settled(generation.request_id, seconds=5)
        files = digests(self.videos.glob("[!.]*"))
        proof = Proof(upstream=self.upstream, orders=orders, ordered=len(jobs), files=files)
        proof.weigh(meant, ledger_was_deleted=self.ledger_was_deleted)
        self.assert_the_key_went_to_the_api_only()
        return proof

    def assert_the_key_went_to_the_api_only(self) -> None:
        for heard in self.upstream.heard:
            assert heard.authorization == (None if heard.path.startswith("/files/") else f"Bearer {KEY}"), heard
        for log in self.folder.glob("*.log"):
            assert KEY not in log.read_text()


def _video(result: CallToolResult) -> VideoResult:
    said = next((block.text for block in result.content if isinstance(block, TextContent)), "")
    if result.structured_content is None:
        raise NoVideo(said)
    return VideoResult.model_validate(result.structured_content)

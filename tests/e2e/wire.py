"""A server process seen from its pipes: every line that it prints, its exit code, and whom it leaves behind."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream
from processes import WRAPPER, Scene, until

LONGEST_LINE = 10_000_000
CLIENT = {"name": "e2e", "version": "1"}
Message = dict[str, Any]


@dataclass(kw_only=True)
class Wire:
    process: Process
    stdout: BufferedByteReceiveStream
    told: Path
    heard: list[Message] = field(default_factory=list[Message])
    _last_id: int = 0

    async def ask(self, method: str, **params: Any) -> int:
        """Send a request; return its id."""
        self._last_id += 1
        await self._send({"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params})
        return self._last_id

    async def tell(self, method: str, **params: Any) -> None:
        await self._send({"jsonrpc": "2.0", "method": method, "params": params})

    async def call(self, tool: str, **arguments: Any) -> int:
        return await self.ask("tools/call", name=tool, arguments=arguments, _meta={"progressToken": tool})

    async def answer(self, request_id: int) -> Message:
        """Read until this request is answered; everything on the way is kept in `heard`."""
        while True:
            message = await self._next()
            if message.get("id") == request_id:
                return message

    async def greet(self) -> None:
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": CLIENT}
        await self.answer(await self.ask("initialize", **hello))
        await self.tell("notifications/initialized")

    async def hang_up(self) -> None:
        """Close the server's stdin."""
        assert self.process.stdin is not None
        await self.process.stdin.aclose()

    def tell_to_end(self) -> None:
        """Send SIGTERM; on Windows, where that ends a process at once, let it think that Ctrl-Break was pressed."""
        if sys.platform == "win32":
            self.told.touch()
        else:
            self.process.terminate()

    async def ended(self, seconds: float = 30) -> int:
        """Read what is left; return the exit code."""
        with anyio.fail_after(seconds):
            try:
                while True:
                    await self._next()
            except (anyio.EndOfStream, anyio.IncompleteRead):
                return await self.process.wait()

    async def _send(self, message: Message) -> None:
        assert self.process.stdin is not None
        await self.process.stdin.send(json.dumps(message).encode() + b"\n")

    async def _next(self) -> Message:
        """Return the next line, which must be a message of the protocol."""
        line = await self.stdout.receive_until(b"\n", LONGEST_LINE)
        message: Message = json.loads(line)
        assert message["jsonrpc"] == "2.0"
        self.heard.append(message)
        return message


@asynccontextmanager
async def wired(scene: Scene, **extra: str) -> AsyncGenerator[Wire]:
    """Start the server with bare pipes and greet it."""
    scene.folder.mkdir(parents=True, exist_ok=True)
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT") if name in os.environ}
    told = scene.folder / "told"
    if sys.platform == "win32":
        environment["E2E_BREAK"] = str(told)
    with (scene.folder / "wire.log").open("w") as log:
        process = await anyio.open_process(
            [sys.executable, str(WRAPPER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment | scene.variables() | extra,
        )
        assert process.stdout is not None
        async with process:
            try:
                wire = Wire(process=process, stdout=BufferedByteReceiveStream(process.stdout), told=told)
                await wire.greet()
                yield wire
            finally:
                if process.returncode is None:
                    process.kill()
                with anyio.CancelScope(shield=True):
                    await process.wait()


def processes_with(folder: Path, among: str = "") -> list[str]:
    """Return the command lines of this machine's living processes that name the folder (Linux)."""
    found: list[str] = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended meanwhile
            command = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if str(folder) in command and among in command:
                found.append(command)
    return found


async def until_nobody_names(folder: Path, seconds: float = 10) -> None:
    await until(lambda: not processes_with(folder), seconds)

"""Drive the veo-mcp that is installed beside this Python: a sandbox video, and a paid one from a stand-in on loopback.

scripts/matrix.py runs it in each of its environments; with the word `extras` it tries what the extras add.
Only what veo-mcp itself depends on may be imported here.
The last line on stdout is JSON: the versions of Python, of SQLite and of the packages that veo-mcp names.
"""

import hashlib
import importlib
import importlib.metadata
import json
import os
import platform
import re
import secrets
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
from mcp import Client, StdioServerParameters

PATIENCE_SECONDS = 120
COMMAND = str(Path(sys.executable).with_name("veo-mcp"))
ORDER = {"prompt": "A small boat sails down a rainy street", "duration": 4, "resolution": "720p"}
SERVER = os.environ.get("VEO_MCP_TEST_POSTGRES", "")
GENERATION = "0001:google/veo-3.1-t2v-fast"


class Service(ThreadingHTTPServer):
    """A stand-in for the API and for a collector of traces. It counts its charges; `content` is its one video."""

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.content = content
        self.charges = 0
        self.polls = 0
        self.traces = 0
        self.url = f"http://127.0.0.1:{self.server_port}"


class Answers(BaseHTTPRequestHandler):
    server: Service  # pyright: ignore[reportIncompatibleVariableOverride]

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep the output for what goes wrong."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/v1/traces":
            self.server.traces += 1
            self._send("application/x-protobuf", b"")
            return
        self.server.charges += 1
        self._answer({"id": GENERATION, "status": "queued", "meta": {"usage": {"usd_spent": 0.78}}})

    def do_GET(self) -> None:
        if self.path == "/video.mp4":
            self._send("video/mp4", self.server.content)
            return
        self.server.polls += 1
        if self.server.polls == 1:
            self._answer({"id": GENERATION, "status": "generating"})
        else:
            video = {"url": f"{self.server.url}/video.mp4"}
            self._answer({"id": GENERATION, "status": "completed", "video": video})

    def _answer(self, body: dict[str, Any]) -> None:
        self._send("application/json", json.dumps(body).encode())

    def _send(self, kind: str, content: bytes) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def serving(content: bytes) -> Generator[Service]:
    with Service(content) as service:
        threading.Thread(target=service.serve_forever, daemon=True).start()
        try:
            yield service
        finally:
            service.shutdown()


def environ(folder: Path, **settings: str) -> dict[str, str]:
    """Return a clean environment whose folders are all below `folder`."""
    names = {"HOME": "user", "VEO_MCP_HOME": "home", "VEO_MCP_OUTPUT_DIR": "videos"}
    folders = {name: str(folder / value) for name, value in names.items()}
    for each in folders.values():
        Path(each).mkdir(parents=True, exist_ok=True)
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "NO_PROXY": "*",
        "VEO_MCP_POLL_SECONDS": "0.2",
        **folders,
        **settings,
    }


class Broken(Exception):
    """What was driven did not do what it promises."""


def expect(holds: bool, what: str, found: object) -> None:
    if not holds:
        raise Broken(f"{what}: {found}")


async def drive(folder: Path) -> None:
    """Make one video on the sandbox, examine the installation, and order the same video from the stand-in."""
    drawn = await make(environ(folder / "free", VEO_MCP_BACKEND="sandbox", VEO_MCP_SANDBOX_SECONDS="0.5"))
    examine(environ(folder / "free"))
    with serving(drawn.read_bytes()) as service:
        paid = environ(folder / "paid", AIMLAPI_API_KEY="no-real-key", AIMLAPI_BASE_URL=service.url)
        saved = await make(paid)
    expect(service.charges == 1, "charges for one order", service.charges)
    files = [path for path in Path(paid["VEO_MCP_OUTPUT_DIR"]).rglob("*") if path.is_file()]
    expect(files == [saved], "files of one order", files)


async def make(environ: dict[str, str]) -> Path:
    """Order one video over stdio and look at it, as a chat host does; return its file."""
    async with serve(environ) as client:
        listed = await client.list_tools()
        made = await client.call_tool("generate_and_wait", ORDER)
        result: dict[str, Any] = made.structured_content or {}
        seen = await client.call_tool("view_video", {"generation_id": result.get("generation_id", "")})
    tools = {tool.name for tool in listed.tools}
    expect(
        tools >= {"create_video", "get_video_status", "generate_and_wait", "list_videos", "view_video"}, "tools", tools
    )
    expect(result.get("status") == "completed", "generate_and_wait", result.get("error") or result or made)
    expect([block.type for block in seen.content] == ["text", "image"], "view_video", seen)
    check(result)
    return Path(result["video"]["path"])


def check(result: dict[str, Any]) -> None:
    """Hold the result against its file: it was looked at, and neither it nor the looking gave reason for a warning."""
    warnings = [warning for warning in result["warnings"] if not warning.startswith("Sandbox: ")]
    expect(not warnings, "warnings", warnings)
    video = result["video"]
    facts = [video[name] for name in ("width", "height", "fps", "has_audio", "duration_seconds")]
    expect(facts == [1280, 720, 24.0, True, 4.0], "facts", video)
    expect(video["loudness_lufs"] is not None, "loudness", video)
    expect(hashlib.sha256(Path(video["path"]).read_bytes()).hexdigest() == video["sha256"], "digest", video)


@asynccontextmanager
async def serve(environ: dict[str, str]) -> AsyncGenerator[Client]:
    parameters = StdioServerParameters(command=COMMAND, args=["serve"], env=environ)
    with anyio.fail_after(PATIENCE_SECONDS):
        async with Client(parameters) as client:
            yield client


def examine(environ: dict[str, str]) -> None:
    doctor = subprocess.run(
        [COMMAND, "doctor"], env=environ, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    expect(doctor.returncode == 0, "doctor", doctor.stdout + doctor.stderr)


async def drive_extras(folder: Path) -> None:
    """Send a trace to the stand-in; where there is a Postgres server, open the ledger in a schema of its own there."""
    with serving(b"") as service:
        traced = environ(folder / "traced", VEO_MCP_BACKEND="sandbox", OTEL_EXPORTER_OTLP_ENDPOINT=service.url)
        async with serve(traced) as client:
            await client.call_tool("list_videos", {})
    expect(service.traces > 0, "traces", service.traces)
    psycopg = importlib.import_module("psycopg")
    expect(psycopg.pq.__impl__ == "binary", "psycopg", psycopg.pq.__impl__)
    if not SERVER:
        return
    schema = f"matrix_{secrets.token_hex(6)}"
    with psycopg.connect(SERVER, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
        address = f"{SERVER}{'&' if '?' in SERVER else '?'}options={quote(f'-csearch_path={schema}')}"
        examine(environ(folder / "postgres", VEO_MCP_DATABASE_URL=address))
        connection.execute(f"DROP SCHEMA {schema} CASCADE")


def versions() -> dict[str, str]:
    """Return what is installed of the packages that veo-mcp names, those of its extras included."""
    named = [re.split(r"[^\w-]", each, maxsplit=1)[0] for each in importlib.metadata.requires("veo-mcp") or ()]
    found = {"Python": platform.python_version(), "SQLite": sqlite3.sqlite_version}
    for name in sorted(set(named)):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # of an extra that was not asked for
    return found


def main() -> None:
    drives = drive_extras if sys.argv[1:] == ["extras"] else drive
    with tempfile.TemporaryDirectory() as folder:
        try:
            anyio.run(drives, Path(folder))
        except Broken as broken:
            sys.exit(str(broken))
    print(json.dumps(versions()))


if __name__ == "__main__":
    main()

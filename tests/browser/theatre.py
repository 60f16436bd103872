"""The stage for the player: a small host page, a film, and what the server would answer."""

import base64
import json
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import Frame, Page, expect

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip

STRICT = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; connect-src 'none'"
ROOT = Path(__file__).parents[2]
PLAYER = ROOT / "server/veo_mcp/views/player.html"
SHOTS = ROOT / "build/screenshots"

ID = "gen-1:google/veo"
URI = "veo://videos/gen-1%3Agoogle%2Fveo"
PATH = "/home/mara/Videos/veo-mcp/2026-11-23-slow-dolly-in-on-a-lighthouse-keep-1a2b3c4d.mp4"
LINK = "https://cdn.example/output.mp4"
PROMPT = (
    "Slow dolly-in on a lighthouse keeper at the rail of a storm-lit lighthouse at dawn. He lifts a brass lantern and"
    ' squints into the spray. Teal and amber grade, 35 mm film grain. He mutters: "Not tonight." SFX: gulls, waves'
    " breaking, a rope creaking. Wind hums low across the gallery, and a bell rings far out at sea."
)
SANDBOX_WARNING = (
    "Sandbox: an animatic drawn on this machine, not Veo. Nothing is charged; the cost is what Veo would cost."
    " Set AIMLAPI_API_KEY for real videos."
)
ALL_CAPABILITIES: dict[str, Any] = {
    "openLinks": {}, "serverTools": {}, "serverResources": {}, "message": {"text": {}}, "downloadFile": {},
}  # fmt: skip

Answers = dict[str, list[Any]]


@dataclass(frozen=True)
class Film:
    mp4: Path
    sheet: Path

    @property
    def files(self) -> Answers:
        """What the server answers when the player reads the video and its sheet."""
        return {
            f"resources/read {URI}": [blob(self.mp4.read_bytes(), "video/mp4")],
            f"resources/read {URI}/sheet": [blob(self.sheet.read_bytes(), "image/jpeg")],
        }


def result_of(status: str, **changes: Any) -> dict[str, Any]:
    """Return a structured result as the tools give it."""
    video = {
        "path": PATH, "uri": URI, "size_bytes": 4_512_345, "sha256": "00", "duration_seconds": 4.0, "width": 1280,
        "height": 720, "fps": 24.0, "has_audio": True, "loudness_lufs": -18.2, "url": LINK,
    }  # fmt: skip
    usual: dict[str, Any] = {
        "generation_id": ID, "status": status, "model": "google/veo-3.1-t2v-fast", "backend": "aimlapi",
        "prompt": PROMPT, "created_at": "2026-11-23T12:00:00Z", "elapsed_seconds": 42.3,
        "video": video if status == "completed" else None, "error": None, "cost_usd": 1.56,
        "cost_is_estimate": False, "reused": False, "warnings": [], "next_step": "",
    }  # fmt: skip
    return usual | changes


def a_video(**changes: Any) -> dict[str, Any]:
    """Return a completed result whose video differs in this."""
    result = result_of("completed")
    return result | {"video": result["video"] | changes}


def an_error(name: str, message: str, charged: str) -> dict[str, str]:
    return {"name": name, "message": message, "charged": charged}


def called(**arguments: Any) -> tuple[str, Any]:
    """Return the notification of the tool call's arguments."""
    return "ui/notifications/tool-input", {"arguments": arguments}


def ended(structured: dict[str, Any] | None = None, text: str = "text", **more: Any) -> tuple[str, Any]:
    """Return the notification of the tool call's result."""
    result: dict[str, Any] = {"content": [{"type": "text", "text": text}], **more}
    return "ui/notifications/tool-result", result | ({"structuredContent": structured} if structured else {})


def text(value: Any) -> dict[str, Any]:
    return {"contents": [{"uri": "", "text": value if isinstance(value, str) else json.dumps(value)}]}


def blob(content: bytes, kind: str) -> dict[str, Any]:
    return {"contents": [{"uri": "", "mimeType": kind, "blob": base64.b64encode(content).decode()}]}


def listed(status: str, *, seconds_ago: float = 0, **changes: Any) -> dict[str, Any]:
    """Return a video as the list has it: the prompt's beginning, and no seconds."""
    created_at = (datetime.now(UTC) - timedelta(seconds=seconds_ago)).isoformat(timespec="seconds")
    usual = {"generation_id": ID, "status": status, "prompt": PROMPT[:120], "created_at": created_at, "path": None}
    return usual | changes


def listing(*videos: dict[str, Any]) -> dict[str, Any]:
    return {"content": [], "structuredContent": {"videos": list(videos)}}


def read_error(message: str) -> dict[str, Any]:
    return {"error": {"code": -32602, "message": message}}


def status_of(*results: dict[str, Any]) -> Answers:
    return {f"resources/read {URI}/status": [text(result) for result in results]}


@dataclass
class Theatre:
    page: Page
    address: str
    film: Film
    complaints: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(f"{self.address}/host.html")

    def show(
        self,
        *told: tuple[str, Any],
        answers: Answers | None = None,
        capabilities: dict[str, Any] | None = None,
        theme: str = "light",
        **setup: Any,
    ) -> Frame:
        """Show the player in the host, tell it `told`, and return its frame."""
        self.page.evaluate(
            "setup => start(setup)",
            {
                "html": PLAYER.read_text(encoding="utf-8"),
                "capabilities": ALL_CAPABILITIES if capabilities is None else capabilities,
                "context": {"theme": theme},
                "answers": answers or {},
                "then": [list(one) for one in told],
                **setup,
            },
        )
        frame = self.page.query_selector("#view")
        found = frame.content_frame() if frame else None
        assert found is not None
        return found

    def tell(self, method: str, params: Any) -> None:
        self.page.evaluate("([method, params]) => tell(method, params)", [method, params])

    def asked(self, method: str) -> list[Any]:
        """Return the parameters of what the player asked or told the host, in order."""
        said = self.page.evaluate("asked")
        return [message.get("params") for message in said if message.get("method") == method]

    def wait_until_asked(self, method: str, *last: Any) -> None:
        """Wait until the player has asked this, and the last time with these parameters if any are given."""
        end = time.monotonic() + 15
        while not (found := self.asked(method)) or (last and found[-1] != last[0]):
            assert time.monotonic() < end, found
            self.page.wait_for_timeout(50)

    def shot(self, name: str) -> None:
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png", full_page=True, animations="disabled")


def wait_for(frame: Frame, state: str) -> None:
    expect(frame.locator("#card")).to_have_attribute("data-state", state, timeout=15_000)


def shown(frame: Frame, name: str) -> str:
    return frame.locator(f"#{name}").inner_text()


def buttons(frame: Frame) -> list[str]:
    return [button.inner_text() for button in frame.locator("#actions button:visible").all()]


def until(frame: Frame, condition: str, seconds: float = 15) -> None:
    """Wait for a condition in JavaScript; unlike the driver's own waiting this works under a strict policy."""
    end = time.monotonic() + seconds
    while not frame.evaluate(condition):
        assert time.monotonic() < end, condition
        frame.page.wait_for_timeout(50)


def playing(frame: Frame) -> dict[str, Any]:
    """Wait until the video has moved on by half a second; return what is heard and seen by then."""
    until(frame, "el.video.currentTime > .5 && !el.video.paused")
    return frame.evaluate(
        "({sound: el.video.webkitAudioDecodedByteCount, width: el.video.videoWidth, muted: el.video.muted,"
        " scheme: el.video.src.split(':')[0], controls: el.video.controls})"
    )


@contextmanager
def serving(folder: Path) -> Generator[str]:
    """Serve the folder on a port of this machine."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the overridden method's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()

"""A stand-in for the paid service on loopback: it counts what it charges for, and stops where a test wants it to."""

import hashlib
import json
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, cast
from urllib.parse import parse_qs, quote, unquote, urlsplit

from media_files import box, video

KEY = "test-key"
GENERATIONS = "/v2/video/generations"
PATIENCE_SECONDS = 60.0

Stage = Literal["arrived", "charged", "polled", "downloading", "half"]
"""Where a call can be stopped: a POST before and after it is charged, a poll, a download before and in its middle."""

Trouble = Literal["400", "429", "503", "500", "cut", "404", "html", "expired"]


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
    """One call as it came in."""

    method: str
    path: str
    authorization: str | None
    prompt: str


Weather = Callable[[Stage, str], Trouble | None]


@dataclass
class Upstream:
    """`troubles[stage, prompt]` are met one by one; `weather` decides where there are none."""

    seconds: float = 0.2
    paid: list[Generation] = field(default_factory=list[Generation])
    heard: list[Heard] = field(default_factory=list[Heard])
    troubles: defaultdict[tuple[Stage, str], deque[Trouble]] = field(
        default_factory=lambda: defaultdict[tuple[Stage, str], deque[Trouble]](deque)
    )
    weather: Weather = lambda _stage, _prompt: None
    base_url: str = ""
    _gates: dict[tuple[Stage, str], Gate] = field(default_factory=dict[tuple[Stage, str], Gate])
    _all_gates: list[Gate] = field(default_factory=list[Gate])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def gate(self, stage: Stage, prompt: str) -> Gate:
        """Stop the next call about this prompt there."""
        gate = self._gates[stage, prompt] = Gate()
        self._all_gates.append(gate)
        return gate

    def open_all(self) -> None:
        for gate in self._all_gates:
            gate.open()

    def paid_for(self, prompt: str) -> list[Generation]:
        return [generation for generation in self.paid if generation.prompt == prompt]

    def generation(self, generation_id: str) -> Generation | None:
        return next((generation for generation in self.paid if generation.id == generation_id), None)

    def posts(self, prompt: str) -> int:
        return sum(heard.method == "POST" and heard.prompt == prompt for heard in self.heard)

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

    def come_to(self, stage: Stage, prompt: str) -> Trouble | None:
        """Wait where a gate is closed; return the trouble that awaits the call here."""
        with self._lock:
            gate = self._gates.pop((stage, prompt), None)
            waiting = self.troubles[stage, prompt]
            trouble = waiting.popleft() if waiting else self.weather(stage, prompt)
        if gate is not None:
            gate.reached.set()
            gate.opened.wait(PATIENCE_SECONDS)
        return trouble


@contextmanager
def listening(upstream: Upstream, port: int = 0) -> Generator[Upstream]:
    """Serve the two endpoints and the files on a loopback port."""
    handler = cast("type[BaseHTTPRequestHandler]", type("Bound", (_Handler,), {"upstream": upstream}))
    server = _Server(("127.0.0.1", port), handler)
    upstream.base_url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield upstream
    finally:
        upstream.open_all()
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that were killed leave broken pipes behind."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    upstream: Upstream

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep the test's output clean."""

    def do_POST(self) -> None:
        body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["content-length"])))
        prompt = str(body["prompt"])
        self._note(prompt)
        trouble = self.upstream.come_to("arrived", prompt)
        if self.headers.get("authorization") != f"Bearer {KEY}":
            self._json(401, {"message": "This request requires a valid API key."})
        elif trouble in {"400", "429", "503"}:
            self._json(int(trouble), {"message": "Not now"}, {"Retry-After": "0.2"})
        else:
            self._charge(prompt, "cut" if trouble == "cut" else None)

    def _charge(self, prompt: str, trouble: Trouble | None) -> None:
        generation = self.upstream.charge(prompt, self.headers.get("x-client-request-id", ""))
        trouble = self.upstream.come_to("charged", prompt) or trouble
        if trouble == "cut":
            self.close_connection = True
        elif trouble == "500":
            self._json(500, {"message": "Something broke"})
        else:
            usage = {"credits_used": 1_040_000, "usd_spent": 0.52}
            self._json(200, {"id": generation.id, "status": "queued", "meta": {"usage": usage}})

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path == GENERATIONS:
            self._status(parse_qs(address.query).get("generation_id", [""])[0])
        else:
            self._file(unquote(address.path.removeprefix("/files/").removesuffix(".mp4")))

    def _status(self, generation_id: str) -> None:
        generation = self.upstream.generation(generation_id)
        self._note(generation.prompt if generation else "")
        if generation is None:
            self._json(404, {"message": "Inference not found"})
            return
        trouble = self.upstream.come_to("polled", generation.prompt)
        if trouble == "cut":
            self.close_connection = True
        elif trouble == "html":
            self._send(524, b"<html><h1>A timeout occurred</h1></html>", "text/html")
        elif trouble is not None and trouble.isdigit():
            self._json(int(trouble), {"message": "Not at the moment"})
        elif time.monotonic() - generation.charged_at < self.upstream.seconds:
            self._json(200, {"id": generation_id, "status": "generating"})
        else:
            url = f"{self.upstream.base_url}/files/{quote(generation_id, safe='')}.mp4"
            self._json(200, {"id": generation_id, "status": "completed", "video": {"url": url}})

    def _file(self, generation_id: str) -> None:
        generation = self.upstream.generation(generation_id)
        self._note(generation.prompt if generation else "")
        if generation is None:
            self._send(404, b"Not found", "text/plain")
            return
        trouble = self.upstream.come_to("downloading", generation.prompt)
        if trouble == "expired":
            self._send(403, b"Request has expired", "text/plain")
        elif trouble is not None and trouble.isdigit():
            self._send(int(trouble), b"Not at the moment", "text/plain")
        else:
            self._content(generation)

    def _content(self, generation: Generation) -> None:
        content = generation.content
        self.send_response(200)
        self.send_header("content-type", "video/mp4")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2])
        self.wfile.flush()
        if self.upstream.come_to("half", generation.prompt) == "cut":
            self.close_connection = True
        else:
            self.wfile.write(content[len(content) // 2 :])

    def _json(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(body).encode(), "application/json", headers)

    def _send(self, status: int, content: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(content)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _note(self, prompt: str) -> None:
        path = urlsplit(self.path).path
        heard = Heard(method=self.command, path=path, authorization=self.headers.get("authorization"), prompt=prompt)
        self.upstream.heard.append(heard)


def _content(generation_id: str) -> bytes:
    """Return a video that is unlike that of any other generation, so that files cannot be mixed up unnoticed."""
    return video(frames=24) + box(b"free", generation_id.encode())

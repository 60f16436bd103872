"""A stand-in for the paid service on loopback: it counts what it charges for, and stops or fails where a test wants.

What it can answer at its worst is in `hostile_answers`.
"""

import json
import socket
import struct
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, quote, unquote, urlsplit

import hostile_answers as hostile
from hostile_answers import Answer, Trouble
from paid_service import Generation, Heard, Upstream, Wait

KEY = "test-key"
GENERATIONS = "/v2/video/generations"


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
    drops_the_next = False

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep the test's output clean."""

    def do_POST(self) -> None:
        body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["content-length"])))
        prompt, request_id = str(body["prompt"]), self.headers.get("x-client-request-id", "")
        self._note(prompt)
        trouble = "reset" if self.drops_the_next else self.upstream.come_to("arrived", prompt)
        if self.headers.get("authorization") != f"Bearer {KEY}":
            self._send(hostile.own(401, "plain", "This request requires a valid API key."))
        elif trouble is None:
            self._charge(prompt, request_id)
        else:
            self.upstream.deeds[request_id].append(f"arrived: {trouble}")
            self._decline(trouble)

    def _decline(self, trouble: Trouble) -> None:
        """End the call without a charge."""
        if trouble in hostile.BUSY:
            self._send(hostile.busy(trouble, retry_after=self.upstream.busy_seconds))
        elif trouble == "400":
            self._send(hostile.own(400, "problem", "Not this"))
        else:
            self._break_off(reset=trouble == "reset")

    def _charge(self, prompt: str, request_id: str) -> None:
        generation = self.upstream.charge(prompt, request_id)
        trouble = self.upstream.come_to("charged", prompt)
        self.upstream.deeds[request_id].append(f"charged: {trouble or 'answered'}")
        usage = {"credits_used": 1_040_000, "usd_spent": 9e14 if trouble == "price" else 0.52}
        body = {"id": generation.id, "status": "queued", "meta": {"usage": usage}}
        if trouble == "same id":
            body["id"] = self.upstream.confuse(generation).id
        answer = hostile.in_json(200, body, kind=hostile.HEX if trouble == "charset" else "application/json")
        if trouble in hostile.FOREIGN:
            self._send(hostile.FOREIGN[trouble])
        elif trouble == "cut in headers":
            self._break_off(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-le")
        elif trouble == "cut in body":
            start = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(answer.body)}\r\n\r\n"
            self._break_off(start.encode() + answer.body[:9])
        elif trouble == "cut":
            self._break_off()
        elif trouble == "bad header":
            self._send(hostile.in_json(200, body, x_served_by="caf\xe9"))
        else:
            time.sleep(self.upstream.late_seconds if trouble == "late" else 0)
            self._send(answer)

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path == GENERATIONS:
            self._status(parse_qs(address.query).get("generation_id", [""])[0])
        else:
            self._file(unquote(address.path.removeprefix("/files/").removesuffix(".mp4")))

    def _status(self, generation_id: str) -> None:
        generation = self.upstream.generation(generation_id)
        self._note(generation.prompt if generation else "", generation_id)
        if generation is None:
            self._send(hostile.POLLS["404"])
        elif self.drops_the_next:
            self._break_off(reset=True)
        elif self.upstream.is_away(generation_id):
            self._send(hostile.page(502))
        else:
            self._poll(generation, self.upstream.come_to("polled", generation.prompt))

    def _poll(self, generation: Generation, trouble: Trouble | None) -> None:
        if trouble in hostile.POLLS:
            self._send(hostile.POLLS[trouble])
        elif trouble in {"cut", "reset"}:
            self._break_off(reset=trouble == "reset")
        elif trouble in {"error", "failed"}:
            said = {"name": "internal", "message": "Something went wrong"}
            self._send(hostile.in_json(200, {"id": generation.id, "status": trouble, "error": said}))
        elif trouble == "outage":
            self.upstream.fail_for(self.upstream.outage_seconds, generation.id)
            self._send(hostile.page(502))
        elif trouble in {"429 wait", "503 wait"}:
            seconds = self.upstream.wait_seconds
            self._send(hostile.own(int(trouble[:3]), "plain", "Ask later", Retry_After=f"{seconds:g}"))
            self.upstream.waits.append(Wait(asked=generation.id, began=time.monotonic(), seconds=seconds))
        else:
            self._tell(generation)
            self.drops_the_next = trouble == "idle"

    def _tell(self, generation: Generation) -> None:
        if not self.upstream.is_done(generation):
            self._send(hostile.in_json(200, {"id": generation.id, "status": "generating"}))
            return
        url = f"{self.upstream.base_url}/files/{quote(generation.id, safe='')}.mp4"
        self._send(hostile.in_json(200, {"id": generation.id, "status": "completed", "video": {"url": url}}))

    def _file(self, generation_id: str) -> None:
        generation = self.upstream.generation(generation_id)
        self._note(generation.prompt if generation else "")
        if generation is None:
            self._send(Answer(status=404, body=b"Not found", kind="text/plain"))
        elif self.drops_the_next:
            self._break_off(reset=True)
        elif self.upstream.is_away(generation_id):
            self._send(hostile.page(502))
        elif (trouble := self.upstream.come_to("downloading", generation.prompt)) in hostile.DOWNLOADS:
            self._send(hostile.DOWNLOADS[trouble])
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
        trouble = self.upstream.come_to("half", generation.prompt)
        if trouble == "cut":
            self.close_connection = True
        else:
            time.sleep(self.upstream.slow_seconds if trouble == "slow" else 0)
            self.wfile.write(content[len(content) // 2 :])

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("content-type", answer.kind)
        self.send_header("content-length", str(len(answer.body)))
        for name, value in answer.headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def _break_off(self, sent: bytes = b"", *, reset: bool = False) -> None:
        """End the connection, after these bytes; with `reset` as one that had been idle for too long."""
        self.close_connection = True
        self.wfile.write(sent)
        self.wfile.flush()
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _note(self, prompt: str, asked: str = "") -> None:
        path, at = urlsplit(self.path).path, time.monotonic()
        authorization = self.headers.get("authorization")
        self.upstream.heard.append(
            Heard(method=self.command, path=path, authorization=authorization, prompt=prompt, asked=asked, at=at)
        )

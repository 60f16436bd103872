"""The API as a script: what each order, poll and download is answered with, and a record of what was asked."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import anyio
import httpx2

from media_files import video

ORIGIN = "https://api.aimlapi.com"
GENERATIONS = "/v2/video/generations"
LINK = "https://cdn.example/output.mp4"
USAGE = {"usage": {"credits_used": 3_120_000, "usd_spent": 1.56}}

Answer = Callable[[httpx2.Request], httpx2.Response | Awaitable[httpx2.Response]]


@cache
def clip(picture: int = 0) -> bytes:
    """Return a whole mp4 of a second; another figure gives other bytes."""
    return video(size=(160, 90), frames=24 + picture, sound=0.1)


@dataclass
class Says:
    status: int
    options: dict[str, Any]

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(self.status, **self.options)


@dataclass
class Fails:
    error: type[httpx2.TransportError]

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        raise self.error("the connection broke", request=request)


def says(body: object = None, status: int = 200, *, raw: Sequence[tuple[bytes, bytes]] = (), **headers: str) -> Answer:
    """Answer with JSON, or with a page where `body` is text; `raw` headers hold any bytes."""
    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Says(status, {"html" if isinstance(body, str) else "json": body, "headers": [*sent, *raw]})


def busy(status: int, message: str = "Not at the moment.", **headers: str) -> Answer:
    """Refuse in the service's own words: nothing was ordered."""
    body = {"requestId": "1", "statusCode": status, "timestamp": "2026-11-23T12:00:00Z", "path": GENERATIONS}
    return says(body | {"message": message}, status, raw=(), **headers)


def fails(error: type[httpx2.TransportError] = httpx2.ReadError) -> Answer:
    return Fails(error)


def accepts(generation_id: str, **more: Any) -> Answer:
    return says({"id": generation_id, "status": "queued", **more})


def status(word: str, **more: Any) -> Answer:
    return says({"id": "any", "status": word, **more})


def completed(url: str = LINK) -> Answer:
    return status("completed", video={"url": url})


def delivers(content: bytes, kind: str = "video/mp4", **headers: str) -> Answer:
    sent = {"content-type": kind} | {name.replace("_", "-"): value for name, value in headers.items()}
    return Says(200, {"content": content, "headers": sent})


class Gate:
    """An answer that is held back until the test lets it go."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.reached = anyio.Event()
        self.opened = anyio.Event()

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.reached.set()
        await self.opened.wait()
        found = self._answer(request)
        return found if isinstance(found, httpx2.Response) else await found


@dataclass
class Upstream:
    """Each list is answered from front to back; its last answer is given for ever. Empty: all goes well."""

    orders: list[Answer] = field(default_factory=list[Answer])
    polls: list[Answer] = field(default_factory=list[Answer])
    files: list[Answer] = field(default_factory=list[Answer])
    seen: list[httpx2.Request] = field(default_factory=list[httpx2.Request])

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.seen.append(request)
        found = self._next(request)(request)
        return found if isinstance(found, httpx2.Response) else await found

    def _next(self, request: httpx2.Request) -> Answer:
        if request.url.path != GENERATIONS:
            answers, usual = self.files, delivers(clip())
        elif request.method == "POST":
            answers, usual = self.orders, accepts(f"gen-{len(self.posts)}:google/veo", meta=USAGE)
        else:
            answers, usual = self.polls, completed()
        if len(answers) > 1:
            return answers.pop(0)
        return answers[0] if answers else usual

    @property
    def transport(self) -> httpx2.MockTransport:
        return httpx2.MockTransport(self)

    def _asked(self, method: str) -> list[httpx2.Request]:
        return [request for request in self.seen if request.url.path == GENERATIONS and request.method == method]

    @property
    def posts(self) -> list[dict[str, Any]]:
        return [json.loads(request.content) for request in self._asked("POST")]

    @property
    def gets(self) -> list[str]:
        return [request.url.params["generation_id"] for request in self._asked("GET")]

    @property
    def downloads(self) -> list[httpx2.Request]:
        return [request for request in self.seen if request.url.path != GENERATIONS]

"""What the paid service, or whatever stands in front of it, can answer at its worst, each under a name."""

import json
from dataclasses import dataclass
from typing import Any, Literal

Busy = Literal["429 problem", "503 problem", "429 plain", "503 plain", "429 coded", "503 coded"]
"""Not charged, and said in one of the service's own three envelopes."""

Unpaid = Literal["400", "cut", "reset"]

Foreign = Literal[
    "503 html", "503 empty", "503 foreign", "503 charset", "429 html", "429 html at once", "409", "499", "500", "502",
    "524", "nested", "charset page",
]  # fmt: skip
"""Charged, and then answered by somebody who knows nothing of the order."""

Broken = Literal["cut", "cut in headers", "cut in body"]
"""Charged, and then the connection ends."""

Odd = Literal["bad header", "charset", "late", "price", "same id"]
"""Charged, and answered with an id after all: the id counts."""

Poll = Literal[
    "404", "500", "html", "cut", "reset", "idle", "error", "failed", "outage", "429 wait", "503 wait", "nested",
    "charset page", "brackets",
]  # fmt: skip
Download = Literal["expired", "500", "503", "cut", "slow"]

Trouble = Busy | Unpaid | Foreign | Broken | Odd | Poll | Download


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One HTTP answer; a header may hold what HTTP does not allow."""

    status: int
    body: bytes = b""
    kind: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


def in_json(status: int, body: dict[str, Any], *, kind: str = "application/json", **headers: str) -> Answer:
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Answer(status=status, body=json.dumps(body).encode(), kind=kind, headers=named)


def page(status: int, **headers: str) -> Answer:
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    text = f"<html><head><title>{status}</title></head><body><h1>Error {status}</h1>nginx</body></html>"
    return Answer(status=status, body=text.encode(), kind="text/html", headers=named)


def own(status: int, envelope: str, message: str, **headers: str) -> Answer:
    """Say no as the service itself does; contract.md, "Errors"."""
    path, now = "/v2/video/generations", "2026-11-26T10:00:00.000Z"
    if envelope == "problem":
        body: dict[str, Any] = {"title": "Not now", "status": status, "message": message, "instance": f"{path}?"}
        body |= {"timestamp": now, "error": {"name": "NotNowException", "message": message, "data": {}}}
        return in_json(status, body, kind="application/problem+json", **headers)
    if envelope == "plain":
        body = {"requestId": "0b1c", "statusCode": status, "timestamp": now, "path": path, "message": message}
        return in_json(status, body, **headers)
    error = {"code": "not_now", "message": message, "retryable": True, "request_id": "0b1c"}
    return in_json(status, {"error": error}, **headers)


def busy(trouble: Busy, *, retry_after: float) -> Answer:
    status, _, envelope = trouble.partition(" ")
    return own(int(status), envelope, "Not now", Retry_After=f"{retry_after:g}")


HEX = "application/json; charset=hex"
_NESTED = Answer(status=200, body=b"[" * 100_000)
_HEX_PAGE = Answer(status=200, body=page(200).body, kind="text/html; charset=hex")

BUSY: tuple[Busy, ...] = ("429 problem", "503 problem", "429 plain", "503 plain", "429 coded", "503 coded")

FOREIGN: dict[Foreign, Answer] = {
    "503 html": page(503),
    "503 empty": Answer(status=503, kind="text/plain"),
    "503 foreign": in_json(503, {"message": "Service Unavailable"}),
    "503 charset": Answer(status=503, body=page(503).body, kind="text/html; charset=hex"),
    "429 html": page(429),
    "429 html at once": page(429, Retry_After="0"),
    "409": page(409),
    "499": Answer(status=499, kind="text/plain"),
    "500": in_json(500, {"message": "Something broke"}),
    "502": page(502),
    "524": page(524),
    "nested": _NESTED,
    "charset page": _HEX_PAGE,
}

BROKEN: tuple[Broken, ...] = ("cut", "cut in headers", "cut in body")

POLLS: dict[Poll, Answer] = {
    "404": own(404, "plain", "Inference not found"),
    "500": own(500, "problem", "Not at the moment"),
    "html": page(524),
    "nested": _NESTED,
    "charset page": _HEX_PAGE,
    "brackets": Answer(status=502, body=b"<" * 20_000, kind="text/html"),
}
"""Each says nothing about the generation; the other troubles of a poll need the stand-in's memory."""

DOWNLOADS: dict[Download, Answer] = {
    "expired": Answer(status=403, body=b"Request has expired", kind="text/plain"),
    "500": Answer(status=500, body=b"Not at the moment", kind="text/plain"),
    "503": page(503),
}

"""Trouble on request, in the manner of test card numbers: `[sandbox:NAME]` in a prompt, as many as you like."""

import re
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from veo_mcp.sandbox.cuts import NoAnswer
from veo_mcp.sandbox.envelopes import coded, page, plain, problem
from veo_mcp.sandbox.records import Generation, Records, key_of

FAULTS = {
    # refused orders: nothing is paid
    "bad-key": "The order answers 401.",
    "out-of-credits": "The order answers 403: no credits left.",
    "key-limit": "The order answers 403: the key's own limit is reached.",
    "rate-limit": "Every other order of the prompt, the first one to begin with, answers 429 with `Retry-After: 1`.",
    "rate-limit-always": "The order answers 429, always, without `Retry-After`.",
    "maintenance": "Every other order of the prompt, the first one to begin with, answers 503.",
    "message-list": "The order answers 400 with a list as its message.",
    "schema-d": "The order is checked as the schema of autumn 2026 does: 720P, 1080P, 4K; no seed, no negative prompt.",
    # orders that are taken and paid, and answered oddly
    "server-error": "The order is paid, then answers 500.",
    "html-error": "The order is paid, then answers 502 with an HTML page.",
    "gateway-busy": "The order is paid, then answers 503 with an HTML page, as gateways do after a time-out.",
    "no-answer": "The order is paid, then the connection is cut.",
    "generation-id-key": "The order's answer names the id `generation_id`.",
    "nanoid": "The id has 21 characters and begins with a dash.",
    "plain-201": "The order answers 201 without usage.",
    "tokens-used": "The order's usage is the older `tokens_used`.",
    # generations that fail
    "content-policy": "Fails after a while: `error` is a name and a message.",
    "error-detail": "Fails after a while: `error` is a list of details.",
    "error-string": "Fails after a while: `error` is a string.",
    "unknown-error": "Fails after a while: the status is `unknown`, the id empty, and there is an `error`.",
    "cancelled": "Ends after a while as `cancelled`, without an `error`.",
    # generations that take their time or talk oddly
    "stuck": "Generates for ever.",
    "slow": "Takes ten times as long.",
    "flaky-polls": "Every other poll fails: 524 as HTML, 404, a cut connection, 500.",
    "back-and-forth": "The first three polls say generating, queued, generating.",
    "odd-status": "The second poll says a word that nobody knows.",
    "old-words": "Says waiting, active and complete.",
    "succeeded": "Says succeeded where others say completed.",
    "other-id": "Polls answer with another id than the one asked for.",
    "list-video": "`video` is a list of objects with a URL.",
    "string-list-video": "`video` is a list of URLs.",
    "no-url": "Completes without a URL.",
    "no-url-once": "Completes without a URL, which appears at the next poll.",
    # downloads
    "expired-url": "The first URL answers 403; every later poll hands out one that works.",
    "redirect": "The URL redirects to the file.",
    "signed-url": "The URL answers 400 to whoever sends an Authorization header.",
    "cut-download": "The first download is cut halfway.",
    "short-body": "The first download ends halfway through its Content-Length; a Range request continues it.",
    "truncated-file": "The file is half of an mp4.",
    "empty-file": "The file has no bytes.",
    "not-a-video": "The file is an HTML page.",
    # videos that are not what was ordered
    "wrong-size": "Delivers 720p, whatever was ordered.",
    "silent": "Delivers no sound, whatever was ordered.",
}
"""What each marker does; the README's table is made from it."""

DOOMED = frozenset({"content-policy", "error-detail", "error-string", "unknown-error", "cancelled"})

_MARKER = re.compile(r"\s*\[sandbox:\s*([\w-]+)\s*\]", re.IGNORECASE)

Count = Callable[[], int]


def find_markers(prompt: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.lower() for name in _MARKER.findall(prompt)))


def strip_markers(prompt: str) -> str:
    return _MARKER.sub("", prompt).strip()


def refuse(request: Request, prompt: str, records: Records) -> Response | None:
    """Answer an order that a marker refuses; None where it may go on."""
    for name in find_markers(prompt):
        if name not in FAULTS:
            known = ", ".join(FAULTS)
            return problem(request, 400, f"Body validation error! prompt: no such marker {name!r}; there are {known}")
        if name in _REFUSALS and (answer := _REFUSALS[name](request, _orders_of(name, prompt, records))):
            return answer
    return None


def spoil(request: Request, generation: Generation) -> Response | None:
    """Answer an order that was taken, where a marker keeps its id from the client."""
    if "no-answer" in generation.faults:
        return NoAnswer()
    if "server-error" in generation.faults:
        return problem(request, 500, "Internal server error")
    if "html-error" in generation.faults:
        return page(502, "Bad gateway")
    if "gateway-busy" in generation.faults:
        return page(503, "Service unavailable")
    return None


def _orders_of(name: str, prompt: str, records: Records) -> Count:
    return lambda: records.count(f"prompt-{name}-{key_of(prompt)}")


def _bad_key(request: Request, _: Count) -> Response:
    return plain(request, 401, "This request requires a valid API key. Check the key and the plan that it belongs to.")


def _out_of_credits(request: Request, _: Count) -> Response:
    message = "You've run out of credits. Please top up your balance to go on."
    return problem(request, 403, message, {"kind": "err_insufficent_credits"})


def _key_limit(request: Request, _: Count) -> Response:
    return problem(request, 403, "This API key has reached its spending limit.", {"kind": "err_key_limit_reached"})


def _rate_limit_always(request: Request, _: Count) -> Response:
    return plain(request, 429, "Too many requests. Please slow down.")


def _rate_limit(request: Request, count: Count) -> Response | None:
    if count() % 2 == 0:
        return None
    answer = _rate_limit_always(request, count)
    answer.headers["Retry-After"] = "1"
    return answer


def _maintenance(request: Request, count: Count) -> Response | None:
    if count() % 2 == 0:
        return None
    return coded(request, 503, "service_unavailable", "The service is under maintenance.", retryable=True)


def _message_list(request: Request, _: Count) -> JSONResponse:
    return problem(request, 400, ["Body validation error!", "prompt: Invalid input"])


_REFUSALS: dict[str, Callable[[Request, Count], Response | None]] = {
    "bad-key": _bad_key,
    "out-of-credits": _out_of_credits,
    "key-limit": _key_limit,
    "rate-limit": _rate_limit,
    "rate-limit-always": _rate_limit_always,
    "maintenance": _maintenance,
    "message-list": _message_list,
}

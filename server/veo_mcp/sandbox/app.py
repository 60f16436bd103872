"""The two video endpoints, the result files and two free calls, as one ASGI app that needs no lifespan."""

import json
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from veo_mcp.sandbox import files, polls
from veo_mcp.sandbox.envelopes import plain, problem, request_id
from veo_mcp.sandbox.faults import find_markers, refuse, spoil
from veo_mcp.sandbox.records import Generation, Records, key_of
from veo_mcp.sandbox.schema import MODELS, SCHEMA_C, SCHEMA_D, InvalidBodyError, read_order
from veo_mcp.sandbox.timeline import RENDER_COMMAND, Timeline
from veo_mcp.sandbox.visitors import Visitors

CREDITS_PER_USD = 2_000_000
BODY_BYTES = 1 << 20

_CLIENT_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


def build_app(
    folder: Path,
    *,
    seconds: float = 6.0,
    clock: Callable[[], float] = time.time,
    render_command: Sequence[str] = RENDER_COMMAND,
    host: str | None = None,
) -> Starlette:
    """Serve the sandbox whose generations live in `folder`; each takes `seconds` at least, by `clock`.

    `host` is where it listens, for who may use it there; None for one that is reached in process only.
    """
    timeline = Timeline(records=Records(folder), seconds=seconds, clock=clock, render_command=render_command)
    gateway = Gateway(timeline)
    routes = [
        Route("/v2/video/generations", gateway.create, methods=["POST"]),
        Route("/v2/video/generations", gateway.retrieve, methods=["GET"]),
        Route("/v2/billing", gateway.billing, methods=["GET"]),
        Route("/v1/models", gateway.models, methods=["GET"]),
        Route("/files/{key}.mp4", gateway.file, methods=["GET"]),
    ]
    doors = [] if host is None else [Middleware(Visitors, host=host)]
    return Starlette(routes=routes, middleware=doors, exception_handlers={HTTPException: _no_such_route})


class Gateway:
    """The endpoints; all but the reading of a body runs in threads, away from the event loop."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._records = timeline.records

    async def create(self, request: Request) -> Response:
        body = await _body_of(request)
        if body is None:
            return _stamp(request, problem(request, 413, f"The body is longer than {BODY_BYTES} bytes."))
        return _stamp(request, await run_in_threadpool(self._create, request, body))

    def retrieve(self, request: Request) -> Response:
        return _stamp(request, _refuse_key(request) or self._retrieve(request))

    def billing(self, request: Request) -> Response:
        return _stamp(request, _refuse_key(request) or self._billing())

    def models(self, request: Request) -> Response:
        wanted = request.query_params.get("id")
        data = [_model(name) for name in MODELS if wanted in {None, name}]
        return _stamp(request, JSONResponse({"object": "list", "data": data}))

    def file(self, request: Request) -> Response:
        return files.serve(request, self._records)

    def _billing(self) -> Response:
        return JSONResponse({"current_balance": self._timeline.balance(), "currency": "USD"})

    def _create(self, request: Request, body: bytes) -> Response:
        if refusal := _refuse_key(request):
            return refusal
        try:
            decoded = json.loads(body)
        except ValueError:
            return problem(request, 400, "Body validation error! The body is not JSON.")
        markers = find_markers(_prompt_of(decoded))
        try:
            order = read_order(decoded, SCHEMA_D if "schema-d" in markers else SCHEMA_C)
        except InvalidBodyError as error:
            return problem(request, 400, f"Body validation error! {error}", {"issues": error.issues})
        if refusal := refuse(request, order.prompt, self._records):
            return refusal
        generation = self._timeline.create(order, markers)
        return spoil(request, generation) or _accepted(generation)

    def _retrieve(self, request: Request) -> Response:
        generation_id = request.query_params.get("generation_id")
        if not generation_id:
            return problem(request, 400, "Query validation error! generation_id: Required")
        generation = self._records.get(key_of(generation_id))
        if generation is None:
            return plain(request, 404, polls.NOT_FOUND)
        self._timeline.keep_rendering(generation)
        answer = polls.answer(request, generation, self._timeline.phase(generation), self._records)
        answer.headers["x-inference-id"] = generation.id
        return answer


async def _body_of(request: Request) -> bytes | None:
    """Return the body; None for a longer one than any order has, of which no more is read."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > BODY_BYTES:
            return None
    return bytes(body)


def _accepted(generation: Generation) -> Response:
    faults, credits_used = generation.faults, round(generation.usd * CREDITS_PER_USD)
    usage = {"credits_used": credits_used, "usd_spent": generation.usd}
    if "tokens-used" in faults:
        usage = {"tokens_used": credits_used}
    id_key = "generation_id" if "generation-id-key" in faults else "id"
    body: dict[str, object] = {id_key: generation.id, "status": polls.status_word("queued", faults)}
    if "plain-201" in faults:
        return JSONResponse(body, 201)
    headers = {
        "x-inference-id": generation.id,
        "x-aimlapi-credits-used": str(credits_used),
        "x-aimlapi-usd-spent": str(generation.usd),
    }
    return JSONResponse(body | {"meta": {"usage": usage}}, headers=headers)


def _refuse_key(request: Request) -> Response | None:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key and key == key.strip() and not key.startswith("invalid"):
        return None
    return plain(request, 401, "This request requires a valid API key. Make one in the account's settings.")


def _prompt_of(decoded: object) -> str:
    if not isinstance(decoded, dict):
        return ""
    prompt = cast("dict[str, object]", decoded).get("prompt")
    return prompt if isinstance(prompt, str) else ""


def _model(name: str) -> dict[str, object]:
    title = "Veo 3.1 Text-to-Video" + (" Fast" if name.endswith("-fast") else "")
    info = {"name": title, "developer": "Google", "description": "Rendered by the sandbox."}
    return {"id": name, "object": "model", "type": "video", "info": info, "endpoints": ["/v2/video/generations"]}


def _stamp(request: Request, answer: Response) -> Response:
    answer.headers["x-request-id"] = request_id(request)
    echoed = request.headers.get("x-client-request-id", "")
    if _CLIENT_REQUEST_ID.fullmatch(echoed):
        answer.headers["x-client-request-id"] = echoed
    return answer


def _no_such_route(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return plain(request, status, f"Cannot {request.method} {request.url.path}")

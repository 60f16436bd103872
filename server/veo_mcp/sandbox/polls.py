"""The answer to a status request, bent by the generation's faults."""

from collections.abc import Callable
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from veo_mcp.sandbox.cuts import NoAnswer
from veo_mcp.sandbox.envelopes import page, plain, problem
from veo_mcp.sandbox.records import Generation, Records
from veo_mcp.sandbox.timeline import Phase

NOT_FOUND = "Inference not found"

_OLD_WORDS = {"queued": "waiting", "generating": "active", "completed": "complete"}

_INTERLUDES = {
    "back-and-forth": ("generating", "queued", "generating"),
    "odd-status": ("generating", "postprocessing", "generating"),
}

_INTERRUPTIONS: tuple[Callable[[Request], Response], ...] = (
    lambda _: page(524, "A timeout occurred"),
    lambda request: plain(request, 404, NOT_FOUND),
    lambda _: NoAnswer(),
    lambda request: problem(request, 500, "Internal server error"),
)

_POLICY = "The prompt was refused because it goes against the content policy."


def answer(request: Request, generation: Generation, phase: Phase, records: Records) -> Response:
    faults = generation.faults
    poll = records.count(f"{generation.key}.polls") if faults else 0
    if "flaky-polls" in faults and poll % 2:
        return _INTERRUPTIONS[poll // 2 % len(_INTERRUPTIONS)](request)
    for name in faults:
        if poll <= len(words := _INTERLUDES.get(name, ())):
            return JSONResponse({"id": generation.id, "status": words[poll - 1]})
    body = {"id": "other" if "other-id" in faults else generation.id, "status": status_word(phase, faults)}
    if phase == "error":
        return JSONResponse(body | _failure(generation, records))
    if phase == "completed":
        return JSONResponse(body | _video(request, generation, records))
    return JSONResponse(body)


def status_word(phase: Phase, faults: tuple[str, ...]) -> str:
    if phase == "completed" and "succeeded" in faults:
        return "succeeded"
    return _OLD_WORDS.get(phase, phase) if "old-words" in faults else phase


def _failure(generation: Generation, records: Records) -> dict[str, object]:
    faults = generation.faults
    if "cancelled" in faults:
        return {"status": "cancelled"}
    if "error-string" in faults:
        return {"error": _POLICY}
    if "error-detail" in faults:
        return {"error": {"detail": [{"loc": ["body", "prompt"], "msg": _POLICY, "type": "content_policy_violation"}]}}
    if "unknown-error" in faults:
        return {"id": "", "status": "unknown", "error": {"name": "NotFoundError", "message": "Generation is gone."}}
    if "content-policy" in faults:
        return {"error": {"name": "content_policy_violation", "message": _POLICY}}
    return {"error": {"name": "generation_failed", "message": records.failure(generation.key)}}


def _video(request: Request, generation: Generation, records: Records) -> dict[str, object]:
    faults, url = generation.faults, f"{request.base_url}files/{quote(generation.key)}.mp4"
    shown = records.count(f"{generation.key}.shown") if faults else 0
    if "no-url" in faults or ("no-url-once" in faults and shown == 1):
        return {"video": {}} if "list-video" not in faults else {"video": []}
    if "expired-url" in faults:
        url += f"?signature={shown}"
    if "string-list-video" in faults:
        return {"video": [url]}
    return {"video": [{"url": url}] if "list-video" in faults else {"url": url}}

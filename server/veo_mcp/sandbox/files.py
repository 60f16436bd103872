"""The result files, as a CDN serves them: no key needed, Range answered, and now and then something in the way."""

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response

from veo_mcp.sandbox.cuts import CutShort
from veo_mcp.sandbox.envelopes import page
from veo_mcp.sandbox.records import Generation, Records


def serve(request: Request, records: Records) -> Response:
    generation = records.get(request.path_params["key"])
    if generation is None or not records.video_file(generation.key).exists():
        return PlainTextResponse("Not found", 404)
    return (
        _refusal(request, generation)
        or _other_content(generation, records)
        or _cut(request, generation, records)
        or FileResponse(records.video_file(generation.key), media_type="video/mp4")
    )


def _refusal(request: Request, generation: Generation) -> Response | None:
    faults, query = generation.faults, request.query_params
    if "expired-url" in faults and query.get("signature") in {None, "1"}:
        return PlainTextResponse("Request has expired", 403)
    if "signed-url" in faults and "authorization" in request.headers:
        return PlainTextResponse("Only one way of authorisation is allowed", 400)
    if "redirect" in faults and "direct" not in query:
        return RedirectResponse(request.url.include_query_params(direct=1), 302)
    return None


def _other_content(generation: Generation, records: Records) -> Response | None:
    if "not-a-video" in generation.faults:
        return page(200, "Sign in to download")
    if "empty-file" in generation.faults:
        return Response(media_type="video/mp4")
    if "truncated-file" in generation.faults:
        content = records.video_file(generation.key).read_bytes()
        return Response(content[: len(content) // 2], media_type="video/mp4")
    return None


def _cut(request: Request, generation: Generation, records: Records) -> Response | None:
    cuts = {"cut-download", "short-body"}.intersection(generation.faults)
    if not cuts or request.method == "HEAD" or "range" in request.headers:
        return None
    if records.count(f"{generation.key}.downloads") > 1:
        return None
    content = records.video_file(generation.key).read_bytes()
    return CutShort(content, silent_in_process="short-body" in cuts)

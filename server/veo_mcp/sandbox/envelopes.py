"""The three shapes in which the upstream words an error, and the pages of the CDN in front of it."""

from datetime import UTC, datetime
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse

_TITLES = {400: "Bad Request", 403: "Forbidden", 404: "Not Found", 413: "Payload Too Large", 429: "Too Many Requests"}


def request_id(request: Request) -> str:
    return request.scope.setdefault("veo_mcp.request_id", str(uuid4()))


def problem(
    request: Request, status: int, message: str | list[str], data: dict[str, object] | None = None
) -> JSONResponse:
    title = _TITLES.get(status, "Internal Server Error")
    error = {"name": title.replace(" ", "") + "Exception", "message": message, "data": data or {}}
    body = {"title": title, "status": status, "message": message, "error": error}
    where = {"instance": f"{request.url.path}?{request.url.query}", "timestamp": _timestamp()}
    return JSONResponse(body | where, status, media_type="application/problem+json")


def plain(request: Request, status: int, message: str) -> JSONResponse:
    body = {"requestId": request_id(request), "statusCode": status, "timestamp": _timestamp()}
    return JSONResponse(body | {"path": request.url.path, "message": message}, status)


def coded(request: Request, status: int, code: str, message: str, *, retryable: bool) -> JSONResponse:
    error = {"code": code, "message": message, "retryable": retryable, "request_id": request_id(request)}
    return JSONResponse({"error": error}, status)


def page(status: int, title: str) -> HTMLResponse:
    text = f"{status}: {title}" if status >= 400 else title
    return HTMLResponse(
        f"<!DOCTYPE html>\n<html><head><title>{text}</title></head><body><h1>{text}</h1></body></html>", status
    )


def _timestamp() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""The two HTTP calls, and the free ones of `doctor`. The only file that knows paths, headers and status codes."""

import json
import logging
import math
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar, cast

import anyio
import anyio.to_thread
import httpx2

from veo_mcp import __version__, tracing
from veo_mcp.api import Generation, VideoRequest, read_generation
from veo_mcp.errors import (
    BadRequest,
    Busy,
    Forbidden,
    KeyLimit,
    NotFound,
    NotSent,
    NotVerified,
    OutcomeUnknown,
    OutOfCredits,
    Refused,
    Unauthorized,
    UpstreamError,
)
from veo_mcp.quoting import one_line, quoted, spellings

logger = logging.getLogger(__name__)

T = TypeVar("T")

GENERATIONS = "/v2/video/generations"
CREATE_TIMEOUT = httpx2.Timeout(120, connect=15)
RETRIEVE_TIMEOUT = httpx2.Timeout(30, connect=15)
ANSWER_SECONDS = 180.0
"""The longest that an answer may take in all: the timeouts above only bound each pause in it."""

ANSWER_BYTES = 1 << 20
"""What is read of an answer; an honest one has a few hundred bytes."""

AT_ONCE_BYTES = 1 << 16
"""To take the key out of a longer answer may take a tenth of a second and more."""

KEPT_HEADERS = frozenset({"content-type", "location", "retry-after"})

READ_CHARACTERS, SAID_CHARACTERS = 20_000, 2_000
"""What is read of an error page, and of each part of a message."""

PROMPT_CHARACTERS_TO_HIDE = 8
"""A shorter prompt is left in logs: taking it out of an answer would leave nothing of the words around it."""

KEY_CHARACTERS = 8
"""A shorter key is a stand-in for one; looking for it in answers would only find words."""

_JSON_STRING = re.compile(r'"(?:[^"\\]+|\\.)*(?:"|\\?\Z)', re.DOTALL)  # one without an end ends with the text

_NOTHING_LEFT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
    httpx2.InvalidURL,
)


class VeoClient:
    """Talks to one origin with one key.

    `http` must have no authorization of its own; the key goes out with the calls below and nowhere else.
    """

    def __init__(
        self,
        http: httpx2.AsyncClient,
        *,
        base_url: str,
        api_key: str,
        model: str,
        paying: httpx2.AsyncClient | None = None,
    ) -> None:
        """`paying` makes the paid calls and keeps no connection: an idle one may be dropped as the order leaves."""
        self.model = model
        self._http = http
        self._paying = paying or http
        self._base_url = base_url
        self._key = api_key
        self._key_spelled = spellings(api_key) if len(api_key) >= KEY_CHARACTERS else None
        self._headers = {"Authorization": f"Bearer {api_key}", "User-Agent": f"veo-mcp/{__version__}"}
        self._letter_case: dict[tuple[str, str], str] = {}  # learned from refusals: (field, ours) -> upstream's

    async def create(
        self, request: VideoRequest, *, request_id: str, before_sending: Callable[[], None] = lambda: None
    ) -> Generation:
        """Order one video: the one call that costs money. Never repeats what may have been received.

        `request_id` is only for upstream's support to find the call by. `before_sending` is called when the connection
        stands, right before the request's first byte; what it raises keeps the request from being sent.

        A 400 is free of charge. Where it names the allowed values of a field and ours differs in letter case only, the
        order goes out once more in that case, and from then on.

        Raises:
            NotSent, Busy, Refused: nothing was ordered.
            OutcomeUnknown: it may have been.
        """
        try:
            return await self._post(request, request_id, before_sending)
        except BadRequest as refusal:
            if not self._learn(request, refusal.said):
                raise
            return await self._post(request, request_id, before_sending)

    async def retrieve(self, generation_id: str) -> Generation:
        """Ask how a generation is doing. Free, and may be repeated at will."""
        return _read(await self._get(GENERATIONS, {"generation_id": generation_id}), read_generation)

    async def models(self) -> list[str]:
        """Return the ids of the models on offer (`GET /v1/models`, free)."""
        return _read(await self._get("/v1/models", {}), _model_ids)

    async def balance_usd(self) -> float | None:
        """Return the account's balance (`GET /v2/billing`, free); None where the answer has no such figure."""
        return _read(await self._get("/v2/billing", {}), _balance)

    async def _post(self, request: VideoRequest, request_id: str, before_sending: Callable[[], None]) -> Generation:
        """Send the order. Where the outcome is unknown, what came of its answer may hold the id; else it is logged."""
        received = _Received()
        try:
            return await self._order(request, request_id, before_sending, received)
        except OutcomeUnknown as error:
            said = self._without_key(bytes(received.content)).decode()
            if (generation := _named_in(said, received.status)) is not None:
                return generation
            if len(request.prompt) >= PROMPT_CHARACTERS_TO_HIDE:
                for words in {request.prompt, json.dumps(request.prompt)[1:-1]}:
                    said = said.replace(words, "[prompt]")
            logger.error("%s: the outcome is unknown; the answer was %s", request_id, quoted(said))  # noqa: TRY400
            error.said = error.said or one_line(said)
            raise

    async def _order(
        self, request: VideoRequest, request_id: str, before_sending: Callable[[], None], received: "_Received"
    ) -> Generation:
        headers = {**self._authorized(), "X-Client-Request-Id": request_id}
        body = {
            name: self._letter_case.get((name, str(value)), value) for name, value in request.body(self.model).items()
        }

        async def trace(event: str, _: object) -> None:
            if event.endswith("send_request_headers.started"):
                before_sending()

        try:
            with tracing.api_call("POST", self._base_url, GENERATIONS) as call:
                response = await self._exchange(
                    self._paying, "POST", GENERATIONS, received, json=body, headers=headers | call.headers,
                    timeout=CREATE_TIMEOUT, extensions={"trace": trace},
                )  # fmt: skip
                call.answered(response.status_code)
            return _created(response)
        except UpstreamError:
            raise
        except _NOTHING_LEFT as error:
            raise NotSent(f"{self._base_url} cannot be reached ({type(error).__name__}).") from error
        except httpx2.HTTPError as error:
            raise OutcomeUnknown(f"The answer to the paid call never came ({type(error).__name__}).") from error
        except Exception as error:
            # The request may have left. Whatever its answer does to our code, money may be gone.
            logger.exception("%s: the answer to the paid call could not be read", request_id)
            raise OutcomeUnknown(f"The answer to the paid call could not be read ({type(error).__name__}).") from error

    async def _get(self, path: str, params: dict[str, str]) -> httpx2.Response:
        try:
            with tracing.api_call("GET", self._base_url, path) as call:
                response = await self._exchange(
                    self._http, "GET", path, _Received(), params=params, headers=self._authorized() | call.headers,
                    timeout=RETRIEVE_TIMEOUT,
                )  # fmt: skip
                call.answered(response.status_code)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise NotSent(f"{self._base_url} did not answer ({type(error).__name__}).") from error
        if not response.is_success:
            raise _refusal(response)
        return response

    def _authorized(self) -> dict[str, str]:
        if not self._key:
            raise Unauthorized("There is no API key: set AIMLAPI_API_KEY and restart the server. Nothing was sent.")
        return self._headers

    async def _exchange(
        self, http: httpx2.AsyncClient, method: str, path: str, received: "_Received", **sent: Any
    ) -> httpx2.Response:
        """Return the answer, as far as an honest one goes and without our key, where the service repeats it.

        `received` holds what came of it, also where it breaks off.
        """
        try:
            with anyio.fail_after(ANSWER_SECONDS):
                async with http.stream(method, self._base_url + path, follow_redirects=False, **sent) as response:
                    received.status = response.status_code
                    async for part in response.aiter_bytes():
                        received.content += part[: ANSWER_BYTES - len(received.content)]
                        if len(received.content) == ANSWER_BYTES:
                            break
        except TimeoutError as error:
            raise httpx2.ReadTimeout("The answer did not end.") from error
        kept = {name: _ascii(value) for name, value in response.headers.items() if name in KEPT_HEADERS}
        content = bytes(received.content)
        if len(content) > AT_ONCE_BYTES:  # no honest answer about a video: the event loop goes on meanwhile
            content = await anyio.to_thread.run_sync(self._without_key, content)
        else:
            content = self._without_key(content)
        kept = {name: self._cleaned(value) for name, value in kept.items()}
        kept["content-type"] = kept.get("content-type", "").partition(";")[0]  # whatever it was, it is UTF-8 now
        asked = httpx2.Request(method, self._base_url + path)
        return httpx2.Response(response.status_code, headers=kept, content=content, request=asked)

    def _without_key(self, content: bytes) -> bytes:
        """Return the answer as UTF-8 without our key: removed before decoding and after, as escapes hide escapes."""
        text = self._cleaned(content.decode(json.detect_encoding(content), "replace"))
        if "\\u00" in text:
            text = _JSON_STRING.sub(self._cleaned_string, text)
        return text.encode()

    def _cleaned(self, text: str) -> str:
        return text if self._key_spelled is None else self._key_spelled.sub("[removed]", text)

    def _cleaned_string(self, found: re.Match[str]) -> str:
        """Return a JSON string as it came unless the key is in what it means."""
        if "\\u00" not in found[0]:
            return found[0]
        try:
            meant = str(json.loads(found[0]))
        except ValueError:
            return found[0]
        clean = self._cleaned(meant)
        return found[0] if clean == meant else json.dumps(clean)

    def _learn(self, request: VideoRequest, said: str) -> bool:
        """Remember upstream's spelling of our values; say whether that changes what would be sent."""
        allowed = re.sub(r"(?i)received\W+[\w:.]+", "", said)  # a refusal repeats what it got
        words = set(re.findall(r"[\w:.]+", allowed))
        learned = False
        for name, value in request.body(self.model).items():
            if name == "prompt" or not isinstance(value, str) or name not in said:
                continue
            sent = self._letter_case.get((name, value), value)
            spelling = next((word for word in words if word.lower() == value.lower()), sent)
            if sent not in words and spelling != sent:
                logger.warning("upstream wants %s=%r in another letter case: %r", name, value, spelling)
                self._letter_case[name, value] = spelling
                learned = True
        return learned


@dataclass(slots=True)
class _Received:
    """What has come of an answer so far."""

    status: int = 0
    content: bytearray = field(default_factory=bytearray)


def _named_in(said: str, status: int) -> Generation | None:
    """Return the generation that a success names, though the answer breaks off or goes on after it."""
    if not 200 <= status < 300:
        return None
    try:
        body, _ = json.JSONDecoder().raw_decode(said.lstrip())
        generation = read_generation(body)
    except Exception:
        logger.debug("no generation in the answer", exc_info=True)
        return None
    return generation if generation.id else None


def _created(response: httpx2.Response) -> Generation:
    if not response.is_success:
        raise _paid_refusal(response)
    try:
        generation = _read(response, read_generation)
    except UpstreamError as error:
        raise OutcomeUnknown("The paid call was answered, but not readably.", said=error.said) from error
    if not generation.id:
        raise OutcomeUnknown("The paid call was answered without an id.", said=response.text)
    return generation


def _read(response: httpx2.Response, reading: Callable[[object], T]) -> T:
    """Return what `reading` finds in the answer's JSON."""
    try:
        return reading(response.json())
    except (ValueError, RecursionError) as error:
        what = f"is longer than {ANSWER_BYTES} bytes" if len(response.content) == ANSWER_BYTES else "is not JSON"
        call = f"{response.request.method} {response.request.url.path}"
        raise OutcomeUnknown(
            f"The answer to {call} {what}.", said=response.text, status=response.status_code
        ) from error


def _model_ids(body: object) -> list[str]:
    data = cast("Mapping[str, Any]", body).get("data") if isinstance(body, Mapping) else body
    items = cast("list[object]", data) if isinstance(data, list) else []
    ids = [cast("Mapping[str, object]", item).get("id") for item in items if isinstance(item, Mapping)]
    return [name for name in ids if isinstance(name, str)]


def _balance(body: object) -> float | None:
    figure = cast("Mapping[str, Any]", body).get("current_balance") if isinstance(body, Mapping) else None
    if isinstance(figure, bool) or not isinstance(figure, int | float):
        return None
    return float(figure) if abs(figure) < 1e15 else None


def _paid_refusal(response: httpx2.Response) -> UpstreamError:
    """Turn an answer to the paid call that is no success into an error.

    Only the service itself can say that nothing was ordered. A gateway in front of it also answers 429, 503 or 4xx, and
    does so after the order was taken as well, for example when it has waited too long.
    """
    status, is_own = response.status_code, _is_the_services_own(response)
    refusal = _refusal(response)
    if isinstance(refusal, OutcomeUnknown) or (isinstance(refusal, Refused) and status in _MOVED):
        return refusal
    if isinstance(refusal, Busy) and is_own:
        final = Refused(str(refusal), said=refusal.said, status=status)
        return refusal if _may_be_repeated(response) else final
    if isinstance(refusal, Refused) and status in _REFUSALS and _json_object(response) and _message(response):
        return refusal
    what = "which does not say whether the order was taken." if is_own else "but not by the service itself:"
    if not is_own:
        what += " something in front of it may have answered after the order was taken. Is AIMLAPI_BASE_URL right?"
    return OutcomeUnknown(
        f"The paid call was answered with HTTP {status}, {what}", said=_message(response), status=status
    )


def _is_the_services_own(response: httpx2.Response) -> bool:
    """Say whether the answer is in one of the three forms in which the service words an error (AI/ML API, 2026)."""
    body = _json_object(response)
    if {"code", "message", "retryable", "request_id"} <= _error_object(body).keys():
        return True
    if {"title", "status", "message", "instance"} <= body.keys():
        return body["status"] == response.status_code
    if {"statusCode", "requestId", "path", "message"} <= body.keys():
        return body["statusCode"] == response.status_code
    return False


def _may_be_repeated(response: httpx2.Response) -> bool:
    return _error_object(_json_object(response)).get("retryable") is not False


def _error_object(body: Mapping[str, Any]) -> Mapping[str, Any]:
    error = body.get("error")
    return cast("Mapping[str, Any]", error) if isinstance(error, Mapping) else {}


def _json_object(response: httpx2.Response) -> Mapping[str, Any]:
    """Return the answer's JSON object; empty where it is none."""
    try:
        body = cast("object", response.json())
    except (ValueError, RecursionError):
        return {}
    return cast("Mapping[str, Any]", body) if isinstance(body, Mapping) else {}


def _refusal(response: httpx2.Response) -> UpstreamError:
    """Turn an answer that is no success into the error that says what to do about it."""
    status, said = response.status_code, _message(response)
    if status in (429, 503):
        what = "The account's rate or concurrency limit is reached." if status == 429 else "The service is unavailable."
        return Busy(what, said=said, status=status, retry_after=_retry_after(response))
    if elsewhere := _elsewhere(response):
        what = f"AIMLAPI_BASE_URL redirects to {elsewhere!r} (HTTP {status}), where the key was not sent."
        kind = Refused if status in _MOVED else OutcomeUnknown
        return kind(f"{what} If that is the service, set AIMLAPI_BASE_URL to it.", said=said, status=status)
    if status >= 500 or status < 400 or status == 408:
        return OutcomeUnknown(f"The service failed (HTTP {status}).", said=said, status=status)
    kind, advice = _REFUSALS.get(status, (Refused, f"The service refused (HTTP {status})."))
    if kind is Forbidden:
        kind, advice = _forbidden(said)
    return kind(advice, said=said, status=status)


_REFUSALS: dict[int, tuple[type[Refused], str]] = {
    400: (BadRequest, "The service does not take this request."),
    401: (Unauthorized, "The API key is missing or wrong: set AIMLAPI_API_KEY and restart the server."),
    402: (Forbidden, ""),
    403: (Forbidden, ""),
    404: (NotFound, "The service does not know this address or model: check AIMLAPI_BASE_URL and VEO_MCP_MODEL."),
    422: (BadRequest, "The service does not take this request."),
}

_MOVED = frozenset({301, 307, 308})
"""The call is wanted elsewhere, so nothing came of it here. 302 and 303 may also follow a deed."""


def _elsewhere(response: httpx2.Response) -> str:
    """Return the base URL that a redirect means, or nothing."""
    if not response.has_redirect_location:
        return ""
    try:
        url = response.request.url.join(response.headers["location"])
    except httpx2.InvalidURL:
        return ""
    return one_line(re.sub(r"(/v[12]/|[?#]).*", "", str(url)))


def _forbidden(said: str) -> tuple[type[Refused], str]:
    words = said.lower()
    if "credit" in words or "balance" in words or "funds" in words:
        return OutOfCredits, "The account is out of credits: top it up at aimlapi.com, then ask again."
    if "limit" in words:
        return KeyLimit, "The API key's own limit is reached: raise it in the account's key settings."
    if "verif" in words:
        return NotVerified, "The account is not verified: finish the verification at aimlapi.com."
    return Forbidden, "The API key is not allowed to do this: check its permissions and the account's credits."


def _ascii(value: str) -> str:
    return value.encode("ascii", "replace").decode()


def _message(response: httpx2.Response) -> str:
    """Return upstream's words: `message` at the top first, then `error.message`; HTML is stripped of its tags."""
    try:
        body = cast("object", response.json())
    except (ValueError, RecursionError):
        return _without_tags(response.text[:READ_CHARACTERS])
    if not isinstance(body, Mapping):
        return response.text
    answer = cast("Mapping[str, Any]", body)
    error = answer.get("error")
    inner = cast("Mapping[str, Any]", error).get("message") if isinstance(error, Mapping) else error
    message = answer.get("message") or inner or answer.get("detail") or answer.get("title") or ""
    details = answer.get("errors") or (
        cast("Mapping[str, Any]", error).get("data") if isinstance(error, Mapping) else ""
    )
    said = _words(message)[:READ_CHARACTERS]
    if _is_validation(message):
        told = _words(details)[:SAID_CHARACTERS].split("; ")
        said = " ".join([said, *(detail for detail in told if detail not in said[:SAID_CHARACTERS])])
    return said


def _without_tags(page: str) -> str:
    """Return the words of a page, in time that grows with its length: no open tag is searched for its end twice."""
    page = re.sub(r"(?is)<(?:style|script)\b.*?(?:</(?:style|script)>|\Z)", " ", page)
    return re.sub(r"<[^<>]*>", " ", page)


def _is_validation(message: object) -> bool:
    return isinstance(message, str) and "validation" in message.lower()


def _words(value: object, levels: int = 8) -> str:
    """Return the sentences in a message that may be a string, a list or an object of either."""
    if isinstance(value, Mapping):
        return _words(list(cast("Mapping[str, object]", value).values()), levels)
    if isinstance(value, list):
        inner = cast("list[object]", value) if levels else []
        return "; ".join(words for item in inner if (words := _words(item, levels - 1)))
    return "" if value is None else str(value)


def _retry_after(response: httpx2.Response) -> float | None:
    """Return the seconds of `Retry-After`, which is a number or an HTTP date."""
    value = response.headers.get("retry-after", "").strip()
    if not value:
        return None
    with suppress(ValueError):
        return max(0.0, float(value)) if math.isfinite(float(value)) else None
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None

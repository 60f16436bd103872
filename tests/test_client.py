import logging
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import anyio
import anyio.lowlevel
import httpx2
import pytest

from studios import KEY, a_request
from upstream import ORIGIN, USAGE, Answer, Upstream, accepts, busy, completed, delivers, fails, says, status
from veo_mcp.client import ANSWER_BYTES, VeoClient
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

MODEL = "google/veo-3.1-t2v-fast"
IDS = ["8e9c4413-14db-454e-b7c0-6e8cd6d25418:google/veo-3.1-t2v-fast", "-XLhM_WwM1UXTVnR5w9EV", "a b&c=d%2F?#é", "灯台"]


@pytest.fixture
def upstream() -> Upstream:
    return Upstream()


@pytest.fixture
def client(upstream: Upstream) -> VeoClient:
    return a_client(upstream)


def a_client(upstream: Upstream, *, api_key: str = KEY, base_url: str = ORIGIN) -> VeoClient:
    http = httpx2.AsyncClient(transport=upstream.transport)
    return VeoClient(http, base_url=base_url, api_key=api_key, model=MODEL)


async def order(client: VeoClient, **fields: Any) -> str:
    return (await client.create(a_request(**fields), request_id="job_1")).id


async def test_an_order_is_one_post_with_the_key_the_model_and_what_was_set(
    upstream: Upstream, client: VeoClient
) -> None:
    upstream.orders = [accepts("gen", meta=USAGE)]
    generation = await client.create(a_request("A lighthouse", duration=4), request_id="job_1")
    assert (generation.id, generation.outcome, generation.cost_usd) == ("gen", "queued", 1.56)
    assert upstream.posts == [{"model": MODEL, "prompt": "A lighthouse", "duration": 4}]
    sent = upstream.seen[0]
    assert str(sent.url) == "https://api.aimlapi.com/v2/video/generations"
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert sent.headers["content-type"] == "application/json"
    assert sent.headers["user-agent"].startswith("veo-mcp/")
    assert sent.headers["x-client-request-id"] == "job_1"


@pytest.mark.parametrize("code", [200, 201, 202])
@pytest.mark.parametrize("name", ["id", "generation_id"])
async def test_any_success_and_either_name_of_the_id_is_an_accepted_order(
    upstream: Upstream, client: VeoClient, code: int, name: str
) -> None:
    upstream.orders = [says({name: "gen", "status": "queued"}, code)]
    assert await order(client) == "gen"


@pytest.mark.parametrize("generation_id", IDS)
async def test_an_id_goes_back_percent_encoded_and_whole(
    upstream: Upstream, client: VeoClient, generation_id: str
) -> None:
    await client.retrieve(generation_id)
    assert upstream.gets == [generation_id]
    raw = upstream.seen[0].url.query.decode()
    assert raw.startswith("generation_id=")
    assert raw.isascii()
    assert not set("/?#&") & set(raw.removeprefix("generation_id="))


async def test_a_poll_that_answers_with_another_id_is_read_all_the_same(upstream: Upstream, client: VeoClient) -> None:
    upstream.polls = [completed("https://x/a")]
    assert (await client.retrieve("gen")).url == "https://x/a"


@pytest.mark.parametrize(
    "error",
    [httpx2.ReadTimeout, httpx2.WriteTimeout, httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError],
)
async def test_an_order_that_may_have_arrived_is_never_sent_again(
    upstream: Upstream, client: VeoClient, error: type[httpx2.TransportError]
) -> None:
    upstream.orders = [fails(error)]
    with pytest.raises(OutcomeUnknown):
        await order(client)
    assert len(upstream.posts) == 1


@pytest.mark.parametrize(
    "answer",
    [
        says({"message": "Internal server error"}, 500),
        says("<html><body>Bad gateway</body></html>", 502),
        says({"message": "Generation timeout"}, 504),
        says("<html>524</html>", 524),
        says("<html>Welcome</html>", 200),
        says([], 200),
        says({"status": "queued"}, 200),
        says({"id": "", "status": "queued"}, 201),
        says(None, 204),
        says({"message": "moved"}, 302, location="https://elsewhere.example/"),
        says({"message": "Request Timeout"}, 408),
        # A gateway that has waited too long for the service answers so after the order was taken.
        says("<html><body>Service Unavailable</body></html>", 503),
        says("", 503, retry_after="0"),
        says({"message": "Service Unavailable"}, 503),
        says({"title": "Error 1015", "status": 429, "detail": "You are being rate limited", "retryable": True}, 429),
        says({"error": {"code": 503, "message": "The service is unavailable.", "status": "UNAVAILABLE"}}, 503),
        says({}, 429),
        says("<html>Too Many Requests</html>", 429, retry_after="0"),
        says({"message": "Conflict"}, 409),
        says("", 499),
        says("<html>Forbidden</html>", 403),
        says("<html>Not Found</html>", 404),
    ],
)
async def test_an_answer_without_an_id_leaves_the_outcome_unknown(
    upstream: Upstream, client: VeoClient, answer: Answer
) -> None:
    upstream.orders = [answer]
    with pytest.raises(OutcomeUnknown):
        await order(client)
    assert len(upstream.seen) == 1


@pytest.mark.parametrize("error", [httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError])
async def test_an_order_that_never_left_says_so(
    upstream: Upstream, client: VeoClient, error: type[httpx2.TransportError]
) -> None:
    upstream.orders = [fails(error)]
    with pytest.raises(NotSent, match="cannot be reached"):
        await order(client)


async def test_an_address_that_is_none_was_never_called() -> None:
    client = a_client(Upstream(), base_url="http://[::1")
    with pytest.raises(NotSent):
        await order(client)
    with pytest.raises(NotSent):
        await client.retrieve("gen")


async def test_without_a_key_nothing_is_sent(upstream: Upstream) -> None:
    client = a_client(upstream, api_key="")
    with pytest.raises(Unauthorized, match="AIMLAPI_API_KEY"):
        await order(client)
    assert upstream.seen == []


PROBLEM = {
    "title": "Forbidden",
    "status": 403,
    "message": "You've run out of credits.",
    "error": {"name": "ForbiddenException", "message": "other", "data": {"kind": "err_insufficent_credits"}},
}
PLAIN = {"requestId": "1", "statusCode": 401, "path": "/v2", "message": "This request requires a valid API key."}
CODED = {"error": {"code": "service_unavailable", "message": "Maintenance.", "retryable": True, "request_id": "1"}}


@pytest.mark.parametrize(
    ("code", "body", "kind", "advice", "said"),
    [
        (400, {"message": "Bad."}, BadRequest, "does not take", "Bad."),
        (401, PLAIN, Unauthorized, "AIMLAPI_API_KEY", "This request requires a valid API key."),
        (402, {"message": "Pay."}, Forbidden, "permissions", "Pay."),
        (403, PROBLEM, OutOfCredits, "top it up", "You've run out of credits."),
        (403, {"message": "This key reached its limit."}, KeyLimit, "own limit", "This key reached its limit."),
        (403, {"message": "Verify your account."}, NotVerified, "not verified", "Verify your account."),
        (403, {"message": "No."}, Forbidden, "permissions", "No."),
        (404, {"message": "Cannot POST /v3"}, NotFound, "check AIMLAPI_BASE_URL and VEO_MCP_MODEL", "Cannot POST /v3"),
        (422, {"detail": [{"msg": "No."}]}, BadRequest, "does not take", "No."),
        (429, PLAIN | {"statusCode": 429, "message": "Slow down."}, Busy, "rate or concurrency", "Slow down."),
        (503, CODED, Busy, "unavailable", "Maintenance."),
        (500, {"title": "Internal"}, OutcomeUnknown, "HTTP 500", "Internal"),
    ],
)
async def test_every_refusal_is_told_apart_with_advice_and_upstreams_own_words(
    upstream: Upstream, client: VeoClient, code: int, body: object, kind: type[UpstreamError], advice: str, said: str
) -> None:
    upstream.orders = [says(body, code)]
    with pytest.raises(UpstreamError) as caught:
        await order(client)
    assert type(caught.value) is kind
    assert advice in str(caught.value)
    assert (caught.value.said, caught.value.status) == (said, code)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"message": ["Body validation error!", "prompt: Invalid"]}, "Body validation error!; prompt: Invalid"),
        ({"error": {"message": "Inner."}}, "Inner."),
        ({"error": "As text."}, "As text."),
        ({"title": "Only a title"}, "Only a title"),
        ({}, "{}"),
        (["a list"], "['a list']"),
        ("[" * 100_000, "[" * 299 + "…"),
        ("1" * 5_000, "1" * 299 + "…"),
        ("<html><head><style>b{}</style></head><body><h1>400</h1> <b>Bad</b></body></html>", "400 Bad"),
        ("", ""),
    ],
)
async def test_upstreams_words_are_found_in_every_envelope(
    upstream: Upstream, client: VeoClient, body: object, said: str
) -> None:
    upstream.orders = [says(body, 400)]
    with pytest.raises(UpstreamError) as caught:
        await order(client)
    assert caught.value.said == said


async def test_a_validation_error_brings_its_details(upstream: Upstream, client: VeoClient) -> None:
    issues = [{"path": ["seed"], "code": "unrecognized_keys"}]
    upstream.orders = [says({"message": "Body validation error!", "errors": issues}, 400)]
    with pytest.raises(BadRequest) as caught:
        await order(client)
    assert "seed" in caught.value.said


@pytest.mark.parametrize("code", [429, 503])
@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        ("0.5", 0.5),
        (" 3 ", 3),
        ("-4", 0),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("1e999", None),
        ("Mon, 23 Nov", None),
        ("Mon, 23 Nov 99999999999999999999 00:00:00 GMT", None),
    ],
)
async def test_retry_after_is_read_as_seconds(
    upstream: Upstream, client: VeoClient, code: int, value: str, seconds: float | None
) -> None:
    upstream.orders = [busy(code, retry_after=value)]
    with pytest.raises(Busy) as caught:
        await order(client)
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize(("ahead", "least", "most"), [(60, 55, 60), (-60, 0, 0)])
async def test_retry_after_is_read_as_a_date(
    upstream: Upstream, client: VeoClient, ahead: int, least: float, most: float
) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=ahead), usegmt=True)
    upstream.orders = [busy(429, retry_after=date)]
    with pytest.raises(Busy) as caught:
        await order(client)
    assert caught.value.retry_after is not None
    assert least <= caught.value.retry_after <= most


CAPITALS = "Body validation error! resolution: Invalid enum value. Expected '720P' | '1080P' | '4K', received '720p'"


async def test_another_letter_case_is_learned_from_one_free_refusal(upstream: Upstream, client: VeoClient) -> None:
    upstream.orders = [says({"message": CAPITALS}, 400), accepts("first"), accepts("second")]
    assert await order(client, resolution="720p") == "first"
    assert await order(client, resolution="720p") == "second"
    assert [post["resolution"] for post in upstream.posts] == ["720p", "720P", "720P"]


async def test_a_learned_letter_case_is_unlearned_when_the_service_goes_back(
    upstream: Upstream, client: VeoClient
) -> None:
    back = "resolution: Expected '720p' | '1080p', received '720P'"
    upstream.orders = [says({"message": CAPITALS}, 400), accepts("a"), says({"message": back}, 400), accepts("b")]
    assert [await order(client, resolution="720p") for _ in range(2)] == ["a", "b"]
    assert [post["resolution"] for post in upstream.posts] == ["720p", "720P", "720P", "720p"]


async def test_a_letter_case_that_does_not_help_is_tried_once(upstream: Upstream, client: VeoClient) -> None:
    upstream.orders = [says({"message": CAPITALS}, 400)]
    with pytest.raises(BadRequest):
        await order(client, resolution="720p")
    assert [post["resolution"] for post in upstream.posts] == ["720p", "720P"]


@pytest.mark.parametrize(
    "message", ["resolution: Invalid enum value. Expected '4K'", "prompt: 720P is refused", "Bad request"]
)
async def test_a_refusal_that_names_no_other_spelling_is_not_repeated(
    upstream: Upstream, client: VeoClient, message: str
) -> None:
    upstream.orders = [says({"message": message}, 400)]
    with pytest.raises(BadRequest):
        await order(client, resolution="720p")
    assert len(upstream.posts) == 1


async def test_a_prompt_is_never_respelled(upstream: Upstream, client: VeoClient) -> None:
    upstream.orders = [says({"message": "prompt: use LIGHTHOUSE"}, 400)]
    with pytest.raises(BadRequest):
        await order(client, prompt="lighthouse")
    assert len(upstream.posts) == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (says("<html>524</html>", 524), OutcomeUnknown),
        (says({"message": "Inference not found"}, 404), NotFound),
        (says({"message": "x"}, 500), OutcomeUnknown),
        (says("<html>hello</html>", 200), OutcomeUnknown),
        (fails(httpx2.ReadError), NotSent),
        (fails(httpx2.ConnectError), NotSent),
        (says({}, 429), Busy),
        (says({}, 302, location="https://elsewhere.example"), OutcomeUnknown),
    ],
)
async def test_a_poll_that_fails_is_one_error_of_the_tree(
    upstream: Upstream, client: VeoClient, answer: Answer, kind: type[UpstreamError]
) -> None:
    upstream.polls = [answer]
    with pytest.raises(UpstreamError) as caught:
        await client.retrieve("gen")
    assert type(caught.value) is kind


async def test_a_redirect_never_takes_the_key_elsewhere(upstream: Upstream, client: VeoClient) -> None:
    upstream.orders = upstream.polls = [says({}, 307, location="https://elsewhere.example/v2/video/generations")]
    with pytest.raises(Refused):
        await order(client)
    with pytest.raises(Refused):
        await client.retrieve("gen")
    assert {request.url.host for request in upstream.seen} == {"api.aimlapi.com"}


@pytest.mark.parametrize(
    ("location", "address"),
    [
        ("https://api.example/v2/video/generations", "'https://api.example'"),
        ("https://api.example:8443/aiml/v2/video/generations?x=1", "'https://api.example:8443/aiml'"),
        ("/aiml/v2/video/generations", "'https://api.aimlapi.com/aiml'"),
        ("https://login.example/sign-in?token=secret", "'https://login.example/sign-in'"),
    ],
)
async def test_a_redirect_says_what_the_address_should_be(
    upstream: Upstream, client: VeoClient, location: str, address: str
) -> None:
    upstream.orders = upstream.polls = upstream.files = [says("<h1>Moved</h1>", 301, location=location)]
    for call in (order(client), client.retrieve("gen"), client.models()):
        with pytest.raises(Refused, match="HTTP 301") as caught:
            await call
        assert f"AIMLAPI_BASE_URL redirects to {address}" in str(caught.value)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_only_a_redirect_that_may_follow_a_deed_leaves_the_outcome_unknown(
    upstream: Upstream, client: VeoClient, code: int
) -> None:
    upstream.orders = [says({}, code, location="https://api.example/v2/video/generations")]
    with pytest.raises(UpstreamError, match=r"redirects to 'https://api\.example'") as caught:
        await order(client)
    assert type(caught.value) is (OutcomeUnknown if code in {302, 303} else Refused)


@pytest.mark.parametrize("location", ["http://[::1", "https://x.example:port/"])
async def test_a_redirect_to_nowhere_leaves_the_outcome_unknown(
    upstream: Upstream, client: VeoClient, location: str
) -> None:
    upstream.orders = [says({}, 301, location=location)]
    with pytest.raises(OutcomeUnknown, match="HTTP 301"):
        await order(client)


@pytest.mark.parametrize("key", [KEY, "sk-proj-0123456789abcdef", "aimlapi+key=="])
async def test_a_service_that_repeats_the_key_does_not_get_it_into_errors_or_logs(
    upstream: Upstream, caplog: pytest.LogCaptureFixture, key: str
) -> None:
    caplog.set_level(logging.DEBUG)
    client = a_client(upstream, api_key=key)
    words = f"The key {key} is wrong. Authorization: Bearer {key}"
    upstream.orders = [says({"message": words}, 401), says(words, 200), says({"message": words}, 500)]
    upstream.polls = [says({"message": words}, 404), status("error", error={"name": key, "message": words})]
    for _ in range(3):
        with pytest.raises(UpstreamError) as caught:
            await order(client)
        assert key not in f"{caught.value!r} {caught.value} {caught.value.said}"
    with pytest.raises(NotFound) as missing:
        await client.retrieve("gen")
    assert key not in f"{missing.value!r} {missing.value.said}"
    assert key not in (await client.retrieve("gen")).model_dump_json()
    assert key not in caplog.text


async def test_a_key_is_taken_out_of_an_answer_that_goes_on_after_its_end(
    upstream: Upstream, client: VeoClient
) -> None:
    body = f'{{"id": "gen", "status": "{KEY}"}} and more'
    upstream.orders = [delivers(body.encode(), kind="application/json")]
    generation = await client.create(a_request(), request_id="job_1")
    assert (generation.id, generation.word) == ("gen", "[removed]")


class Flood(httpx2.AsyncByteStream):
    """An answer that does not end."""

    def __init__(self, part: bytes) -> None:
        self.part = part
        self.parts = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            self.parts += 1
            yield self.part
            await anyio.lowlevel.checkpoint()


async def test_of_an_answer_that_does_not_end_only_the_beginning_is_read(upstream: Upstream, client: VeoClient) -> None:
    flood = Flood(b" " * 100_000)
    upstream.orders = upstream.polls = [lambda _: httpx2.Response(200, stream=flood)]
    with pytest.raises(OutcomeUnknown):
        await order(client)
    with pytest.raises(OutcomeUnknown):
        await client.retrieve("gen")
    assert flood.parts * len(flood.part) < 3 * ANSWER_BYTES


async def test_an_answer_that_only_trickles_is_given_up(
    upstream: Upstream, client: VeoClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("veo_mcp.client.ANSWER_SECONDS", 0.05)
    upstream.orders = upstream.polls = [lambda _: httpx2.Response(200, stream=Flood(b""))]
    with pytest.raises(OutcomeUnknown):
        await order(client)
    with pytest.raises(NotSent):
        await client.retrieve("gen")


async def test_the_free_calls_of_the_doctor_are_read_leniently(client: VeoClient, upstream: Upstream) -> None:
    lists = [{"data": [{"id": "a"}, {}, None, 7, {"id": 7}]}, [{"id": "b"}, "c"], ["a", "b"], {"data": [None]}, {}, 7]
    upstream.files = [says(body) for body in lists]
    assert [await client.models() for _ in lists] == [["a"], ["b"], [], [], [], []]


@pytest.mark.parametrize(
    ("body", "usd"),
    [
        ('{"current_balance": 10.07}', 10.07),
        ('{"current_balance": -3}', -3),
        ('{"current_balance": "10"}', None),
        ('{"current_balance": true}', None),
        ('{"current_balance": NaN}', None),
        ('{"current_balance": 1e999}', None),
        ('{"current_balance": 1' + "0" * 400 + "}", None),
        ("[]", None),
        ("null", None),
    ],
)
async def test_a_balance_is_a_sensible_figure_or_none(
    upstream: Upstream, client: VeoClient, body: str, usd: float | None
) -> None:
    upstream.files = [says(body)]
    assert await client.balance_usd() == usd


@pytest.mark.parametrize("body", ["<html>Sign in</html>", "[" * 100_000])
async def test_an_answer_that_cannot_be_read_names_its_call(upstream: Upstream, client: VeoClient, body: str) -> None:
    upstream.files = upstream.polls = [says(body)]
    with pytest.raises(OutcomeUnknown, match=r"GET /v1/models is not JSON"):
        await client.models()
    with pytest.raises(OutcomeUnknown, match=r"GET /v2/billing is not JSON"):
        await client.balance_usd()
    with pytest.raises(OutcomeUnknown, match=r"GET /v2/video/generations is not JSON"):
        await client.retrieve("gen")


async def test_an_answer_that_is_too_long_is_not_taken_for_another_format(
    upstream: Upstream, client: VeoClient
) -> None:
    upstream.files = [says([{"id": "x" * ANSWER_BYTES}])]
    with pytest.raises(OutcomeUnknown, match=r"GET /v1/models is longer than 1048576 bytes"):
        await client.models()


@pytest.mark.parametrize("charset", ["hex", "idna", "rot13", "no-such", "utf-8"])
async def test_a_page_in_an_odd_charset_is_read_as_utf_8(upstream: Upstream, client: VeoClient, charset: str) -> None:
    upstream.polls = [delivers("<p>café</p>".encode(), kind=f"text/html; charset={charset}")]
    with pytest.raises(UpstreamError) as caught:
        await client.retrieve("gen")
    assert "café" in caught.value.said


@pytest.mark.parametrize(
    "usage",
    [
        '{"usd_spent": 9e14}',
        '{"credits_used": 900000000}',
        '{"usd_spent": -1}',
        '{"usd_spent": NaN}',
        '{"credits_used": 1e999}',
        "[]",
        '"x"',
    ],
)
async def test_a_price_that_makes_no_sense_is_none(upstream: Upstream, client: VeoClient, usage: str) -> None:
    upstream.orders = [says('{"id": "gen", "meta": {"usage": ' + usage + "}}")]
    assert (await client.create(a_request(), request_id="job_1")).cost_usd is None


HOSTILE_PAGES = {
    "open brackets": "<",
    "open tags": "<a ",
    "open scripts": "<script",
    "open styles": "<style>",
    "brackets and spaces": "< ",
    "quotation marks": '"\\',
    "addresses": "https://",
    "keys": "bearer sk-?key=",
}


@pytest.mark.parametrize("piece", HOSTILE_PAGES.values(), ids=HOSTILE_PAGES)
async def test_no_error_page_holds_up_everybody_else(piece: str, upstream: Upstream, client: VeoClient) -> None:
    """The event loop serves all: an error page, which every poll may bring, takes it no longer than another."""

    async def seconds(page: str) -> float:
        upstream.polls = [says(page, 500)]
        began = time.perf_counter()
        with pytest.raises(OutcomeUnknown):
            await client.retrieve("gen")
        return time.perf_counter() - began

    usual = min([await seconds("<p>All is well.</p>" * 1_000) for _ in range(5)])
    assert min([await seconds(piece * (20_000 // len(piece))) for _ in range(5)]) < 10 * max(usual, 0.002)


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("<script>a<b</script >x", ""),
        ("<script>never ends", ""),
        ("<STYLE>b{}</STYLE>Bad", "Bad"),
        ("a < 5 seconds", "a < 5 seconds"),
        ("<<b>Bad</b>", "< Bad"),
    ],
)
async def test_the_words_of_an_untidy_page_are_found(
    page: str, said: str, upstream: Upstream, client: VeoClient
) -> None:
    upstream.polls = [says(page, 500)]
    with pytest.raises(OutcomeUnknown) as caught:
        await client.retrieve("gen")
    assert caught.value.said == said


@pytest.mark.parametrize("details", [["a"] * 200_000, [f"field{n}" for n in range(60_000)]])
async def test_no_list_of_details_holds_up_everybody_else(
    details: list[str], upstream: Upstream, client: VeoClient
) -> None:
    upstream.orders = [says({"message": "validation " + "b" * 200_000, "errors": details}, 400)]
    began = time.perf_counter()
    with pytest.raises(BadRequest):
        await order(client)
    assert time.perf_counter() - began < 2

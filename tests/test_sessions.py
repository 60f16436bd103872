"""Sessions over HTTP end when nobody uses them, and only then."""

import logging

import anyio
import httpx2
import pytest

from raw_http import shaken_hands
from studios import PROMPT, Place, until
from upstream import Gate, accepts
from veo_mcp import cli


async def test_a_session_that_nobody_uses_ends_and_one_with_a_call_or_a_stream_under_way_does_not(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="mcp")
    monkeypatch.setattr(cli, "SESSION_IDLE_SECONDS", 0.3)
    gate = Gate(accepts("gen"))
    place.upstream.orders = [gate]
    app = cli.http_app(place.settings(), "127.0.0.1", opening=place.opening)
    transport = httpx2.ASGITransport(app)
    answers: list[dict[str, object]] = []
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8787", timeout=30) as http,
        anyio.create_task_group() as tasks,
    ):

        async def order() -> None:
            ordering = await shaken_hands(http, "legacy")
            answers.append(await ordering.ask("tools/call", {"name": "create_video", "arguments": {"prompt": PROMPT}}))

        tasks.start_soon(order)
        await gate.reached.wait()
        listening = await shaken_hands(http, "legacy")
        tasks.start_soon(lambda: http.get("/mcp", headers=listening.headers | {"Accept": "text/event-stream"}))
        idle = await shaken_hands(http, "legacy")
        await until(lambda: f"{idle.headers['Mcp-Session-Id']} idle timeout" in caplog.text)
        assert (await idle.post('{"jsonrpc": "2.0", "id": 1, "method": "ping"}')).status_code == 404
        assert (await listening.ask("ping", {}))["result"] == {}
        gate.opened.set()
        await until(lambda: bool(answers))
        assert "result" in answers[0]
        assert caplog.text.count("idle timeout") == 1
        tasks.cancel_scope.cancel()


def test_a_session_is_kept_for_half_an_hour() -> None:
    assert cli.SESSION_IDLE_SECONDS == 1800

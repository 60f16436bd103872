"""What a collector of traces sees, and what it never sees."""

import http.server
import re
import subprocess
import sys
import threading

import anyio
import pytest
from mcp import MCPError
from mcp.shared import _otel as sdk_tracing
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from studios import KEY, MODES, PROMPT, Mode, Place, fields_of
from upstream import GENERATIONS, LINK, Answer, fails, says
from veo_mcp import tracing
from veo_mcp.results import video_uri


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    for module in (tracing, sdk_tracing):
        monkeypatch.setattr(module, "_tracer", provider.get_tracer(module.__name__))
    return exporter


def named(spans: InMemorySpanExporter, name: str) -> ReadableSpan:
    """Return the only span of this name."""
    (found,) = [span for span in spans.get_finished_spans() if span.name == name]
    return found


@pytest.mark.parametrize("mode", MODES)
async def test_a_jobs_trace_is_linked_to_the_call_that_ordered_it(
    mode: Mode, place: Place, spans: InMemorySpanExporter
) -> None:
    async with place.connect(mode) as client:
        await client.call_tool("generate_and_wait", {"prompt": PROMPT})
    called, job = named(spans, "tools/call generate_and_wait"), named(spans, "job")
    assert job.parent is None
    assert [link.context.span_id for link in job.links] == [called.get_span_context().span_id]  # pyright: ignore[reportOptionalMemberAccess]
    assert [event.name for event in job.events] == ["queued", "downloading", "completed"]


async def test_the_calls_to_the_api_belong_to_the_job_and_carry_its_trace(
    place: Place, spans: InMemorySpanExporter
) -> None:
    async with place.connect() as client:
        await client.call_tool("generate_and_wait", {"prompt": PROMPT})
    job = named(spans, "job").get_span_context()
    calls = [span for span in spans.get_finished_spans() if span.attributes and "url.path" in span.attributes]
    assert job is not None
    assert [(span.name, span.parent) for span in calls] == [(f"POST {GENERATIONS}", job), (f"GET {GENERATIONS}", job)]
    for span, request in zip(calls, place.upstream.seen, strict=False):
        context = span.get_span_context()
        assert context is not None
        ids = f"{context.trace_id:032x}-{context.span_id:016x}"
        assert request.headers["traceparent"] == f"00-{ids}-{context.trace_flags:02x}"
        assert span.attributes == {
            "http.request.method": request.method,
            "server.address": "api.aimlapi.com",
            "url.path": GENERATIONS,
            "http.response.status_code": 200,
        }


async def test_nobody_but_the_api_is_told_of_the_trace(place: Place, spans: InMemorySpanExporter) -> None:
    async with place.connect() as client:
        await client.call_tool("generate_and_wait", {"prompt": PROMPT})
    (download,) = place.upstream.downloads
    assert "traceparent" not in download.headers


async def test_no_span_holds_a_prompt_a_key_or_a_link(place: Place, spans: InMemorySpanExporter) -> None:
    place.upstream.orders = [says({"message": f"{PROMPT} is refused for {KEY}"}, 400)]
    async with place.connect() as client:
        await client.call_tool("create_video", {"prompt": PROMPT})
        place.upstream.orders = []
        await client.call_tool("generate_and_wait", {"prompt": PROMPT})
        await client.call_tool("create_video", {"prompt": PROMPT, "duration": 5})
        done = fields_of(await client.call_tool("list_videos", {"status": "completed"}))["videos"][0]
        await anyio.Path(done["path"]).unlink()
        for part in ("", "/sheet"):
            with pytest.raises(MCPError):
                await client.read_resource(video_uri(done["generation_id"], part))
        with pytest.raises(MCPError):
            await client.get_prompt("direct_video", {"idea": PROMPT, "duration": PROMPT})
    words = "-".join(re.findall(r"\w+", PROMPT.lower()))
    assert words in done["path"]
    for text in [span.to_json() for span in spans.get_finished_spans()]:
        assert not any(secret in text for secret in (PROMPT, words, KEY, LINK)), text


@pytest.mark.parametrize(
    ("answer", "kind"), [(fails(), "ReadError"), (says({"message": "no"}, 401), "401"), (says(status=500), "500")]
)
async def test_a_call_that_went_wrong_says_how(
    answer: Answer, kind: str, place: Place, spans: InMemorySpanExporter
) -> None:
    place.upstream.orders = [answer]
    async with place.connect() as client:
        await client.call_tool("create_video", {"prompt": PROMPT})
    span = named(spans, f"POST {GENERATIONS}")
    assert span.attributes is not None
    assert (span.attributes["error.type"], span.status.is_ok) == (kind, False)


def test_spans_reach_the_collector_that_the_environment_names() -> None:
    received: list[str] = []

    class Collector(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            received.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Keep the test's output clean."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector) as collector:
        threading.Thread(target=collector.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        subprocess.run([sys.executable, "-c", EXPORTING.format(port=collector.server_port)], check=True, timeout=60)
        collector.shutdown()
    assert received == ["/v1/traces"]


EXPORTING = """
import os
from veo_mcp import tracing
from veo_mcp.results import video_uri
os.environ |= {{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:{port}", "NO_PROXY": "*"}}
tracing.export(os.environ)
with tracing.api_call("GET", "https://api.aimlapi.com", "/v1/models"):
    pass
tracing.finish()
os._exit(0)
"""

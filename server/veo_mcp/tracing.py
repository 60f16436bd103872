"""OpenTelemetry: spans for calls to the API and for each job's life. They cost nothing until somebody collects them.

A tool call's own span is the SDK's. A job outlives the call that ordered it, so its span begins a trace of its own that
is linked to the call's. No prompt, key or result link is ever an attribute.
"""

import importlib
import logging
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from veo_mcp import __version__

logger = logging.getLogger(__name__)

Place = SpanContext
ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")

_tracer = trace.get_tracer("veo-mcp", __version__)
_propagator = TraceContextTextMapPropagator()


class ApiCall:
    """One call to the API. `headers` continue the trace there; baggage, which may hold anything, stays here."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self.headers: dict[str, str] = {}
        _propagator.inject(self.headers)

    def answered(self, status: int) -> None:
        self._span.set_attribute("http.response.status_code", status)
        if status >= 400:
            self._span.set_attribute("error.type", str(status))
            self._span.set_status(StatusCode.ERROR)


class JobLife:
    """Looking after one job; each state that it comes to is an event."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self._last = ""

    def note(self, state: str) -> None:
        if state != self._last:
            self._span.add_event(state)
            self._last = state


@contextmanager
def api_call(method: str, origin: str, path: str) -> Generator[ApiCall]:
    """Be the span of one call; an error that leaves the block is named, its words are not kept."""
    attributes = {"http.request.method": method, "server.address": _host(origin), "url.path": path}
    with _span(f"{method} {path}", SpanKind.CLIENT, attributes) as span:
        yield ApiCall(span)


def _host(origin: str) -> str:
    try:
        return urlsplit(origin).hostname or ""
    except ValueError:
        return ""


def here() -> Place:
    """Return what a later span can link to."""
    return trace.get_current_span().get_span_context()


@contextmanager
def job_life(job_id: str, ordered_by: Place) -> Generator[JobLife]:
    """Be the span of looking after one job, linked to the call that began it."""
    links = [Link(ordered_by)] if ordered_by.is_valid else []
    with _span("job", SpanKind.INTERNAL, {"veo_mcp.job.id": job_id}, context=Context(), links=links) as span:
        yield JobLife(span)


@contextmanager
def _span(
    name: str,
    kind: SpanKind,
    attributes: Mapping[str, str],
    *,
    context: Context | None = None,
    links: list[Link] | None = None,
) -> Generator[Span]:
    with _tracer.start_as_current_span(
        name, context, kind, attributes, links, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield span
        except Exception as error:
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(StatusCode.ERROR)
            raise


def export(environ: Mapping[str, str]) -> None:
    """Send spans to the collector that OpenTelemetry's own variables name, where there is one."""
    if not any(environ.get(name) for name in ENDPOINTS) or environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return
    try:
        sdk = importlib.import_module("opentelemetry.sdk.trace")
        processors = importlib.import_module("opentelemetry.sdk.trace.export")
        otlp = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    except ImportError:
        logger.warning("traces are asked for, but not installed: pip install 'veo-mcp[otel]'")
        return
    resource = importlib.import_module("opentelemetry.sdk.resources").Resource.create
    named = environ.get("OTEL_SERVICE_NAME") or "veo-mcp"
    provider = sdk.TracerProvider(resource=resource({"service.name": named, "service.version": __version__}))
    provider.add_span_processor(processors.BatchSpanProcessor(otlp.OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


def finish() -> None:
    """Send what is left, before a process that ends without Python's own farewell."""
    flush = getattr(trace.get_tracer_provider(), "force_flush", None)
    if flush is not None:
        flush(2_000)

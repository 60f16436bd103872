"""The command `veo-mcp`. Without a subcommand it serves MCP on stdio."""

import asyncio
import gc
import io
import logging
import os
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TextIO, TypeVar

import anyio
import click

from veo_mcp import __version__
from veo_mcp.errors import VeoError
from veo_mcp.jobs import utc_now
from veo_mcp.quoting import escaped, shown_lines
from veo_mcp.results import Status
from veo_mcp.settings import Settings
from veo_mcp.signals import hang_ups, until_told_to_end

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from veo_mcp.results import VideoResult
    from veo_mcp.server import VeoServer

IDS_MAY_BEGIN_WITH_A_DASH: dict[str, Any] = {"ignore_unknown_options": True, "help_option_names": ["--help"]}

LISTENERS_SECONDS = 2
"""How long a server over HTTP that is told to end waits for calls and streams to end by themselves."""

SESSION_IDLE_SECONDS = 1800.0
"""How long a session over HTTP is kept that has no call and no stream under way; its client then begins another."""

P = ParamSpec("P")
T = TypeVar("T")


def readable_errors(command: Callable[P, T]) -> Callable[P, T]:
    """Say our own errors in one line instead of a traceback."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except (VeoError, BaseExceptionGroup) as error:
            found = _alone(error)
            if isinstance(found, VeoError):
                raise click.ClickException(shown_lines(str(found))) from error
            if isinstance(found, click.exceptions.Abort):
                raise found from None
            raise

    return run


def _alone(error: BaseException) -> BaseException:
    """Return what a group holds, if that is one error: task groups wrap whatever passes through them."""
    held: tuple[BaseException, ...] = getattr(error, "exceptions", ())
    return _alone(held[0]) if len(held) == 1 else error


class OneEvent(logging.Formatter):
    """Lets nobody's words begin a line of the log: what follows the first line, as a traceback does, is marked."""

    def format(self, record: logging.LogRecord) -> str:
        return shown_lines(super().format(record)).replace("\n", "\n  | ")


def log_to_stderr(level: int) -> None:
    """One line per event on stderr; stdout belongs to the protocol."""
    handler = logging.StreamHandler()
    handler.setFormatter(OneEvent("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("veo_mcp").setLevel(level)


def spell_everything(*streams: TextIO | None) -> None:
    """Let no character end a command: a pipe on Windows is cp1252, which has neither "−" nor most prompts' letters."""
    for stream in streams:
        if not isinstance(stream, io.TextIOWrapper):
            continue
        if os.name == "nt" and not stream.isatty() and "PYTHONIOENCODING" not in os.environ:
            stream.reconfigure(encoding="utf-8")
        if stream.encoding.lower() != "utf-8":
            stream.reconfigure(errors="replace")


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
@click.pass_context
def main(ctx: click.Context) -> None:
    """Video with Veo 3.1 Fast for models and people. Without a command: serve MCP on stdio."""
    spell_everything(sys.stdout, sys.stderr)
    if ctx.invoked_subcommand is None:
        ctx.invoke(serve)


@main.command()
@click.option("--http", is_flag=True, help="Serve streamable HTTP at /mcp instead of stdio.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8787, show_default=True, type=click.IntRange(0, 65535))
@readable_errors
def serve(*, http: bool, host: str, port: int) -> None:
    """Serve MCP to chat clients."""
    log_to_stderr(logging.INFO)
    settings = Settings.from_environment()
    from veo_mcp import tracing

    tracing.export(os.environ)
    if not http:
        if sys.stdin.isatty():
            click.echo('MCP on stdio, for a client to start; Ctrl-C ends. By hand: veo-mcp generate "…"', err=True)
        anyio.run(_serve_stdio, settings)
        return
    if not is_loopback(host):
        raise click.UsageError(
            f"{host} may be reached by others or by web pages, and there is no log-in yet: anybody could spend your"
            " credits. Serve on 127.0.0.1, behind a proxy that checks who is asking."
        )
    click.echo(f"MCP at {_origin(host, port)}/mcp", err=True)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end_well)
    for number in hang_ups():
        signal.signal(number, _end_as_told)  # uvicorn takes no notice of it
    anyio.run(_serve_http, settings, host, port)


def _end_well(_: int, __: object) -> None:
    """Exit with 0: uvicorn closes everything first, then raises the signal again for whoever started it."""
    sys.exit(0)


def _end_as_told(_: int, __: object) -> None:
    signal.raise_signal(signal.SIGTERM)


def _build(settings: Settings, **wiring: Any) -> "VeoServer":
    """Import and build the server without looking for garbage: nearly all of what that makes stays.

    Looking through it several times would take a twelfth of the start.
    """
    gc.disable()
    try:
        from veo_mcp import network
        from veo_mcp.server import build_server

        if settings.backend != "sandbox":
            network.check()
        return build_server(settings, **wiring)
    finally:
        gc.freeze()
        gc.enable()


def http_app(settings: Settings, host: str, **wiring: Any) -> "Starlette":
    """Return the app that is served over HTTP."""
    return _build(settings, **wiring).streamable_http_app(host=host, session_idle_timeout=SESSION_IDLE_SECONDS)


async def _serve_http(settings: Settings, host: str, port: int) -> None:
    """Serve as the SDK does, but end although somebody still listens: a stream of changes has no end of its own."""
    import uvicorn

    app = http_app(settings, host)
    server = uvicorn.Server(
        uvicorn.Config(app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=LISTENERS_SECONDS)
    )
    logging.getLogger("uvicorn.error").addFilter(_is_no_hang_up)
    await server.serve()


def _is_no_hang_up(record: logging.LogRecord) -> bool:
    """Leave out of the log the calls that were cut because the server ends."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


async def _serve_stdio(settings: Settings) -> None:
    from veo_mcp import tracing
    from veo_mcp.wiring import open_studio

    async with until_told_to_end(signal.SIGTERM, signal.SIGINT, *hang_ups()) as told_to_end:

        @asynccontextmanager
        async def opening(settings: Settings) -> AsyncGenerator[Any]:
            try:
                async with open_studio(settings) as studio:
                    yield studio
            finally:
                if told_to_end.is_set():
                    end()  # here: the SDK waits for stdin's end after this

        def end() -> None:
            """End although threads wait for stdin, or for a folder that does not answer: all is closed by now."""
            tracing.finish()
            logging.shutdown()
            os._exit(0)

        await _build(settings, opening=opening).run_stdio_async()
        end()


def is_loopback(host: str) -> bool:
    """Say whether it is one of the addresses at which the SDK turns away web pages (DNS rebinding)."""
    return host in ("127.0.0.1", "localhost", "::1")


def _origin(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8788, show_default=True, type=click.IntRange(0, 65535))
@readable_errors
def sandbox(*, host: str, port: int) -> None:
    """Serve the API's endpoints without charge.

    Any client and any key may use them; videos are drawn on this machine.
    """
    import uvicorn

    from veo_mcp.sandbox.app import build_app
    from veo_mcp.wiring import sandbox_folder

    settings = Settings.from_environment()
    app = build_app(sandbox_folder(settings), seconds=settings.sandbox_seconds, host=host)
    click.echo(f"The sandbox listens on {_origin(host, port)}: set AIMLAPI_BASE_URL to that, and any key.", err=True)
    uvicorn.run(app, host=host, port=port, log_level="warning")


@main.command()
@click.argument("prompt")
@click.option("--aspect-ratio", type=click.Choice(["16:9", "9:16"]), help="16:9 unless set.")
@click.option("--duration", type=click.Choice(["4", "6", "8"]), help="Seconds; 8 unless set.")
@click.option("--resolution", type=click.Choice(["720p", "1080p"]), help="1080p unless set.")
@click.option("--negative-prompt", help='Things to avoid: "wall, frame".')
@click.option("--enhance-prompt/--no-enhance-prompt", default=None, help="AI rewrites the prompt; on unless set.")
@click.option("--generate-audio/--no-audio", default=None, help="With sound; on unless set.")
@click.option("--seed", type=click.IntRange(0, 4_294_967_295), help="For results that can be repeated.")
@click.option("--auto-fix/--no-auto-fix", default=None, help="Rewrite what content policy refuses; on unless set.")
@click.option("--new-variant", is_flag=True, help="Pay for another take of an identical request.")
@click.option("--yes", is_flag=True, help="Do not ask, whatever VEO_MCP_CONFIRM_ABOVE_USD says.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole result.")
@readable_errors
def generate(*, new_variant: bool, yes: bool, as_json: bool, duration: str | None, **fields: Any) -> None:
    """Make a video; print its path. The prompt goes in quotation marks."""
    from veo_mcp import commands

    log_to_stderr(logging.ERROR)
    seconds = int(duration) if duration else None
    request = commands.request(duration=seconds, **fields)
    settings = Settings.from_environment()
    approved = yes
    if not yes and settings.confirm_above_usd is not None:
        approved = commands.confirm(settings, anyio.run(commands.price_to_confirm, settings, request, new_variant))
    ordering = partial(commands.generate, settings, request, new_variant, approved)
    _finish(anyio.run(_ended_well, ordering), as_json=as_json)


@main.command(context_settings=IDS_MAY_BEGIN_WITH_A_DASH)
@click.argument("generation_id")
@click.option("--wait", default=0.0, type=click.FloatRange(min=0), help="Wait this many seconds for the video.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole result.")
@readable_errors
def status(*, generation_id: str, wait: float, as_json: bool) -> None:
    """Say how a video is doing; fetch it if ready."""
    from veo_mcp import commands

    log_to_stderr(logging.ERROR)
    settings = Settings.from_environment()
    _finish(anyio.run(_ended_well, partial(commands.status, settings, generation_id, wait)), as_json=as_json)


@main.command("list")
@click.option("--status", type=click.Choice(list(Status.__args__)))
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 100))
@click.option("--cursor", help="From the page before.")
@click.option("--json", "as_json", is_flag=True)
@readable_errors
def list_videos(*, status: str | None, limit: int, cursor: str | None, as_json: bool) -> None:
    """List videos: unknown outcomes, then the newest."""
    from veo_mcp import commands, wording

    settings = Settings.from_environment()
    page = anyio.run(commands.page, settings, status, limit, cursor)
    more = "veo-mcp list --cursor {cursor}"
    table = wording.table(page, settings.backend, more=more)
    click.echo(escaped(page.model_dump_json(indent=2)) if as_json else shown_lines(table))


@main.command(context_settings=IDS_MAY_BEGIN_WITH_A_DASH)
@click.argument("generation_id")
@click.option("--sheet", type=click.Path(path_type=Path, dir_okay=False), help="Write the contact sheet (JPEG) here.")
@click.option("--preview", type=click.Path(path_type=Path, dir_okay=False), help="Write the preview (WebP) here.")
@click.option("--gif", type=click.Path(path_type=Path, dir_okay=False), help="Write a small animated GIF here.")
@readable_errors
def show(*, generation_id: str, sheet: Path | None, preview: Path | None, gif: Path | None) -> None:
    """Say what is in a file; write pictures of it."""
    from veo_mcp import commands

    log_to_stderr(logging.ERROR)
    targets = commands.Pictures(sheet=sheet, preview=preview, gif=gif)
    click.echo(shown_lines(anyio.run(commands.show, Settings.from_environment(), generation_id, targets)))


@main.command()
@click.option("--online", is_flag=True, help="Also make the API's free calls: model list and balance.")
@readable_errors
def doctor(*, online: bool) -> None:
    """Say what is wrong here and how to mend it."""
    from veo_mcp import doctor as checks

    log_to_stderr(logging.ERROR)
    findings = anyio.run(partial(checks.examine, os.environ, online=online))
    for finding in findings:
        click.echo(finding.line)
    sys.exit(1 if any(finding.ok is False for finding in findings) else 0)


@main.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--force", is_flag=True, help="Overwrite the file if it exists.")
@readable_errors
def backup(*, file: Path, force: bool) -> None:
    """Copy the jobs database, while servers run."""
    from veo_mcp import commands

    said = commands.backup(Settings.from_environment(), file, overwrite=force)
    click.echo(file)
    click.echo(said, err=True)


@main.command()
@click.option("--days", default=90, show_default=True, type=click.IntRange(1, 36_500), help="Keep what is younger.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@readable_errors
def prune(*, days: int, dry_run: bool) -> None:
    """Remove old previews, leftovers and rows; no videos."""
    from veo_mcp import pruning

    settings = Settings.from_environment()
    click.echo(anyio.run(partial(pruning.prune, settings, before=utc_now() - timedelta(days=days), dry_run=dry_run)))


async def _ended_well(command: Callable[[], Awaitable[T]]) -> T:
    """Run the command; being told to end is to it what Ctrl-C is."""
    async with until_told_to_end(signal.SIGTERM, *hang_ups()):
        return await command()
    raise click.Abort


def _finish(result: "VideoResult", *, as_json: bool) -> None:
    """Print the path or the whole result on stdout, everything else on stderr; exit 0 only with a video."""
    from veo_mcp import commands

    if as_json:
        click.echo(escaped(result.model_dump_json(indent=2)))
    else:
        if result.video is not None:
            click.echo(result.video.path)
        click.echo(shown_lines(commands.report(result)), err=True)
    sys.exit({"completed": 0, "failed": 1, "unknown": 1}.get(result.status, 3))

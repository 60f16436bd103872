"""The wiring: opens everything a studio needs, and closes it again."""

import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path

import anyio
import httpx2

from veo_mcp import private
from veo_mcp.adoption import Adoption
from veo_mcp.artifacts import Artifacts
from veo_mcp.client import VeoClient
from veo_mcp.deliveries import Deliveries
from veo_mcp.fetching import Fetching
from veo_mcp.jobs import utc_now
from veo_mcp.network import http_client
from veo_mcp.payer import Payer
from veo_mcp.pulse import Pulse
from veo_mcp.settings import Settings
from veo_mcp.store import Database, Store
from veo_mcp.studio import Studio
from veo_mcp.watcher import Pace, Watcher

SANDBOX_ORIGIN = "http://sandbox.invalid"
SANDBOX_KEY = "sandbox"


@asynccontextmanager
async def open_studio(
    settings: Settings,
    *,
    clock: Callable[[], datetime] = utc_now,
    pace: Pace | None = None,
    transport: httpx2.AsyncBaseTransport | None = None,
    watching: bool = True,
    caller: str | None = None,
) -> AsyncGenerator[Studio]:
    """Open the ledger, the way to the API and the watcher. Needs no network; nothing here is paid.

    `transport` stands in for the network; with the sandbox as backend it is the sandbox itself, in this process.
    `watching=False` only reads: jobs under way are left alone. `caller` is who orders and is handed outcomes; usually
    each process is a caller of its own.
    """
    async with AsyncExitStack() as stack:
        transport = transport or (_sandbox(settings) if settings.backend == "sandbox" else None)
        http = await stack.enter_async_context(http_client(transport=transport))
        store = Store(Database(database_address(settings)))
        stack.push_async_callback(store.close)
        paying = await stack.enter_async_context(http_client(transport=transport, fresh_connections=True))
        client = _client(settings, http, paying)
        studio = _assemble(settings, http, client, store, clock, pace or pace_of(settings), caller)
        stack.push_async_callback(studio.deliveries.close)
        if watching:
            tasks = await stack.enter_async_context(anyio.create_task_group())
            tasks.start_soon(studio.deliveries.run)
            await tasks.start(studio.watcher.run)
            stack.callback(tasks.cancel_scope.cancel)
        yield studio


def _assemble(
    settings: Settings,
    http: httpx2.AsyncClient,
    client: VeoClient,
    store: Store,
    clock: Callable[[], datetime],
    pace: Pace,
    caller: str | None,
) -> Studio:
    owner, pulse = secrets.token_hex(8), Pulse()
    artifacts, previews = _artifacts(settings, http), previews_folder(settings)
    fetching = Fetching(artifacts, previews, owner=owner, clock=clock, pause=pace.retry)
    payer = Payer(store, client, pulse, owner=owner, lease=pace.lease, clock=clock, pause=pace.retry)
    watcher = Watcher(
        store=store, client=client, payer=payer, fetching=fetching, pulse=pulse, account=settings.account,
        owner=owner, pace=pace, clock=clock,
    )  # fmt: skip
    adoption = Adoption(settings=settings, store=store, client=client, watcher=watcher, clock=clock)
    return Studio(
        settings=settings, store=store, watcher=watcher, payer=payer, fetching=fetching, adoption=adoption,
        deliveries=Deliveries(store, clock), pulse=pulse, clock=clock, caller=caller or owner,
    )  # fmt: skip


@asynccontextmanager
async def open_api(settings: Settings) -> AsyncGenerator[tuple[VeoClient, Artifacts]]:
    """Open just the way to the API and to files, without ledger and watcher: the caller alone remembers the ids."""
    transport = _sandbox(settings) if settings.backend == "sandbox" else None
    async with http_client(transport=transport) as http:
        yield _client(settings, http, http), _artifacts(settings, http)


def _client(settings: Settings, http: httpx2.AsyncClient, paying: httpx2.AsyncClient) -> VeoClient:
    """Return the client for the backend that the settings choose."""
    if settings.backend == "sandbox":
        return VeoClient(http, base_url=SANDBOX_ORIGIN, api_key=SANDBOX_KEY, model=settings.model, paying=paying)
    key = settings.api_key.get_secret_value() if settings.api_key else ""
    return VeoClient(http, base_url=settings.base_url, api_key=key, model=settings.model, paying=paying)


def _artifacts(settings: Settings, http: httpx2.AsyncClient) -> Artifacts:
    return Artifacts(http, settings.output_dir, origin="" if settings.backend == "sandbox" else settings.base_url)


def pace_of(settings: Settings) -> Pace:
    fixed = settings.poll_seconds
    retry = min(1.0, fixed or 1.0)
    return Pace(fixed_poll=fixed, job_timeout=settings.job_timeout_seconds, retry=retry, poked=5 * retry)


def _sandbox(settings: Settings) -> httpx2.AsyncBaseTransport:
    from veo_mcp.sandbox.app import build_app  # noqa: PLC0415  only who has no key needs it

    return httpx2.ASGITransport(build_app(sandbox_folder(settings), seconds=settings.sandbox_seconds))


def previews_folder(settings: Settings) -> Path:
    """Return the folder that holds a folder of pictures for each job."""
    return settings.home / "previews"


def sandbox_folder(settings: Settings) -> Path:
    """Return the folder of the sandbox's prompts and videos, made private."""
    folder = settings.home / "sandbox"
    with suppress(OSError):  # the first order says what is wrong
        private.make_folder(folder)
    return folder


def database_address(settings: Settings) -> Path | str:
    """Return where the ledger is: a SQLite file, or a Postgres address."""
    url = settings.database_url
    return settings.home / "jobs.sqlite3" if url is None else url.get_secret_value()

"""Looks for what is wrong and says how to mend it. No network unless asked."""

import os
import platform
import shlex
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from veo_mcp import __version__, private
from veo_mcp.client import VeoClient
from veo_mcp.errors import SettingsError, UpstreamError, VeoError, as_said, quoted
from veo_mcp.settings import DEFAULT_BASE_URL, NAMES, Settings, is_set
from veo_mcp.store import Database, Store, sqlite_version
from veo_mcp.wiring import database_address, open_api


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    ok: bool
    what: str
    said: str

    @property
    def line(self) -> str:
        return f"{'ok     ' if self.ok else 'PROBLEM'} {self.what:<9} {self.said}"


async def examine(environ: Mapping[str, str], *, online: bool = False) -> list[Finding]:
    findings = list(_versions())
    try:
        settings = Settings.from_environment(environ)
    except SettingsError as error:
        return [*findings, Finding(ok=False, what="settings", said=str(error))]
    findings += [_key(settings, environ), _address(settings)]
    findings += [_folder("home", settings.home, "VEO_MCP_HOME")]
    findings += [_folder("videos", settings.output_dir, "VEO_MCP_OUTPUT_DIR")]
    findings += [_sqlite(settings), await _ledger(settings), *_open_to_others(settings)]
    return [*findings, *(await _service(settings) if online else [])]


def _versions() -> Iterator[Finding]:
    said = f"veo-mcp {__version__}, Python {platform.python_version()}, {platform.system()}"
    yield Finding(ok=True, what="program", said=said)
    try:
        parts = ", ".join(f"{name} {version(name)}" for name in ("mcp", "httpx2", "av", "pydantic"))
        yield Finding(ok=True, what="packages", said=parts)
    except PackageNotFoundError as error:
        yield Finding(ok=False, what="packages", said=f"{error.name} is missing: reinstall veo-mcp")


def _key(settings: Settings, environ: Mapping[str, str]) -> Finding:
    name = next((name for name in NAMES["api_key"] if is_set(environ.get(name, ""))), None)
    unfilled = next((name for name in NAMES["api_key"] if environ.get(name, "").strip()), None)
    if name is None and unfilled is not None:
        said = f"{unfilled} holds the text ${{…}}: this client fills in no variables; write the key itself, or nothing"
        return Finding(ok=False, what="key", said=said)
    if settings.backend == "sandbox":
        why = "VEO_MCP_BACKEND=sandbox" if settings.backend_choice == "sandbox" else "no key is set"
        return Finding(
            ok=True, what="backend", said=f"sandbox ({why}): nothing is charged; AIMLAPI_API_KEY gives real videos"
        )
    if settings.api_key is None:
        return Finding(ok=False, what="key", said="VEO_MCP_BACKEND is aimlapi but AIMLAPI_API_KEY is not set")
    return Finding(ok=True, what="key", said=f"from {name}, {len(settings.api_key.get_secret_value())} characters")


def _address(settings: Settings) -> Finding:
    own = "" if settings.base_url == DEFAULT_BASE_URL else f" (not the usual {DEFAULT_BASE_URL})"
    return Finding(ok=True, what="address", said=f"{settings.base_url}{own}, model {settings.model}")


def _folder(what: str, folder: Path, setting: str) -> Finding:
    # Path.exists raises where a folder may not be searched.
    nearest = next(parent for parent in (folder, *folder.parents) if os.path.exists(parent))  # noqa: PTH110
    if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
        return Finding(ok=True, what=what, said=f"{folder}{'' if nearest == folder else ' (made at first use)'}")
    return Finding(ok=False, what=what, said=f"{folder} cannot be written: mend {nearest} or set {setting}")


async def _ledger(settings: Settings) -> Finding:
    address = database_address(settings)
    shown = "VEO_MCP_DATABASE_URL" if settings.database_url else str(address)
    if isinstance(address, Path) and not os.path.exists(address):  # noqa: ASYNC240, PTH110
        return Finding(ok=True, what="ledger", said=f"{shown} (made at first use)")
    store = Store(Database(address))
    try:
        jobs = await store.page([], limit=1)
        return Finding(ok=True, what="ledger", said=f"{shown}, {'with' if jobs else 'without'} jobs")
    except VeoError as error:
        return Finding(ok=False, what="ledger", said=str(error))
    except (OSError, ValueError, TypeError) as error:
        said = f"{shown} holds what cannot be read ({quoted(str(error))}): was it written by another veo-mcp?"
        return Finding(ok=False, what="ledger", said=said)
    finally:
        await store.close()


def _sqlite(settings: Settings) -> Finding:
    found, will_do = sqlite_version()
    if settings.database_url:
        return Finding(ok=True, what="sqlite", said=f"{found}, not used: the jobs are in Postgres")
    cure = "" if will_do else ": 3.35 or newer is needed; `uv tool install --managed-python veo-mcp` brings one"
    return Finding(ok=will_do, what="sqlite", said=f"{found}{cure}")


def _open_to_others(settings: Settings) -> Iterator[Finding]:
    """Find a database that others may read; opening it has taken that from them where this user may."""
    path = database_address(settings)
    with suppress(OSError):
        if isinstance(path, Path) and private.is_open(path):
            said = f"others may read the prompts in {path}: its owner runs chmod 600 {shlex.quote(str(path))}"
            yield Finding(ok=False, what="private", said=said)


async def _service(settings: Settings) -> list[Finding]:
    """Make the free calls and compare with what the contract says."""
    if settings.backend == "sandbox":
        return [Finding(ok=True, what="service", said="not asked: the sandbox needs no network")]
    async with open_api(settings) as (client, _):
        return [await _asked("models", partial(_models, client)), await _asked("balance", partial(_balance, client))]


async def _asked(what: str, ask: Callable[[], Awaitable[tuple[bool, str]]]) -> Finding:
    try:
        ok, said = await ask()
    except UpstreamError as error:
        ok, said = False, f"{error}{as_said(error.said)}"
    return Finding(ok=ok, what=what, said=said)


async def _models(client: VeoClient) -> tuple[bool, str]:
    models = await client.models()
    if client.model in models:
        return True, f"{client.model} is among the {len(models)} on offer"
    return False, f"{client.model} is NOT among the {len(models)} on offer: set VEO_MCP_MODEL"


async def _balance(client: VeoClient) -> tuple[bool, str]:
    balance = await client.balance_usd()
    if balance is None:
        return False, "the answer has no figure as its current_balance, unlike documented"
    return balance > 0, f"${balance:.2f}"

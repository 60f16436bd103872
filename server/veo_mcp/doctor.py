"""Looks for what is wrong and says how to mend it. No network unless asked; what was not tried is not called ok."""

import json
import os
import platform
import shlex
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from veo_mcp import __version__, media, network, private
from veo_mcp.client import VeoClient
from veo_mcp.errors import BadFile, SettingsError, UpstreamError, VeoError
from veo_mcp.quoting import as_said, shown_lines
from veo_mcp.settings import DEFAULT_BASE_URL, NAMES, Settings, is_set
from veo_mcp.store import Database, Store, sqlite_version
from veo_mcp.wiring import database_address, open_api, previews_folder

ROWS_READ = 200_000
"""The newest rows of the ledger, which are read one by one: that many take a few seconds."""

ROWS_NAMED = 10

_PACKAGES = ("mcp", "httpx2", "pydantic", "av", "numpy", "pillow")
_MARKS = {True: "ok     ", False: "PROBLEM", None: "untried"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`ok` is True only for what was tried and worked, None for what was not tried."""

    ok: bool | None
    what: str
    said: str

    @property
    def line(self) -> str:
        return f"{_MARKS[self.ok]} {self.what:<9} {shown_lines(self.said)}"


async def examine(environ: Mapping[str, str], *, online: bool = False) -> list[Finding]:
    findings = [*_versions(), _command(), await _media()]
    try:
        settings = Settings.from_environment(environ)
    except SettingsError as error:
        return [*findings, Finding(ok=False, what="settings", said=str(error))]
    findings += [_key(settings, environ), _address(settings), _network(settings)]
    findings += [_folder("home", settings.home, "VEO_MCP_HOME")]
    findings += [_folder("previews", previews_folder(settings), "VEO_MCP_HOME")]
    findings += [_folder("videos", settings.output_dir, "VEO_MCP_OUTPUT_DIR")]
    findings += [_sqlite(settings), await _ledger(settings), *_open_to_others(settings)]
    return [*findings, *(await _service(settings) if online else [])]


def _versions() -> Iterator[Finding]:
    said = f"veo-mcp {__version__}, Python {platform.python_version()}, {platform.system()}"
    yield Finding(ok=True, what="program", said=said)
    found: list[str] = []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            yield Finding(ok=False, what="packages", said=f"{name} is missing: reinstall veo-mcp")
    yield Finding(ok=True, what="packages", said=", ".join(found))


def _command() -> Finding:
    """Name the file that clients start: apps with a window of their own do not search the shell's PATH."""
    started = Path(sys.argv[0]).absolute()
    # Windows leaves the ending away, and Python 3.11 does not look for it.
    path = shutil.which(started) or shutil.which(started.with_name(f"{started.name}.exe"))
    if path is None or Path(path).stem != "veo-mcp":
        said = f'in a configuration: "command": {json.dumps(sys.executable)}, "args": ["-m", "veo_mcp", "serve"]'
        return Finding(ok=None, what="command", said=said)
    return Finding(ok=True, what="command", said=f'{path}: the "command" for the configuration of a desktop app')


async def _media() -> Finding:
    """Encode, decode and show a clip of one second, in a child process as it is done with every video."""
    cure = (
        "Videos are still saved, but not looked into; without a working av the sandbox draws none. Reinstall veo-mcp."
    )
    try:
        with tempfile.TemporaryDirectory() as folder:
            made = await media.prove(Path(folder))
            pictures = [each.name for each in (made.sheet, made.preview) if each and each.stat().st_size]
    except OSError as error:
        said = f"not tried: the temporary folder cannot be used ({error}); mend it or set TMPDIR to another"
        return Finding(ok=False, what="media", said=said)
    except BadFile as error:
        return Finding(ok=False, what="media", said=f"no test clip could be made and looked into: {error}. {cure}")
    if made.damage or made.unchecked or made.facts is None or len(pictures) != 2:
        wrong = made.damage or " ".join(made.unchecked) or "pictures are missing"
        return Finding(ok=False, what="media", said=f"a test clip was made but not as it should be: {wrong} {cure}")
    facts = made.facts
    sound = media.sound_in_words(facts.loudness_lufs, has_audio=facts.has_audio)
    said = f"a clip of 1 s was made and looked into: {facts.decoded_frames} frames, {sound}, {' and '.join(pictures)}"
    as_made = facts.decoded_frames == 24 and abs((facts.loudness_lufs or 0) + 20) < 1  # media/clip.py
    return Finding(
        ok=as_made, what="media", said=said if as_made else f"{said}; expected 24 frames and −20 LUFS. {cure}"
    )


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
    return Finding(ok=None, what="key", said=f"from {name}, {len(settings.api_key.get_secret_value())} characters")


def _address(settings: Settings) -> Finding:
    own = "" if settings.base_url == DEFAULT_BASE_URL else f" (not the usual {DEFAULT_BASE_URL})"
    return Finding(ok=None, what="address", said=f"{settings.base_url}{own}, model {settings.model}")


def _network(settings: Settings) -> Finding:
    """Make what a connection needs, and connect to nobody."""
    if settings.backend == "sandbox":
        return Finding(ok=None, what="network", said="not needed by the sandbox")
    try:
        network.check()
    except SettingsError as error:
        return Finding(ok=False, what="network", said=str(error))
    ways = ", ".join(f"{name} ({proxy})" for name, proxy in network.proxies().items())
    return Finding(
        ok=True,
        what="network",
        said=f"{f'proxies: {ways}' if ways else 'no proxy'}; certificates of {network.certificates()}",
    )


def _folder(what: str, folder: Path, setting: str) -> Finding:
    # Path.exists raises where a folder may not be searched.
    nearest = next(parent for parent in (folder, *folder.parents) if os.path.exists(parent))  # noqa: PTH110
    try:
        with tempfile.TemporaryFile(dir=nearest):  # os.access says yes to every folder on Windows
            pass
    except OSError as error:
        why = error.strerror or type(error).__name__
        said = f"{folder} cannot be written ({why}): mend {nearest} or set {setting}"
        return Finding(ok=False, what=what, said=said)
    return Finding(ok=True, what=what, said=f"{folder}{'' if nearest == folder else ' (made at first use)'}")


async def _ledger(settings: Settings) -> Finding:
    address = database_address(settings)
    shown = "VEO_MCP_DATABASE_URL" if settings.database_url else str(address)
    if isinstance(address, Path) and not os.path.exists(address):  # noqa: ASYNC240, PTH110
        return Finding(ok=None, what="ledger", said=f"{shown} (made at first use)")
    store = Store(Database(address, migrates=False))
    try:
        number, bad = await store.unreadable(ROWS_READ)
    except VeoError as error:
        return Finding(ok=False, what="ledger", said=str(error))
    finally:
        await store.close()
    rows = "without jobs" if number == 0 else f"with {number} jobs"
    if number == ROWS_READ:
        rows = f"with {number} jobs or more, of which the newest {number} were looked at"
    if not bad:
        return Finding(ok=True, what="ledger", said=f"{shown}, {rows}")
    named = "; ".join(f"{each.row_id!r} ({each.column})" for each in bad[:ROWS_NAMED])
    more = f" and {len(bad) - ROWS_NAMED} more" if len(bad) > ROWS_NAMED else ""
    said = (
        f"{shown}, {rows}; {len(bad)} of them cannot be read: {named}{more}. They are left as they are, the others are"
        " unaffected. Where a newer veo-mcp uses this database, upgrade this one; else these rows are damaged, and a"
        " backup may have them."
    )
    return Finding(ok=False, what="ledger", said=said)


def _sqlite(settings: Settings) -> Finding:
    found, will_do = sqlite_version()
    if settings.database_url:
        return Finding(ok=True, what="sqlite", said=f"{found}, not used: the jobs are in Postgres")
    cure = "" if will_do else ": 3.35 or newer is needed; `uv tool install --managed-python veo-mcp` brings one"
    return Finding(ok=will_do, what="sqlite", said=f"{found}{cure}")


def _open_to_others(settings: Settings) -> Iterator[Finding]:
    """Find a database that others may read or replace; opening it has made it private where this user may."""
    path = database_address(settings)
    with suppress(OSError):
        if private.lets_others_replace(settings.home):
            said = f"others may replace the files in {settings.home}: chmod go-w {shlex.quote(str(settings.home))}"
            yield Finding(ok=False, what="private", said=said)
    with suppress(OSError):
        if isinstance(path, Path) and private.is_open(path):
            said = f"others may read the prompts in {path}: its owner runs chmod 600 {shlex.quote(str(path))}"
            yield Finding(ok=False, what="private", said=said)


async def _service(settings: Settings) -> list[Finding]:
    """Make the free calls and compare with what the contract says."""
    if settings.backend == "sandbox":
        return [Finding(ok=None, what="service", said="not asked: the sandbox needs no network")]
    try:
        async with open_api(settings) as (client, _):
            asked = await _asked("models", partial(_models, client)), await _asked("balance", partial(_balance, client))
    except SettingsError:
        return [Finding(ok=None, what="service", said="not asked: see network")]
    return list(asked)


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

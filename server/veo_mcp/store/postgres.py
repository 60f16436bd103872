"""The way to a Postgres: addresses that can be read, time limits on both sides, and no password in what is said."""

import hashlib
import importlib
import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from veo_mcp.errors import LedgerError
from veo_mcp.quoting import quoted

MIGRATION_LOCK = 7_366_104  # any constant of our own; programs of schema 3 and older hold it whatever they write
BUSY_STATES = frozenset({"55P03", "40P01"})  # lock_not_available, which lock_timeout raises; deadlock_detected

_UNREADABLE = (
    "VEO_MCP_DATABASE_URL cannot be read as postgresql://USER:PASSWORD@HOST:PORT/DATABASE. In a user name or a password"
    " every character but letters, figures and - . _ ~ must be percent-encoded: % as %25, @ as %40, / as %2F, : as %3A,"
    " ? as %3F, # as %23, a space as %20. VEO_MCP_DATABASE_URL itself is not shown here."
)


def connect(address: str, *, busy_seconds: float) -> Any:
    """Return a psycopg connection that gives up on a server that has gone.

    What the address itself sets is left as it is. The limits of the session are set by `limit_session`.

    Raises:
        LedgerError: there is no psycopg, the address cannot be read, or the server not be reached. Neither the message
            nor its cause holds any part of the password: psycopg's own errors quote what they could not read.
    """
    try:
        psycopg = importlib.import_module("psycopg")
    except ImportError as error:
        raise LedgerError("VEO_MCP_DATABASE_URL needs the extra: pip install 'veo-mcp[postgres]'.") from error
    given = _parts(psycopg, address)
    if given is None:
        raise LedgerError(f"The jobs database at VEO_MCP_DATABASE_URL cannot be used: {_UNREADABLE}")
    usual = _time_limits(psycopg, busy_seconds)
    try:
        connection = psycopg.connect(
            address,
            autocommit=True,
            client_encoding="utf8",  # a server without an encoding of its own would have text come as bytes
            prepare_threshold=None,  # a prepared SELECT * is an error once a newer program has added a column
            **{name: value for name, value in usual.items() if name not in given},
        )
    except (psycopg.Error, OSError, ValueError) as error:
        said = quoted(_without_secrets(str(error), given))
    else:
        return connection
    raise LedgerError(  # outside of the `except`: the error that it would name as its context may say more
        f"The jobs database at VEO_MCP_DATABASE_URL cannot be used ({said}). `veo-mcp doctor` says what is wrong."
    )


def cut(connection: Any) -> None:
    """End whatever the connection waits for, from any thread: a server that is stopped still acknowledges packets."""
    with suppress(Exception):  # it is closed already
        line = socket.socket(fileno=connection.fileno())
        try:
            line.shutdown(socket.SHUT_RDWR)
        finally:
            line.detach()


def lock_number(name: str) -> int:
    """Return the number of the advisory lock of this name, the same in every process."""
    return int.from_bytes(hashlib.blake2b(f"veo-mcp {name}".encode(), digest_size=8).digest(), signed=True)


def _time_limits(psycopg: Any, busy_seconds: float) -> dict[str, int]:
    limits = {
        "connect_timeout": max(2, int(busy_seconds)),
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": max(1, int(busy_seconds * 2000)),
    }
    if psycopg.pq.version() < 120_000:
        del limits["tcp_user_timeout"]
    return limits


def limit_session(connection: Any, *, busy_seconds: float) -> None:
    """Let the server end what waits too long, and a transaction whose process is frozen, with the locks it holds.

    Whoever calls this can `cut` the connection meanwhile: the server may fall silent right after the login.
    `client` is the source of what the address sets in its `options`.
    """
    milliseconds = int(busy_seconds * 1000)
    limits = {
        "lock_timeout": milliseconds,
        "statement_timeout": 2 * milliseconds,
        "idle_in_transaction_session_timeout": milliseconds,
    }
    sql = """SELECT set_config(name, (%s::jsonb) ->> name, false) FROM pg_settings
        WHERE name = ANY(%s) AND source <> 'client'"""
    connection.execute(sql, [_json(limits), list(limits)])


def _json(limits: Mapping[str, int]) -> str:
    return "{" + ", ".join(f'"{name}": "{value}"' for name, value in limits.items()) + "}"


# Addresses


def _parts(psycopg: Any, address: str) -> dict[str, str] | None:
    """Return what the address sets, or None where it cannot be read, or not as it is meant.

    libpq takes a password that holds a `@` or a `/` for a part of the host's or the database's name, and then says it.
    """
    try:
        given: dict[str, str] = psycopg.conninfo.conninfo_to_dict(address)
    except (psycopg.Error, ValueError):
        return None
    after_login = re.sub(r"^[^@/]*@", "", address.partition("://")[2])
    ports = str(given.get("port", "")).split(",")
    if "@" in after_login.partition("?")[0] or not all(re.fullmatch(r"[0-9]*", port) for port in ports):
        return None
    return given


def _without_secrets(text: str, given: Mapping[str, str]) -> str:
    for name in ("password", "sslpassword"):
        if secret := given.get(name):
            for form in sorted({secret, quote(secret), quote(secret, safe="")}, key=len, reverse=True):
                text = text.replace(form, "[removed]")
    return text

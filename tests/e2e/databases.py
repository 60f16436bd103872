"""Scratch databases on a Postgres server that a test run may use as it likes, and trouble with databases."""

import secrets
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier


@contextmanager
def scratch_database(server: str) -> Generator[str]:
    """Create a database on the server of this DSN, return its address, and drop it in the end."""
    name = "veo_e2e_" + secrets.token_hex(6)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        try:
            yield _address(server, name)
        finally:
            connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@contextmanager
def out_of_reach(database: Path | str, *, patience_seconds: float = 20) -> Generator[None]:
    """Keep every write out inside the block: a SQLite file is locked, a Postgres database refuses everybody."""
    if isinstance(database, Path):
        with closing(sqlite3.connect(database, isolation_level=None, timeout=patience_seconds)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")
        return
    name = str(conninfo_to_dict(database)["dbname"])
    with psycopg.connect(database, dbname="postgres", autocommit=True) as connection:
        allow = SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
        connection.execute(allow.format(Identifier(name), SQL("false")))
        try:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            yield
        finally:
            connection.execute(allow.format(Identifier(name), SQL("true")))


def _address(server: str, name: str) -> str:
    found = conninfo_to_dict(server)
    login = f"{found['user']}@" if "user" in found else ""
    return f"postgresql://{login}{found.get('host', '127.0.0.1')}:{found.get('port', 5432)}/{name}"

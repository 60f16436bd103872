"""A Postgres that no longer answers: its processes are stopped, or the way to it forwards nothing."""

import os
import selectors
import signal
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict


@contextmanager
def stopped(address: str) -> Generator[None]:
    """Stop every process of the server that serves this database: kernels still acknowledge what is sent to them."""
    with psycopg.connect(address) as connection:
        sql = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        found = [int(row[0]) for row in connection.execute(sql)]
        try:
            lines = Path(f"/proc/{connection.info.backend_pid}/status").read_text().splitlines()
        except OSError:
            pytest.skip("the Postgres server runs elsewhere")
    parent = next(int(line.split()[1]) for line in lines if line.startswith("PPid:"))
    pids = [parent, *found]
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


class Relay:
    """Forwards a loopback port to the server of the address, until it is `silent`: then it swallows everything.

    The first connection that sends `last_word` is swallowed from there on; others are not.
    """

    def __init__(self, address: str, *, last_word: bytes = b"") -> None:
        self._last_word = last_word
        self._muted: set[socket.socket] = set()
        given = conninfo_to_dict(address)
        self._target = (str(given.get("host", "127.0.0.1")), int(given.get("port") or 5432))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._selector = selectors.DefaultSelector()
        self._others: dict[socket.socket, socket.socket] = {}
        self.silent = self._ended = False
        port = self._listener.getsockname()[1]
        self.address = address.replace(f":{self._target[1]}", f":{port}", 1)

    def run(self) -> None:
        self._selector.register(self._listener, selectors.EVENT_READ)
        while not self._ended:
            for key, _ in self._selector.select(0.05):
                line = key.fileobj
                assert isinstance(line, socket.socket)
                self._accept() if line is self._listener else self._forward(line)
        for line in (self._listener, *self._others):
            line.close()
        self._selector.close()

    def end(self) -> None:
        self._ended = True

    def _accept(self) -> None:
        line, other = self._listener.accept()[0], socket.create_connection(self._target)
        self._others |= {line: other, other: line}
        for end in (line, other):
            self._selector.register(end, selectors.EVENT_READ)

    def _forward(self, line: socket.socket) -> None:
        if line not in self._others:  # the other end was closed in the same moment, and this one with it
            return
        said = b""
        with suppress(OSError):
            said = line.recv(65536)
        if self._last_word and self._last_word in said and not self._muted:
            self._muted = {line, self._others[line]}
        if said and (self.silent or line in self._muted):
            return
        if said:
            with suppress(OSError):
                self._others[line].sendall(said)
            return
        for end in (line, self._others[line]):
            with suppress(KeyError):
                self._selector.unregister(end)
                self._others.pop(end)
            end.close()


@contextmanager
def relayed(address: str, *, last_word: bytes = b"") -> Generator[Relay]:
    relay = Relay(address, last_word=last_word)
    thread = threading.Thread(target=relay.run)
    thread.start()
    try:
        yield relay
    finally:
        relay.end()
        thread.join()

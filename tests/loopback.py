"""Servers on loopback that speak as little as a test needs, and a stand-in for the resolver: no packet leaves here."""

import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.abc
import pytest

PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@asynccontextmanager
async def listening(handle: Callable[[anyio.abc.SocketStream], Awaitable[None]]) -> AsyncGenerator[int]:
    """Serve TCP on a free port of 127.0.0.1; give the port."""
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, handle)
        yield listener.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610  not Django's
        tasks.cancel_scope.cancel()


@dataclass
class Ear:
    """Accepts connections, says nothing, and counts what it hears."""

    connections: int = 0
    heard: bytes = b""

    async def __call__(self, stream: anyio.abc.SocketStream) -> None:
        self.connections += 1
        async with stream:
            async for part in stream:
                self.heard += part


@dataclass
class Socks5:
    """A SOCKS5 proxy (RFC 1928) that takes every name for a server on 127.0.0.1."""

    password: tuple[bytes, bytes] | None = None
    asked: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])

    async def __call__(self, stream: anyio.abc.SocketStream) -> None:
        async with stream:
            _, count = await read(stream, 2)
            assert (2 if self.password else 0) in await read(stream, count)
            await stream.send(b"\x05\x02" if self.password else b"\x05\x00")
            if self.password:
                name = await read(stream, (await read(stream, 2))[1])
                word = await read(stream, (await read(stream, 1))[0])
                await stream.send(b"\x01\x00" if (name, word) == self.password else b"\x01\x01")
            kind = (await read(stream, 4))[3]
            host = (
                socket.inet_ntoa(await read(stream, 4)) if kind == 1 else
                (await read(stream, (await read(stream, 1))[0])).decode()
            )  # fmt: skip
            port = int.from_bytes(await read(stream, 2))
            self.asked.append((host, port))
            async with await anyio.connect_tcp("127.0.0.1", port) as target, anyio.create_task_group() as tasks:
                await stream.send(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
                tasks.start_soon(pour, stream, target)
                await pour(target, stream)
                tasks.cancel_scope.cancel()


async def read(stream: anyio.abc.SocketStream, size: int) -> bytes:
    got = b""
    while len(got) < size:
        got += await stream.receive(size - len(got))
    return got


async def pour(source: anyio.abc.SocketStream, target: anyio.abc.SocketStream) -> None:
    async for part in source:
        await target.send(part)


@dataclass
class Resolver:
    """Answers for names: each time with the next of their addresses, with the last for ever."""

    names: dict[str, list[str]]
    asked: list[str] = field(default_factory=list[str])

    def install(self, monkeypatch: pytest.MonkeyPatch) -> "Resolver":
        real = socket.getaddrinfo

        def getaddrinfo(host: Any, port: Any, *_: Any, **__: Any) -> Iterable[Any]:
            name = host.decode() if isinstance(host, bytes) else str(host)
            self.asked.append(name)
            addresses = self.names.get(name, [name])
            address = addresses.pop(0) if len(addresses) > 1 else addresses[0]
            return real(address, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        return self

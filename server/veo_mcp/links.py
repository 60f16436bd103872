"""Result links, followed on the public internet only: no answer of a service may lead us into this machine's network.

Where the API itself has an address of this network (a GPU box), links may lead into the network as well; where it has
one of this machine (a stand-in), to this machine too.
"""

import ipaddress
import re
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol, cast

import anyio
import httpx2

from veo_mcp.errors import BadFile
from veo_mcp.network import Trace
from veo_mcp.quoting import quoted

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

HOPS = 10
RESOLVE_SECONDS = 15.0
NOT_AN_ADDRESS = "Upstream's result link is not a usable address."

_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
_HOST = re.compile(r"[A-Za-z0-9._:-]+")
"""What a host is made of once it is in ASCII: a proxy may decode or cut whatever else is in it, and go elsewhere."""

_THIS_MACHINE = ("localhost", "localdomain", "ip6-localhost", "ip6-loopback")
_THIS_NETWORK = ("local", "internal", "lan", "home.arpa", "svc")
"""Ends of names that mean this machine or network wherever they are resolved; so does every name without a dot."""


class _Stream(Protocol):
    def get_extra_info(self, info: str) -> Any: ...
    async def aclose(self) -> None: ...


class Links:
    """Follows links for an API at `origin`. `http` must carry no authorization."""

    def __init__(self, http: httpx2.AsyncClient, *, origin: str = "") -> None:
        self._http = http
        self._origin = origin

    @asynccontextmanager
    async def opened(
        self, url: str, *, headers: dict[str, str], pauses: httpx2.Timeout
    ) -> AsyncGenerator[httpx2.Response]:
        """Yield the answer at the end of the link's redirects.

        Raises:
            BadFile: the link, or one that it redirects to, is no address or not one to be followed.
            httpx2.HTTPError: as any request does.
        """
        request: httpx2.Request | None = self._http.build_request("GET", url, headers=headers, timeout=pauses)
        for _ in range(HOPS):
            await self._look_at(request.url)
            request.extensions["trace"] = self._watching(request.url)
            response = await self._http.send(request, stream=True, follow_redirects=False)
            try:
                if response.next_request is None:
                    yield response
                    return
                request = response.next_request
            finally:
                await response.aclose()
        raise BadFile(f"The result link redirects more than {HOPS} times.")

    async def _look_at(self, url: httpx2.URL) -> None:
        """Refuse what can be refused without asking anybody: behind a proxy nothing else can be looked at."""
        if url.scheme not in ("http", "https") or not url.host:
            raise BadFile(NOT_AN_ADDRESS)
        host = _plain(url)
        if not _HOST.fullmatch(host):
            raise BadFile(NOT_AN_ADDRESS)
        address = literal(host)
        if is_of_this_network(host) if address is None else not is_public(address):
            await self._refuse_unless_at_home(url, address)

    def _watching(self, url: httpx2.URL) -> Trace:
        """Return what httpcore2 calls around a new connection: before, with the host, and after, with what it reached.

        A connection to another host than the link's is one to a proxy.
        """
        direct = False

        async def watch(event: str, info: dict[str, Any]) -> None:
            nonlocal direct
            if event.endswith("connect_tcp.started"):
                direct = info["host"] == url.raw_host.decode()
                if direct:
                    for address in await resolved(info["host"], info["port"]):
                        await self._pass(url, address)
            elif event.endswith("connect_tcp.complete") and direct:
                stream = cast("_Stream", info["return_value"])
                try:
                    await self._pass(url, _reached(stream))
                except BadFile:
                    await stream.aclose()
                    raise

        return watch

    async def _pass(self, url: httpx2.URL, address: Address) -> None:
        if not is_public(address):
            await self._refuse_unless_at_home(url, address)

    async def _refuse_unless_at_home(self, url: httpx2.URL, address: Address | None) -> None:
        home = await self._addresses_of_the_api()
        machine = _ends_with(_plain(url), _THIS_MACHINE) if address is None else _inside(address).is_loopback
        near = (_inside(each).is_loopback if machine else not is_public(each) for each in home)
        if address in home or (any(near) and (address is None or _is_private(address))):
            return
        reached = "" if address is None or literal(_plain(url)) == address else f" ({address})"
        raise BadFile(
            f"The result link was not followed: it leads to {quoted(_plain(url), 100)}{reached}, an address of this"
            " machine or network, or one for special use. Links lead there only where AIMLAPI_BASE_URL does."
        )

    async def _addresses_of_the_api(self) -> list[Address]:
        try:
            url = httpx2.URL(self._origin)
        except httpx2.InvalidURL:
            return []
        return await resolved(_plain(url), url.port or 443) if url.host else []


def _plain(url: httpx2.URL) -> str:
    return url.raw_host.decode().rstrip(".").lower()


def literal(host: str) -> Address | None:
    """Return the address that the host spells, in whatever figures: `127.1`, `0x7f000001` and `2130706433` are one."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:
        return ipaddress.ip_address(socket.inet_aton(host)) if host[:1].isdigit() else None
    except OSError:
        return None


def is_of_this_network(host: str) -> bool:
    return "." not in host or _ends_with(host, _THIS_MACHINE + _THIS_NETWORK)


def _ends_with(host: str, names: tuple[str, ...]) -> bool:
    return f".{host}".endswith(tuple(f".{name}" for name in names))


def is_public(address: Address) -> bool:
    """Say whether it is one of the internet's; of an IPv6 address that holds an IPv4 one, whether that is."""
    inner = _inside(address)
    if isinstance(inner, ipaddress.IPv6Address) and inner not in _GLOBAL_UNICAST:
        return False
    return inner.is_global and not inner.is_multicast


def _is_private(address: Address) -> bool:
    """Say whether machines of a network have it: not the link's own addresses, where clouds keep their secrets."""
    inner = _inside(address)
    special = inner.is_link_local or inner.is_multicast or inner.is_unspecified
    return not (special or is_public(inner))


def _inside(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _TRANSLATED:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


async def resolved(host: str, port: int) -> list[Address]:
    """Return the host's addresses; none where it has none, which whoever connects to it says."""
    with anyio.move_on_after(RESOLVE_SECONDS), suppress(OSError, ValueError):  # a UnicodeError is a ValueError
        found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return [ipaddress.ip_address(str(where[0]).partition("%")[0]) for *_, where in found]
    return []


def _reached(stream: _Stream) -> Address:
    return ipaddress.ip_address(str(stream.get_extra_info("server_addr")[0]).partition("%")[0])

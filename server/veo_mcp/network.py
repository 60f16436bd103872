"""The way out of this machine: HTTP clients as the proxy and certificate variables of the environment ask for them."""

import os
import re
import ssl
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any
from urllib.request import getproxies

import anyio
import httpx2

from veo_mcp import capacity
from veo_mcp.errors import SettingsError

Trace = Callable[[str, dict[str, Any]], Awaitable[None]]
"""What httpcore2 calls around every step of a connection."""

SCHEMES = ("http", "https", "all")
PROXY_KINDS = ("http", "https", "socks5", "socks5h")

_HASHED = re.compile(r"[0-9a-f]{8}\.\d+")
"""How certificates are named in a folder that OpenSSL looks into (`openssl rehash`)."""


def http_client(
    *, transport: httpx2.AsyncBaseTransport | None = None, fresh_connections: bool = False
) -> httpx2.AsyncClient:
    """Return a client for the network, or for the `transport` that stands in for it. Needs no network.

    All clients share one TLS context, which takes as long to make as everything else about a client together.
    `fresh_connections`: no call is sent over a connection that another one has used.

    Raises:
        SettingsError: a variable names a proxy or certificates that cannot be used.
    """
    if transport is not None:
        return httpx2.AsyncClient(transport=transport)
    most = capacity.of_process()
    limits = httpx2.Limits(max_connections=most.connections, max_keepalive_connections=20)
    if fresh_connections:
        limits = httpx2.Limits(max_connections=most.orders, max_keepalive_connections=0)
    verify, behind = _tls(), proxies()
    kind = _BehindSocks if any(proxy.startswith("socks") for proxy in behind.values()) else httpx2.AsyncClient
    try:
        return kind(verify=verify, limits=limits)
    except (ValueError, TypeError, ImportError, httpx2.InvalidURL):
        raise SettingsError(
            "HTTP_PROXY, HTTPS_PROXY, ALL_PROXY or NO_PROXY cannot be used: mend or unset it."
        ) from None


class _BehindSocks(httpx2.AsyncClient):
    """Makes one error of all that can go wrong in a handshake; httpcore2 has many, and leaves the connection open."""

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send it as any client does. A handshake is over before anything of the request leaves."""
        others: Trace | None = request.extensions.get("trace")
        stream: Any = None

        async def watch(event: str, info: dict[str, Any]) -> None:
            nonlocal stream
            if event == "socks.connect_tcp.complete":
                stream = info["return_value"]
            if event == "socks.setup_socks5_connection.failed":
                with anyio.CancelScope(shield=True):
                    await stream.aclose()
                if isinstance(info["exception"], Exception):
                    raise httpx2.ProxyError("the proxy does not let this connection through, or speaks no SOCKS5")
            if others is not None:
                await others(event, info)

        request.extensions["trace"] = watch
        return await super().send(request, **options)


def check() -> None:
    """Find out before anything is served whether clients can be made; what that takes is kept for them.

    Raises:
        SettingsError: as `http_client` does.
    """
    _tls()
    proxies()


def proxies() -> dict[str, str]:
    """Return the variables that name a proxy, each with the proxy without its user and password.

    Raises:
        SettingsError: it is no address of a proxy; names the variable, never the value.
    """
    found = getproxies()  # as httpx2 does; on Windows and macOS the system's own settings where no variable is set
    named = {_variable(scheme): address for scheme in SCHEMES if (address := found.get(scheme))}
    return {name: _proxy(name, address) for name, address in named.items()}


def _variable(scheme: str) -> str:
    """Return the name under which it is set: in small letters first, as httpx2 reads it."""
    small = f"{scheme}_proxy"
    names = [small, *(name for name in os.environ if name.lower() == small)]
    return next((name for name in names if os.environ.get(name)), f"the system's {scheme} proxy")


def _proxy(name: str, address: str) -> str:
    try:
        url = httpx2.Proxy(address if "://" in address else f"http://{address}").url
    except (ValueError, httpx2.InvalidURL):
        url = None
    if url is None or not url.host or not 0 < (url.port or 1) < 65_536:
        kinds = ", ".join(f"{kind}://" for kind in PROXY_KINDS)
        raise SettingsError(
            f"{name}: must be the address of a proxy such as http://host:3128; it may begin with {kinds}"
        )
    return f"{url.scheme}://{url.netloc.decode()}"


def certificates() -> str:
    """Return where the certificates come from: the variable that is set, or the system."""
    return next((name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)), "the system")


def _tls() -> ssl.SSLContext:
    name = certificates()
    return _tls_with(name, os.environ.get(name, ""))


@lru_cache(maxsize=1)
def _tls_with(name: str, path: str) -> ssl.SSLContext:
    if name == "SSL_CERT_DIR" and not any(map(_holds_certificates, path.split(os.pathsep))):
        raise SettingsError(
            f"{name}: must be a folder of certificates as `openssl rehash` names them; mend or unset it"
        )
    try:
        return httpx2.create_ssl_context()
    except (OSError, ValueError):  # an ssl.SSLError is an OSError
        raise SettingsError(f"{name}: must be a file of certificates in PEM format; mend or unset it") from None


def _holds_certificates(folder: str) -> bool:
    try:
        return any(_HASHED.fullmatch(name) for name in os.listdir(folder))  # noqa: PTH208
    except OSError:
        return False

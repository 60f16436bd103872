"""Who may use a sandbox on a port: programs that name it as it was told to be called, and no page of another origin."""

import ipaddress
import socket
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from veo_mcp.sandbox.envelopes import problem

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
PRIVATE = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".svc", ".test")
"""Ends of names that nobody can have on the internet."""


class Visitors:
    """Turns away whoever was led here by a name that is not the sandbox's (DNS rebinding), and other sites' pages.

    A sandbox that listens at every address of the machine is called by any of them, by the machine's name, or by a name
    that only a private network has, such as a container's.
    """

    def __init__(self, app: ASGIApp, *, host: str) -> None:
        self._app = app
        self._host = host.lower().removesuffix(".")
        self._everywhere = self._host in ("", "0.0.0.0", "::")  # noqa: S104  only compared

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            request = Request(scope, receive)
            if refusal := self._refusal(request.headers.get("host", ""), request.headers.get("origin")):
                await problem(request, 403, refusal)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, called: str, origin: str | None) -> str:
        if not self._is_mine(_name_of(called)):
            return "This sandbox has another name: `veo-mcp sandbox --host NAME` gives it one."
        if origin is not None and origin.lower() != f"http://{called.lower()}":
            return "Pages of other sites may not use this sandbox."
        return ""

    def _is_mine(self, name: str) -> bool:
        if name in LOOPBACK or name == self._host:
            return True
        if not self._everywhere:
            return False
        in_docker = "_" in name.rpartition(".")[2]  # NAME.PROJECT_default; no name of the internet ends like that
        private = "." not in name or name.endswith(PRIVATE) or in_docker
        return bool(name) and (private or _is_address(name) or name == socket.gethostname().lower())


def _name_of(called: str) -> str:
    """Return the name in a Host header without its port and without the dot that may end it."""
    try:
        return (urlsplit(f"//{called}").hostname or "").removesuffix(".")
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True

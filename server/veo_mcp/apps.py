"""The player, an MCP App: one HTML file that hosts show beside the tools that make and show videos."""

from importlib.resources import files
from typing import Any

from mcp.server.apps import Apps, ResourceCsp, ResourcePermissions

PLAYER_URI = "ui://veo-mcp/player.html"
PLAYER_META: dict[str, Any] = {"ui": {"resourceUri": PLAYER_URI}}


def player() -> Apps:
    """Return the extension that serves the player.

    The resource domains let hosts play `data:` and `blob:` media, which some block unless asked; it needs no network.
    Writing to the clipboard is for "Copy path".
    """
    apps = Apps()
    apps.add_html_resource(
        PLAYER_URI,
        files("veo_mcp").joinpath("views/player.html").read_text(encoding="utf-8"),
        name="player",
        title="Video player",
        csp=ResourceCsp(resource_domains=["data:", "blob:"]),
        permissions=ResourcePermissions(clipboard_write={}),
        prefers_border=False,
    )
    return apps

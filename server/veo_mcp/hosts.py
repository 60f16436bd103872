"""How long one tool call may wait in each host before the host gives up on it. Pure."""

STDIO_SECONDS = 220.0
HTTP_SECONDS = 50.0
UNKNOWN_SECONDS = 50.0

PATIENCE: dict[str, float] = {
    # how the client's name begins, in lower case and with spaces -> seconds; figures of November 2026
    "claude code": 110.0,  # moves a call to the background at 120 s and drops its answer (claude-code#78566)
    "claude ai": 45.0,  # Desktop's code tab and claude.ai end calls at 60 s (claude-code#63379, claude-ai-mcp#804)
    "visual studio code": 220.0,  # no limit of its own, shows progress
    "codex mcp client": 50.0,  # tool_timeout_sec is 60 unless set
    "cursor": 50.0,  # undocumented, about 60 s; calls itself cursor-vscode
    "gemini cli mcp client": 50.0,  # gemini-cli#7324: 60 s
    "opencode": 220.0,  # effectively none
}


def default_wait(client: str | None, *, over_http: bool, shows_progress: bool) -> float:
    """Return the seconds to wait when the caller named none: what the host is known to bear."""
    known = _known(client or "")
    if known is not None:
        return known
    if not shows_progress:
        return UNKNOWN_SECONDS
    return HTTP_SECONDS if over_http else STDIO_SECONDS


def _known(client: str) -> float | None:
    """Find the host by how its name begins: some add the server's name, an edition or `(via mcp-remote 0.1)`."""
    words = client.lower().replace("-", " ") + " "
    return next((seconds for name, seconds in PATIENCE.items() if words.startswith(name + " ")), None)

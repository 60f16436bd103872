import pytest

from veo_mcp.hosts import PATIENCE, default_wait


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("claude-code", 110),
        ("claude-ai", 45),
        ("Visual Studio Code", 220),
        ("Visual-Studio-Code - Insiders", 220),
        ("codex-mcp-client", 50),
        ("cursor-vscode (via mcp-remote 0.1.9)", 50),
        ("gemini-cli-mcp-client-veo", 50),
        ("opencode", 220),
        ("opencoder", 50),
        (None, 50),
    ],
)
def test_a_host_that_is_known_gets_its_answer_before_it_gives_up(name: str | None, seconds: float) -> None:
    assert default_wait(name, over_http=False, shows_progress=False) == seconds


def test_a_host_that_is_not_known_is_only_trusted_with_long_waits_where_it_asked_for_progress() -> None:
    assert default_wait("new", over_http=False, shows_progress=True) == 220
    assert default_wait("new", over_http=True, shows_progress=True) == 50
    assert default_wait("new", over_http=False, shows_progress=False) == 50
    assert max(PATIENCE.values()) < 240

import pytest

from veo_mcp.hosts import HTTP_SECONDS, PATIENCE, STDIO_SECONDS, UNKNOWN_SECONDS, default_wait


@pytest.mark.parametrize("client", list(PATIENCE))
def test_a_known_host_is_answered_before_it_gives_up_however_it_is_reached(client: str) -> None:
    waits = {
        default_wait(name, over_http=over_http, shows_progress=shows_progress)
        for name in (client, client.upper())
        for over_http in (True, False)
        for shows_progress in (True, False)
    }
    assert waits == {PATIENCE[client]}


@pytest.mark.parametrize("client", [None, "", "somebody's agent"])
def test_an_unknown_host_is_trusted_with_a_long_wait_only_where_it_shows_progress(client: str | None) -> None:
    assert default_wait(client, over_http=False, shows_progress=True) == STDIO_SECONDS
    assert default_wait(client, over_http=True, shows_progress=True) == HTTP_SECONDS
    assert default_wait(client, over_http=False, shows_progress=False) == UNKNOWN_SECONDS < 60
    assert default_wait(client, over_http=True, shows_progress=False) == UNKNOWN_SECONDS

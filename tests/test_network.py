"""The proxy and certificate variables: what they ask for is done, and what cannot be used is named before anything."""

import json
import ssl
import subprocess
import sys
from pathlib import Path

import anyio.abc
import httpx2
import pytest

from loopback import Socks5, listening, without_proxies
from studios import KEY, a_sandbox, serving
from test_cli import Shell, shell
from test_doctor import environ_of, problems
from veo_mcp.doctor import examine
from veo_mcp.errors import SettingsError
from veo_mcp.network import http_client

__all__ = ["shell"]

SECRET = "hunter2"  # noqa: S105

BAD_PROXIES = [
    ("ALL_PROXY", f"foo://me:{SECRET}@127.0.0.1:1"),
    ("HTTPS_PROXY", f"http://me:{SECRET}@proxy:port"),
    ("https_proxy", f"http://me:{SECRET}@proxy:99999"),
    ("HTTP_PROXY", "http://"),
    ("all_proxy", "socks4://127.0.0.1:1080"),
]


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    without_proxies(monkeypatch)
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


def bad_certificates(folder: Path) -> list[tuple[str, str]]:
    (folder / "empty").touch()
    (folder / "text").write_text("no certificate")
    (folder / "folder").mkdir()
    files = [("SSL_CERT_FILE", str(folder / name)) for name in ("missing", "empty", "text", "folder")]
    return files + [("SSL_CERT_DIR", str(folder / name)) for name in ("missing", "empty", "folder")]


@pytest.mark.parametrize(("name", "value"), BAD_PROXIES)
async def test_a_proxy_that_cannot_be_used_is_named_without_its_password(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=rf"^{name}: must be the address of a proxy") as refusal:
        http_client()
    assert SECRET not in f"{refusal.value!r}"
    assert refusal.value.__cause__ is None


async def test_certificates_that_cannot_be_read_are_named_by_their_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in bad_certificates(tmp_path):
        with monkeypatch.context() as now:
            now.setenv(name, value)
            with pytest.raises(SettingsError, match=rf"^{name}: must be a fil|^{name}: must be a folder"):
                http_client()
    async with http_client():
        pass


def test_every_command_says_in_one_line_which_variable_keeps_it_from_the_network(shell: Shell, tmp_path: Path) -> None:
    for name, value in [*BAD_PROXIES[:2], *bad_certificates(tmp_path)[:1]]:
        for arguments in (["serve"], ["serve", "--http", "--port", "0"], ["generate", "x"], ["list"], ["status", "x"]):
            ran = shell(*arguments, **{name: value})
            assert (ran.exit_code, ran.stdout) == (1, ""), (arguments, ran.output)
            said = [line for line in ran.stderr.splitlines() if not line.startswith("MCP at")]
            assert len(said) == 1
            assert said[0].startswith(f"Error: {name}: ")
            assert SECRET not in ran.output


def test_names_without_a_proxy_that_cannot_be_read_are_a_bad_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "xn--zzzz")
    with pytest.raises(SettingsError, match="NO_PROXY cannot be used"):
        http_client()


async def test_the_doctor_finds_what_keeps_everything_from_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in [BAD_PROXIES[0], bad_certificates(tmp_path)[1]]:
        with monkeypatch.context() as now:
            now.setenv(name, value)
            found = await problems(tmp_path, AIMLAPI_BASE_URL="http://127.0.0.1:9")
            assert list(found) == ["network"]
            assert found["network"].startswith(f"{name}: ")
            assert SECRET not in found["network"]
    monkeypatch.setenv(*BAD_PROXIES[0])
    assert await problems(tmp_path, AIMLAPI_API_KEY="") == {}  # the sandbox needs no network


async def test_the_doctor_names_the_proxy_in_use_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:{SECRET}@proxy.example:3128")
    (said,) = [each for each in await examine(environ_of(tmp_path)) if each.what == "network"]
    assert said.line == "ok      network   proxies: HTTPS_PROXY (http://proxy.example:3128); certificates of the system"


@pytest.mark.parametrize("kind", ["socks5", "socks5h"])
@pytest.mark.parametrize("login", [None, ("me", SECRET)])
async def test_a_socks_proxy_is_used_and_resolves_the_names(
    kind: str, login: tuple[str, str] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = Socks5(password=login and (login[0].encode(), login[1].encode()))
    with serving(a_sandbox(tmp_path / "sandbox")) as url:
        port = int(url.rpartition(":")[2])
        async with listening(proxy) as proxy_port:
            who = f"{login[0]}:{login[1]}@" if login else ""
            monkeypatch.setenv("ALL_PROXY", f"{kind}://{who}127.0.0.1:{proxy_port}")
            async with http_client() as http:
                answer = await http.get(f"http://api.example:{port}/v1/models")
    assert answer.status_code == 200
    assert proxy.asked == [("api.example", port)]


async def test_a_socks_proxy_that_refuses_the_login_is_an_error_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening(Socks5(password=(b"me", b"other"))) as port:
        monkeypatch.setenv("ALL_PROXY", f"socks5://me:{SECRET}@127.0.0.1:{port}")
        async with http_client() as http:
            with pytest.raises(httpx2.ProxyError) as refused:
                await http.get("http://api.example/")
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x05", b"\x05\x00\x05\x00\x00\x01"])
async def test_a_proxy_that_speaks_no_socks_is_an_error_of_the_network(
    answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def speak(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.receive()
            if answer:
                await stream.send(answer)

    async with listening(speak) as port:
        monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{port}")
        async with http_client() as http:
            with pytest.raises(httpx2.TransportError):
                await http.get("http://api.example/")


def test_all_clients_share_one_tls_context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[ssl.SSLContext] = []

    def make() -> ssl.SSLContext:
        made.append(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        return made[-1]

    monkeypatch.setattr(httpx2, "create_ssl_context", make)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificates.pem"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:3128")
    for fresh in (False, True, False):
        http_client(fresh_connections=fresh)
    assert len(made) == 1


async def test_fresh_connections_are_used_once(tmp_path: Path) -> None:
    async def connections(*, fresh: bool) -> int:
        taken: set[int] = set()
        with serving(a_sandbox(tmp_path / "sandbox")) as url:
            async with http_client(fresh_connections=fresh) as http:
                for _ in range(3):
                    async with http.stream("GET", f"{url}/v1/models") as answer:
                        taken.add(answer.extensions["network_stream"].get_extra_info("client_addr")[1])
                        await answer.aread()
        return len(taken)

    assert await connections(fresh=False) == 1
    assert await connections(fresh=True) == 3


def test_socks_is_installed_and_not_loaded_before_it_is_needed() -> None:
    script = "import sys; from veo_mcp.cli import main; main(['--version'], standalone_mode=False); "
    script += "import json; print(json.dumps(sorted(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert "socksio" not in json.loads(ran.stdout.splitlines()[-1])
    assert KEY not in ran.stdout

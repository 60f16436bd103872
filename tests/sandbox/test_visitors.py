"""A sandbox on a port is for programs on this machine: not for web pages that a browser has open."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from playground import FAST, GENERATIONS, KEY, MODEL, Playground

from studios import serving
from veo_mcp.sandbox.app import BODY_BYTES, build_app

ORDER = {"model": MODEL, "prompt": "a whale", "duration": 4}


async def ordered(folder: Path, host: str | None, **headers: str) -> httpx2.Response:
    app = build_app(folder, render_command=FAST, host=host)
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8788", headers=KEY) as client:
        return await client.post(GENERATIONS, json=ORDER, headers=headers)


def is_refused(answer: httpx2.Response, folder: Path) -> bool:
    assert (answer.status_code, list(folder.glob("*.generation.json")) == []) in {(403, True), (200, False)}
    if answer.status_code == 403:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["error"]["name"] == "ForbiddenException"
    return answer.status_code == 403


@pytest.mark.parametrize(
    "host", ["attacker.example", "attacker.example:8788", "127.0.0.1.attacker.example", "", "[", "10.0.0.1"]
)
async def test_a_page_that_rebinds_its_name_to_this_machine_orders_nothing(host: str, tmp_path: Path) -> None:
    assert is_refused(await ordered(tmp_path, "127.0.0.1", Host=host), tmp_path)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:8788",
        "localhost:8788",
        "LOCALHOST",
        "localhost.:8788",
        "box.example.",
        "[::1]:8788",
        "box.example:8788",
    ],
)
async def test_whoever_calls_the_sandbox_by_its_own_name_may_use_it(host: str, tmp_path: Path) -> None:
    assert not is_refused(await ordered(tmp_path, "box.example", Host=host), tmp_path)


@pytest.mark.parametrize(
    "origin", ["https://attacker.example", "null", "http://localhost:3000", "https://127.0.0.1:8788"]
)
async def test_a_page_of_another_site_orders_nothing(origin: str, tmp_path: Path) -> None:
    assert is_refused(await ordered(tmp_path, "127.0.0.1", Origin=origin), tmp_path)


async def test_a_page_of_the_sandbox_itself_may_use_it(tmp_path: Path) -> None:
    assert not is_refused(await ordered(tmp_path, "127.0.0.1", Origin="http://127.0.0.1:8788"), tmp_path)


@pytest.mark.parametrize(
    ("host", "refused"),
    [
        ("192.168.1.5:8788", False),
        ("[fd00::5]", False),
        (socket.gethostname(), False),
        ("sandbox:8788", False),
        ("host.docker.internal:8788", False),
        ("sandbox.svc", False),
        ("sandbox.default.svc:8788", False),
        ("sandbox.default.svc.cluster.local.", False),
        ("sandbox.test:8788", False),
        ("sandbox.project_default:8788", False),
        ("veo_sandbox.attacker.example", True),
        ("attacker.example", True),
        ("", True),
    ],
)
async def test_a_sandbox_at_every_address_is_called_by_an_address_or_the_machines_name(
    host: str, refused: bool, tmp_path: Path
) -> None:
    assert is_refused(await ordered(tmp_path, "0.0.0.0", Host=host), tmp_path) == refused  # noqa: S104


async def test_the_sandbox_in_process_needs_no_name(sandbox: Playground) -> None:
    assert (await sandbox.order("a whale")).status_code == 200


class Endless:
    """A body without end; tells how much of it was taken."""

    def __init__(self) -> None:
        self.taken = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            self.taken += 1 << 16
            yield b" " * (1 << 16)


async def test_a_body_without_end_is_refused_before_it_fills_the_memory(sandbox: Playground) -> None:
    body = Endless()
    answer = await sandbox.client.post(GENERATIONS, content=body.__aiter__())
    assert (answer.status_code, answer.json()["status"]) == (413, 413)
    assert body.taken <= BODY_BYTES + (1 << 17)


def test_a_long_body_on_a_port_is_refused_and_others_are_served(tmp_path: Path) -> None:
    with serving(build_app(tmp_path, render_command=FAST, host="127.0.0.1")) as url:
        answer = httpx2.post(url + GENERATIONS, content=b" " * (BODY_BYTES + 1), headers=KEY)
        assert (answer.status_code, answer.json()["error"]["name"]) == (413, "PayloadTooLargeException")
        assert httpx2.post(url + GENERATIONS, json=ORDER, headers=KEY).status_code == 200
        assert httpx2.get(url + "/v1/models", headers={"Host": "attacker.example"}).status_code == 403

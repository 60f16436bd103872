import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest
from playground import FAST, MODEL, VIDEO, Clock, Playground, is_alive, matches, playing, renderer, until

from veo_mcp.sandbox.locks import hold, is_held
from veo_mcp.sandbox.records import KEEP_GENERATIONS, KEEP_SECONDS, Records, key_of, write_atomically
from veo_mcp.sandbox.schema import SCHEMA_C, read_order
from veo_mcp.sandbox.timeline import Timeline

JOURNALLED = renderer("journal('start'); time.sleep(0.1); journal('end'); write()")
DIE = "os._exit(-1073741819)" if sys.platform == "win32" else "os.kill(os.getpid(), 9)"
"""On Windows the status code of an access violation."""
HANGS_AT_FIRST = renderer("""
journal(f"{os.getppid()} {os.getpid()}")
if len((out.parent / "journal").read_text().splitlines()) == 1:
    time.sleep(60)
write()
""")


def journal(sandbox: Playground) -> list[str]:
    path = sandbox.folder / "journal"
    return path.read_text().splitlines() if path.exists() else []


@contextmanager
def typed_on_stdin(text: bytes) -> Generator[None]:
    ours, (reader, writer) = os.dup(0), os.pipe()
    os.write(writer, text)
    os.dup2(reader, 0)
    try:
        yield
    finally:
        os.dup2(ours, 0)
        for descriptor in (ours, reader, writer):
            os.close(descriptor)


async def test_a_generation_never_completes_before_its_time(sandbox: Playground) -> None:
    generation_id = await sandbox.rendered("a whale")
    sandbox.clock.now -= 0.01
    assert await sandbox.status(generation_id) == "generating"
    sandbox.clock.now += 0.01
    assert await sandbox.status(generation_id) == "completed"


async def test_a_generation_never_completes_before_its_file_is_there(tmp_path: Path) -> None:
    gated = renderer("while not (out.parent / 'go').exists(): time.sleep(0.01)\nwrite()")
    async with playing(tmp_path, render_command=gated) as sandbox:
        generation_id = await sandbox.order_id("a whale")
        sandbox.clock.now += 1000
        assert await sandbox.status(generation_id) == "generating"
        (tmp_path / "go").touch()
        await until(lambda: matches(tmp_path, "*.mp4"))
        assert await sandbox.status(generation_id) == "completed"


async def test_generations_outlive_the_app_that_made_them(tmp_path: Path) -> None:
    clock = Clock()
    async with playing(tmp_path, clock=clock) as first:
        generation_id = await first.rendered("a whale")
    async with playing(tmp_path, clock=clock) as second:
        url = (await second.poll(generation_id)).json()["video"]["url"]
        assert (await second.client.get(url)).content == VIDEO


async def test_two_apps_on_a_folder_see_each_others_generations_and_render_them_once(tmp_path: Path) -> None:
    clock = Clock()
    async with (
        playing(tmp_path, clock=clock, render_command=JOURNALLED) as one,
        playing(tmp_path, clock=clock, render_command=JOURNALLED) as other,
    ):
        generation_id = await one.order_id("a whale")
        clock.now += 10
        with anyio.fail_after(20):
            while await other.status(generation_id) != "completed":
                assert await one.status(generation_id) in {"generating", "completed"}
        assert journal(one) == ["start", "end"]


async def test_one_render_runs_at_a_time(tmp_path: Path) -> None:
    async with playing(tmp_path, render_command=JOURNALLED) as sandbox:
        for prompt in ("a whale", "a fox", "an owl"):
            await sandbox.order(prompt)
        await until(lambda: len(list(tmp_path.glob("*.mp4"))) == 3)
        assert journal(sandbox) == ["start", "end"] * 3


@pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX does")
@pytest.mark.parametrize("victim", ["renderer", "worker and renderer"])
async def test_a_render_that_was_killed_is_started_again_by_the_next_poll(tmp_path: Path, victim: str) -> None:
    clock = Clock()
    async with playing(tmp_path, clock=clock, render_command=HANGS_AT_FIRST) as sandbox:
        generation_id = await sandbox.order_id("a whale")
        await until(lambda: len(journal(sandbox)) == 1)
        worker, child = map(int, journal(sandbox)[0].split())
        for pid in (child,) if victim == "renderer" else (worker, child):
            os.kill(pid, signal.SIGKILL)
        await until(lambda: not is_alive(worker))
        assert not matches(tmp_path, "*.failed")
    async with playing(tmp_path, clock=clock, render_command=HANGS_AT_FIRST) as restarted:
        clock.now += 10
        assert await restarted.status(generation_id) == "generating"
        await until(lambda: matches(tmp_path, "*.mp4"))
        assert await restarted.status(generation_id) == "completed"
        assert len(journal(restarted)) == 2


async def test_a_render_that_is_killed_every_time_fails_in_the_end(tmp_path: Path) -> None:
    async with playing(tmp_path, render_command=renderer(f"journal('try'); {DIE}")) as sandbox:
        generation_id = await sandbox.order_id("a whale")
        sandbox.clock.now += 10
        with anyio.fail_after(20):
            while await sandbox.status(generation_id) != "error":
                pass
        assert journal(sandbox) == ["try"] * 3


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (renderer("sys.exit('no such scene')"), "The renderer ended with code 1: no such scene"),
        (renderer("sys.exit(3)"), "The renderer ended with code 3: it said nothing"),
        (renderer("pass"), "The renderer ended with code 0: it said nothing"),
        (("/no/such/renderer",), "The renderer ended with code 127: ["),
    ],
    ids=["says no", "silent", "no file", "not installed"],
)
async def test_a_failed_render_becomes_an_error_and_is_not_charged(
    tmp_path: Path, command: tuple[str, ...], reason: str
) -> None:
    async with playing(tmp_path, render_command=command) as sandbox:
        generation_id = await sandbox.order_id("a whale")
        await until(lambda: matches(tmp_path, "*.failed"))
        sandbox.clock.now += 5
        body = (await sandbox.poll(generation_id)).json()
        assert (body["id"], body["status"], body["error"]["name"]) == (generation_id, "error", "generation_failed")
        assert body["error"]["message"].startswith(reason)
        assert await sandbox.balance() == 1000


async def test_a_failed_render_is_not_tried_again(tmp_path: Path) -> None:
    async with playing(tmp_path, render_command=renderer("journal('try'); sys.exit(1)")) as sandbox:
        generation_id = await sandbox.order_id("a whale")
        await until(lambda: matches(tmp_path, "*.failed"))
        await sandbox.poll(generation_id)
        async with playing(tmp_path) as restarted:
            await restarted.poll(generation_id)
            await until(lambda: not any(map(is_held, tmp_path.glob("*.lock"))))
        assert journal(sandbox) == ["try"]
        assert not matches(tmp_path, "*.mp4")


async def test_the_renderer_neither_reads_nor_writes_the_servers_streams(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    chatty = renderer("print('noise'); journal(repr(sys.stdin.read())); print('oops', file=sys.stderr); write()")
    with typed_on_stdin(b"protocol"):
        async with playing(tmp_path, render_command=chatty) as sandbox:
            await sandbox.rendered("a whale")
            assert journal(sandbox) == ["''"]
        assert os.read(0, 100) == b"protocol"
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(sys.platform == "win32", reason="sessions are POSIX")
async def test_the_renderer_is_out_of_reach_of_the_terminals_signals(tmp_path: Path) -> None:
    async with playing(tmp_path, render_command=renderer("journal(str(os.getsid(0))); write()")) as sandbox:
        await sandbox.rendered("a whale")
        assert journal(sandbox) != [str(os.getsid(0))]


async def test_polls_start_no_second_worker_while_one_is_at_work(tmp_path: Path) -> None:
    gated = renderer("journal('start')\nwhile not (out.parent / 'go').exists(): time.sleep(0.01)\nwrite()")
    async with playing(tmp_path, render_command=gated) as one, playing(tmp_path, render_command=gated) as other:
        generation_id = await one.order_id("a whale")
        await one.poll(generation_id)
        await until(lambda: journal(one) == ["start"])
        for _ in range(5):
            await other.poll(generation_id)
        names = [thread.name for thread in threading.enumerate()]
        assert names.count(f"sandbox-worker-{key_of(generation_id)}") == 1
        (tmp_path / "go").touch()
        await until(lambda: matches(tmp_path, "*.mp4"))


def test_a_worker_that_has_ended_is_forgotten(tmp_path: Path) -> None:
    timeline = Timeline(records=Records(tmp_path), seconds=10, clock=Clock(), render_command=FAST)
    timeline.create(read_order({"model": MODEL, "prompt": "a whale"}, SCHEMA_C), ())
    for thread in threading.enumerate():
        if thread.name.startswith("sandbox-worker-"):
            thread.join(20)
    assert matches(tmp_path, "*.mp4")
    assert timeline._workers == {}  # pyright: ignore[reportPrivateUsage]


def test_a_worker_whose_server_lives_on_ends_without_a_complaint(tmp_path: Path) -> None:
    (tmp_path / "a.request.json").write_text("{}")
    command = [sys.executable, "-m", "veo_mcp.sandbox.worker", str(tmp_path), "a", *FAST]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as worker:
        assert worker.stderr is not None
        assert (worker.stderr.read(), worker.wait(20)) == (b"", 0)
    assert matches(tmp_path, "a.mp4")


async def test_no_work_is_done_on_the_event_loop(tmp_path: Path) -> None:
    threads: set[int] = set()

    class WatchingClock(Clock):
        def __call__(self) -> float:
            threads.add(threading.get_ident())
            return super().__call__()

    async with playing(tmp_path, clock=WatchingClock()) as sandbox:
        await sandbox.status(await sandbox.order_id("a whale"))
        await sandbox.balance()
    assert threads
    assert threading.get_ident() not in threads


async def test_a_week_old_generation_is_forgotten_when_a_new_one_is_made(sandbox: Playground) -> None:
    old = await sandbox.rendered("a whale")
    sandbox.clock.now += KEEP_SECONDS - 20
    await sandbox.rendered("a fox")
    assert await sandbox.status(old) == "completed"
    sandbox.clock.now += 20
    await sandbox.order("an owl")
    assert (await sandbox.poll(old)).status_code == 404
    assert len(list(sandbox.folder.glob("*.request.json"))) == 2


async def test_the_oldest_beyond_two_hundred_are_forgotten(sandbox: Playground) -> None:
    ids: list[str] = []
    for _ in range(KEEP_GENERATIONS + 1):
        sandbox.clock.now += 1
        ids.append(await sandbox.order_id("a whale [sandbox:stuck]"))
    answers = [(await sandbox.poll(generation_id)).status_code for generation_id in ids]
    assert answers == [404] + [200] * KEEP_GENERATIONS


async def test_an_empty_folder_needs_not_exist(tmp_path: Path) -> None:
    async with playing(tmp_path / "a" / "b") as sandbox:
        assert await sandbox.balance() == 1000
        assert (await sandbox.poll("anything")).status_code == 404
        assert (await sandbox.order("a whale")).status_code == 200


def test_a_lock_is_held_by_one_and_free_again_after(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_held(path)
    with hold(path, patience_seconds=0) as ours:
        assert ours
        assert is_held(path)
        with hold(path, patience_seconds=0.1) as theirs:
            assert not theirs
    assert not is_held(path)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path, witness = tmp_path / "record", tmp_path / "witness"
    write_atomically(path, "old")
    witness.hardlink_to(path)
    write_atomically(path, "new")
    assert (path.read_text(), witness.read_text()) == ("new", "old")
    assert {entry.name for entry in tmp_path.iterdir()} == {"record", "witness"}

"""The process that decodes: whatever becomes of it, the parent has a verdict and nobody is left behind."""

import ctypes
import os
import shlex
import subprocess
import sys
from itertools import accumulate
from pathlib import Path

import anyio
import pytest

from media_files import video
from veo_mcp import capacity
from veo_mcp.media import Facts, Inspection, inspect, inspection

SHELL = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for Python is a shell script")
LIMITED = pytest.mark.skipif(sys.platform == "darwin", reason="macOS does not limit the address space")
NOT_WINE = pytest.mark.skipif(
    sys.platform == "win32" and hasattr(ctypes.windll.ntdll, "wine_get_version"), reason="Wine enforces no job's limits"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "video.mp4"
    path.write_bytes(video())
    return path


def stand_in(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """Let a shell script be the child."""
    python = folder / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))


UNCHECKED = (
    "Picture and sound were not checked: {}; it is looked into again when the video is viewed, and `veo-mcp doctor`"
    " says what is wrong. The file's header shows nothing missing; length and size are what it says."
)
BY_HEADER = Facts(
    duration_seconds=2.0,
    width=320,
    height=180,
    fps=24.0,
    video_codec="avc1",
    audio_codec="mp4a",
    has_audio=True,
    loudness_lufs=None,
    declared_frames=48,
    faststart=True,
)


@SHELL
@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("kill -SEGV $$", "the inspection was ended by signal 11"),
        ("kill -XCPU $$", "the inspection took more than 60 s of processor time"),
        ("kill -KILL $$", "the inspection was ended by signal 9"),
        ("exit 1", "the inspection ended with code 1 (it said nothing)"),
        ("echo MemoryError >&2; exit 1", 'the inspection ended with code 1 ("MemoryError")'),
        (
            "echo \"ModuleNotFoundError: No module named 'av'\" >&2; exit 1",
            "the inspection ended with code 1 (\"ModuleNotFoundError: No module named 'av'\")",
        ),
        ("echo half an ans", "the inspection gave an answer that cannot be read"),
        ("exec sleep 60", "the inspection did not end within 0.5 s"),
    ],
)
async def test_an_inspection_that_fails_is_never_damage_and_the_header_tells_what_is_known(
    script: str, reason: str, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(monkeypatch, tmp_path, script)
    seconds = 0.5 if "sleep" in script else 60
    found = await inspect(path, wall_seconds=seconds)
    assert found == Inspection(facts=BY_HEADER, unchecked=(UNCHECKED.format(reason),))


async def test_an_inspection_that_cannot_be_started_is_never_damage(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = str(tmp_path / "upgraded" / "away")
    monkeypatch.setattr(sys, "executable", away)
    with pytest.raises(FileNotFoundError) as missing:
        await anyio.run_process([away])
    reason = f"the inspection could not be started ({missing.value.strerror})"
    assert await inspect(path) == Inspection(facts=BY_HEADER, unchecked=(UNCHECKED.format(reason),))


@SHELL
async def test_a_file_that_is_cut_by_its_header_is_damaged_though_nothing_can_be_decoded(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(video()[: len(video()) // 2])
    stand_in(monkeypatch, tmp_path, "kill -KILL $$")
    assert ((await inspect(path)).damage or "").startswith("the file is cut short: ")


@SHELL
async def test_an_inspection_that_takes_too_long_leaves_no_process(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(monkeypatch, tmp_path, f"echo $$ > {tmp_path}/pid; exec sleep 60")
    await inspect(path, wall_seconds=0.5)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@SHELL
async def test_thirty_videos_that_finish_together_are_all_looked_into(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    stand_in(monkeypatch, tmp_path, f"echo begins >> {log}; sleep 0.3; echo ends >> {log}; echo '{{}}'")
    two_cores = capacity.of(descriptors=1024, cores=2)
    monkeypatch.setattr(capacity, "of_process", lambda: two_cores)
    found: list[Inspection] = []

    async def look() -> None:
        found.append(await inspect(path, wall_seconds=4))  # all thirty take longer, each by itself does not

    async with anyio.create_task_group() as tasks:
        for _ in range(30):
            tasks.start_soon(look)
    running = list(accumulate(1 if line == "begins" else -1 for line in log.read_text().split()))
    assert max(running) == 2
    assert found == [Inspection()] * 30


@SHELL
async def test_what_a_decoder_may_use_is_processor_time_and_more_of_it_is_no_damage(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "av.py").write_text("while True: pass")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(inspection, "CPU_SECONDS", 1.0)
    reason = "the inspection took more than 1 s of processor time"
    assert await inspect(path) == Inspection(facts=BY_HEADER, unchecked=(UNCHECKED.format(reason),))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="counts children in /proc")
async def test_thirty_real_decoders_take_turns_and_every_picture_is_seen(tmp_path: Path) -> None:
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    running: list[int] = []
    found: list[Inspection] = []

    async def look(number: int) -> None:
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(video(size=(1920, 1080), frames=48))
        found.append(await inspect(path, into=tmp_path / str(number)))

    async with anyio.create_task_group() as tasks:
        for number in range(30):
            tasks.start_soon(look, number)
        while len(found) < 30:
            running.append(len(children.read_text().split()))
            await anyio.sleep(0.05)
    assert max(running) <= len(os.sched_getaffinity(0))
    assert [each.facts.decoded_frames for each in found if each.facts] == [48] * 30
    assert all(each.sheet for each in found)


SHORTAGES = [90, 180, 240, 268, 285, 296, 320, 420]
"""In megabytes, from too little for Python to enough; where decoding starts and fails depends on versions."""


@SHELL
@LIMITED
@pytest.mark.parametrize(
    "megabytes", [*SHORTAGES, *(pytest.param(each, marks=pytest.mark.slow) for each in range(222, 350, 4))]
)
async def test_a_child_that_is_short_of_memory_never_calls_a_whole_video_damaged(
    megabytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(video(size=(1920, 1080), frames=48))
    python = shlex.quote(sys.executable)
    stand_in(monkeypatch, tmp_path, f'ulimit -v {megabytes << 10}; exec {python} "$@"')
    inspection = await inspect(path, into=tmp_path / "pictures")
    assert inspection.damage is None
    assert inspection.facts is not None
    assert inspection.facts.decoded_frames == 48 or "were not checked" in inspection.unchecked[0]


@pytest.mark.parametrize("module", ["av", "numpy", "PIL"])
async def test_without_a_library_a_video_is_told_by_its_header(
    module: str, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"{module}.py").write_text("raise ModuleNotFoundError(f'No module named {__name__!r}')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    inspection = await inspect(path, into=tmp_path / "pictures")
    assert inspection.facts == BY_HEADER
    assert inspection.damage is None
    assert f"No module named '{module}'" in inspection.unchecked[0]


@SHELL
async def test_cancelling_an_inspection_ends_its_process(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lifeline = tmp_path / "lifeline"
    os.mkfifo(lifeline)
    stand_in(monkeypatch, tmp_path, f"exec > {lifeline}; echo started; exec sleep 15")
    inspecting = anyio.CancelScope()

    async def cancel_when_started() -> None:
        pipe = await anyio.open_file(lifeline)
        async with pipe:
            assert await pipe.readline() == "started\n"
            inspecting.cancel()
            # The pipe ends when the last process that holds it is gone.
            with anyio.fail_after(5):
                assert await pipe.read() == ""

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(cancel_when_started)
        with inspecting, anyio.fail_after(10):
            await inspect(path)
    assert inspecting.cancelled_caught


@SHELL
async def test_the_decoder_sees_no_key_and_not_the_protocol(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIMLAPI_API_KEY", "secret")
    monkeypatch.setenv("VEO_MCP_DATABASE_URL", "secret")
    stand_in(monkeypatch, tmp_path, f"env > {tmp_path}/env; cat > {tmp_path}/stdin; echo '{{}}'")
    read, write = os.pipe()
    kept = os.dup(0)
    try:
        os.dup2(read, 0)
        os.write(write, b"the client's next request")
        assert await inspect(path, wall_seconds=20) == Inspection()
        assert os.read(0, 100) == b"the client's next request"
    finally:
        os.dup2(kept, 0)
        for descriptor in (kept, read, write):
            os.close(descriptor)
    assert (tmp_path / "stdin").read_bytes() == b""
    assert "secret" not in (tmp_path / "env").read_text()


async def test_modules_in_the_working_folder_are_not_imported(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "av.py").write_text("raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    assert (await inspect(path)).damage is None


@pytest.mark.skipif(sys.platform == "win32", reason="limits are another thing there")
@LIMITED
async def test_the_decoder_is_confined(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import atexit, pathlib, resource as r\n"
        f"limits = pathlib.Path({str(tmp_path / 'limits')!r})\n"
        "atexit.register(lambda: limits.write_text(repr([r.getrlimit(x)[0] for x in (r.RLIMIT_AS, r.RLIMIT_CPU)])))\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    assert (await inspect(path)).damage is None
    assert (tmp_path / "limits").read_text() == f"[{1536 << 20}, 60]"


@LIMITED
@NOT_WINE
def test_a_confined_process_gets_no_more_than_its_memory() -> None:
    code = "from veo_mcp.media.limits import confine; confine(5); bytearray(1600 << 20)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.stderr.splitlines()[-1] == "MemoryError"


@NOT_WINE
def test_a_confined_process_gets_no_more_than_its_time() -> None:
    code = "from veo_mcp.media.limits import confine; confine(0.2)\nwhile True: pass"
    ran = subprocess.run([sys.executable, "-c", code], check=False)
    assert ran.returncode == 1816 if sys.platform == "win32" else ran.returncode < 0  # ERROR_NOT_ENOUGH_QUOTA


@pytest.mark.skipif(sys.platform != "win32", reason="job objects are Windows' own")
def test_a_confined_process_is_in_a_job_of_its_own() -> None:
    code = """
import win32api, win32job
from veo_mcp.media.limits import confine
confine(5)
raise SystemExit(40 + win32job.IsProcessInJob(win32api.GetCurrentProcess(), None))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 41


@pytest.mark.parametrize("name", ["APPDATA", "HOME", "PYTHONUSERBASE", "USERPROFILE"])
async def test_the_decoder_finds_packages_that_were_installed_for_one_user(
    name: str, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        f"import os, pathlib\npathlib.Path({str(tmp_path / 'seen')!r}).write_text(os.environ[{name!r}])\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv(name, str(tmp_path))
    assert (await inspect(path)).damage is None
    assert (tmp_path / "seen").read_text() == str(tmp_path)


def test_what_a_library_prints_does_not_spoil_the_answer(path: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import atexit, os\natexit.register(os.write, 1, b'chatter')\n", encoding="utf-8"
    )
    command = [sys.executable, "-m", "veo_mcp.media.child", "inspect", str(path), "", "30"]
    python_path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    ran = subprocess.run(command, capture_output=True, check=True, env=os.environ | {"PYTHONPATH": python_path})
    assert Inspection.model_validate_json(ran.stdout).damage is None
    assert b"chatter" in ran.stderr

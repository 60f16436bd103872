"""The command, as a shell sees it: stdout, stderr and the exit code."""

import io
import json
import logging
import subprocess
import sys
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from studios import KEY, PROMPT, Place, a_sandbox, serving
from upstream import clip
from veo_mcp import __version__, cli
from veo_mcp.settings import Settings


@dataclass
class Shell:
    folder: Path
    environ: dict[str, str] = field(default_factory=dict[str, str])

    def __call__(self, *arguments: str, **environ: str) -> Result:
        return CliRunner(env=self.environ | environ).invoke(cli.main, arguments)

    @property
    def videos(self) -> list[Path]:
        return sorted((self.folder / "videos").glob("*"))


@pytest.fixture
def shell(place: Place) -> Generator[Shell]:
    """Run the command against a sandbox on a port, which it takes for the paid service."""
    level = logging.getLogger("veo_mcp").level
    with serving(a_sandbox(place.folder / "upstream")) as url:
        yield Shell(
            place.folder,
            {
                "AIMLAPI_API_KEY": KEY,
                "AIMLAPI_BASE_URL": url,
                "VEO_MCP_HOME": str(place.folder / "home"),
                "VEO_MCP_OUTPUT_DIR": str(place.folder / "videos"),
                "VEO_MCP_POLL_SECONDS": "0.05",
            },
        )
    logging.getLogger("veo_mcp").setLevel(level)


# generate


def test_a_video_is_its_path_on_stdout_and_the_rest_on_stderr(shell: Shell) -> None:
    ran = shell("generate", PROMPT, "--duration", "4")
    assert ran.exit_code == 0
    (path,) = shell.videos
    assert ran.stdout == f"{path}\n"
    assert path.read_bytes() == clip()
    assert "generation_id: " in ran.stderr
    assert KEY not in ran.output


def test_the_whole_result_is_json_on_stdout_when_asked(shell: Shell) -> None:
    ran = shell("generate", "灯台", "--json", "--duration", "4", "--no-audio", "--seed", "0")
    result = json.loads(ran.stdout)
    assert (result["status"], result["prompt"], result["cost_usd"], result["backend"]) == (
        "completed",
        "灯台",
        0.52,
        "aimlapi",
    )
    assert result["video"]["path"] == str(shell.videos[0])
    assert "灯台" in ran.stdout


def test_every_option_reaches_the_service(shell: Shell) -> None:
    ran = shell(
        "generate", "--aspect-ratio", "9:16", "--duration", "6", "--resolution", "720p", "--negative-prompt", "fog",
        "--no-enhance-prompt", "--no-audio", "--seed", "7", "--no-auto-fix", "--", "-a prompt with a dash",
    )  # fmt: skip
    assert ran.exit_code == 0
    (request,) = (shell.folder / "upstream").glob("*.request.json")
    assert json.loads(request.read_text()) == {
        "prompt": "-a prompt with a dash", "duration": 6, "resolution": "720p", "aspect_ratio": "9:16",
        "generate_audio": False, "negative_prompt": "fog", "seed": 7,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("prompt", "exit_code", "words"),
    [
        ("[sandbox:out-of-credits] x", 1, "top it up"),
        ("[sandbox:bad-key] x", 1, "AIMLAPI_API_KEY"),
        ("[sandbox:content-policy] x", 1, "content policy"),
        ("[sandbox:server-error] x", 1, "Outcome unknown"),
        ("[sandbox:truncated-file] x", 1, "is not a whole video"),
        ("   ", 1, "prompt must not be empty"),
    ],
)
def test_what_ends_without_a_video_has_an_exit_code_and_no_stdout(
    shell: Shell, prompt: str, exit_code: int, words: str
) -> None:
    ran = shell("generate", prompt)
    assert (ran.exit_code, ran.stdout) == (exit_code, "")
    assert words in ran.stderr
    assert "Traceback" not in ran.stderr


def test_an_unknown_outcome_comes_with_the_command_that_settles_it(shell: Shell) -> None:
    job = json.loads(shell("generate", "[sandbox:no-answer] x", "--json").stdout)["generation_id"]
    assert f"veo-mcp status {job}=ITS_ID settles it" in shell("status", job).stderr
    (paid,) = (path for path in (shell.folder / "upstream").glob("*.generation.json"))
    settled = shell("status", f"{job}={json.loads(paid.read_text())['id']}", "--wait", "20")
    assert (settled.exit_code, settled.stdout) == (0, f"{shell.videos[0]}\n")
    assert len(json.loads(shell("list", "--json").stdout)["videos"]) == 1


def test_a_video_that_takes_too_long_has_an_exit_code_of_its_own(shell: Shell) -> None:
    ran = shell("generate", "[sandbox:stuck] x", VEO_MCP_JOB_TIMEOUT_SECONDS="0.5")
    assert (ran.exit_code, ran.stdout) == (3, "")
    assert "Next: veo-mcp status" in ran.stderr


def test_the_same_command_again_orders_anew_once_its_video_was_handed_over(shell: Shell) -> None:
    for _ in range(2):
        assert shell("generate", PROMPT).exit_code == 0
    assert len(json.loads(shell("list", "--json").stdout)["videos"]) == 2


@pytest.mark.parametrize("arguments", [["--duration", "5"], ["--resolution", "4K"], ["--seed", "-1"], ["--nonsense"]])
def test_a_wrong_option_is_a_usage_error(shell: Shell, arguments: list[str]) -> None:
    assert shell("generate", PROMPT, *arguments).exit_code == 2


def test_an_expensive_video_is_ordered_only_by_a_person_or_with_yes(shell: Shell) -> None:
    refused = shell("generate", PROMPT, VEO_MCP_CONFIRM_ABOVE_USD="1")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "--yes" in refused.stderr
    assert shell.videos == []
    assert shell("generate", PROMPT, "--yes", VEO_MCP_CONFIRM_ABOVE_USD="1").exit_code == 0


def test_nobody_is_asked_about_what_is_handed_back_free_of_charge(shell: Shell) -> None:
    prompt = "[sandbox:slow] x"
    assert shell("generate", prompt, VEO_MCP_JOB_TIMEOUT_SECONDS="0.1").exit_code == 3
    assert "--yes" in shell("generate", prompt, "--new-variant", VEO_MCP_CONFIRM_ABOVE_USD="1").stderr
    again = shell("generate", prompt, "--json", VEO_MCP_CONFIRM_ABOVE_USD="1")
    assert (again.exit_code, json.loads(again.stdout)["reused"]) == (0, True)


def test_a_budget_is_kept(shell: Shell) -> None:
    ran = shell("generate", PROMPT, VEO_MCP_DAILY_BUDGET_USD="1")
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert "VEO_MCP_DAILY_BUDGET_USD" in ran.stderr


def test_a_bad_setting_is_one_line(shell: Shell) -> None:
    ran = shell("generate", PROMPT, VEO_MCP_POLL_SECONDS="often")
    assert ran.exit_code == 1
    assert ran.stderr.startswith("Error: VEO_MCP_POLL_SECONDS: ")
    assert ran.stderr.count("\n") == 1


# list, status, show


def test_what_was_made_is_listed_looked_up_and_shown(shell: Shell, tmp_path: Path) -> None:
    shell("generate", PROMPT)
    (path,) = shell.videos
    listed = json.loads(shell("list", "--json").stdout)
    (video,) = listed["videos"]
    assert (video["status"], video["path"], listed["cursor"]) == ("completed", str(path), None)
    assert str(path) in shell("list", "--status", "completed", "--limit", "1").stdout
    assert "No videos yet." in shell("list", "--status", "failed").stdout

    looked_up = shell("status", video["generation_id"])
    assert (looked_up.exit_code, looked_up.stdout) == (0, f"{path}\n")

    shown = shell(
        "show", video["generation_id"], "--sheet", str(tmp_path / "s.jpg"), "--preview", str(tmp_path / "p.webp")
    )
    assert shown.exit_code == 0
    for part in (
        str(path),
        "160x90",
        "LUFS",
        PROMPT,
        "$1.56",
        "sha256: ",
        "picture: h264, ",
        " frames decoded, 0 errors",
    ):
        assert part in shown.stdout
    assert (tmp_path / "s.jpg").read_bytes()[:2] == b"\xff\xd8"
    assert (tmp_path / "p.webp").read_bytes()[:4] == b"RIFF"


def test_what_is_shown_is_what_is_in_the_file_now(shell: Shell, tmp_path: Path) -> None:
    shell("generate", PROMPT)
    (path,) = shell.videos
    generation_id = json.loads(shell("list", "--json").stdout)["videos"][0]["generation_id"]
    path.write_bytes(path.read_bytes()[:-2000])
    assert "damage: the file is cut short" in shell("show", generation_id).stdout
    path.write_bytes(b"no longer a video")
    refused = shell("show", generation_id, "--sheet", str(tmp_path / "s.jpg"))
    assert (refused.exit_code, "no picture can be made" in refused.stderr) == (1, True)
    path.unlink()
    gone = shell("show", generation_id)
    assert (gone.exit_code, f"is gone. veo-mcp status {generation_id}" in gone.stderr) == (1, True)


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_an_output_whose_encoding_lacks_a_character_ends_no_command(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding=encoding, write_through=True)
    cli.spell_everything(stream, None)
    stream.write("sound at −18 LUFS, 灯")
    assert b"sound at ?18 LUFS, ?" in written.getvalue()


@pytest.mark.skipif(sys.platform != "win32", reason="elsewhere the environment names the encoding")
def test_a_pipe_on_windows_gets_every_character(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONIOENCODING", raising=False)
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="cp1252", write_through=True)
    cli.spell_everything(stream)
    stream.write("sound at −18 LUFS, 灯")
    assert written.getvalue().decode() == "sound at −18 LUFS, 灯"


def test_a_gif_is_made_when_asked(shell: Shell, tmp_path: Path) -> None:
    shell("generate", PROMPT)
    generation_id = json.loads(shell("list", "--json").stdout)["videos"][0]["generation_id"]
    assert shell("show", generation_id, "--gif", str(tmp_path / "a.gif")).exit_code == 0
    assert (tmp_path / "a.gif").read_bytes()[:4] == b"GIF8"


def test_a_job_that_a_killed_command_left_is_finished_by_asking_for_it(shell: Shell) -> None:
    left = shell("generate", "[sandbox:slow] x", "--json", VEO_MCP_JOB_TIMEOUT_SECONDS="0.1")
    result = json.loads(left.stdout)
    assert left.exit_code == 3
    assert result["status"] in {"submitting", "queued", "generating", "overdue"}
    waited = shell("status", result["generation_id"], "--wait", "20")
    assert (waited.exit_code, waited.stdout) == (0, f"{shell.videos[0]}\n")


@pytest.mark.parametrize("arguments", [["status", "nobody's"], ["show", "nobody's"], ["list", "--cursor", "nonsense"]])
def test_what_there_is_not_is_one_line(shell: Shell, arguments: list[str]) -> None:
    ran = shell(*arguments)
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert ran.stderr.startswith("Error: ")
    assert ran.stderr.count("\n") == 1


def test_a_video_that_failed_cannot_be_shown(shell: Shell) -> None:
    failed = json.loads(shell("generate", "[sandbox:content-policy] x", "--json").stdout)
    ran = shell("show", failed["generation_id"])
    assert ran.exit_code == 1
    assert "nothing to show" in ran.stderr


# serve and the rest


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "127.8.8.8", "example.com", ""])  # noqa: S104
def test_a_server_that_others_could_reach_is_refused(shell: Shell, host: str) -> None:
    ran = shell("serve", "--http", "--host", host)
    assert ran.exit_code == 2
    assert "anybody could spend your credits" in ran.stderr


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_this_machine_is_this_machine(host: str) -> None:
    assert cli.is_loopback(host)


def test_a_server_with_a_bad_setting_ends_at_once_and_says_which(shell: Shell) -> None:
    for arguments in ([], ["serve"], ["serve", "--http"], ["sandbox"]):
        ran = shell(*arguments, VEO_MCP_BACKEND="vertex")
        assert (ran.exit_code, ran.stdout) == (1, "")
        assert "VEO_MCP_BACKEND" in ran.stderr


def test_the_command_can_be_run_as_a_module_and_needs_no_decoder_to_say_its_version() -> None:
    script = "import sys; from veo_mcp.cli import main; main(['--version'], standalone_mode=False); "
    script += "assert not {'av', 'numpy', 'PIL', 'mcp', 'psycopg', 'rich'} & set(sys.modules), sys.modules.keys()"
    ran = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert __version__ in ran.stdout


def test_help_names_every_command(shell: Shell) -> None:
    for command in ("serve", "generate", "list", "status", "show", "sandbox", "doctor", "backup", "prune"):
        assert command in shell("--help").stdout
        assert shell(command, "--help").exit_code == 0


# backup


def test_a_backup_is_made_said_how_to_restore_and_restored(shell: Shell, tmp_path: Path) -> None:
    shell("generate", PROMPT)
    before, home, copy = shell("list").stdout, shell.folder / "home", tmp_path / "copy.sqlite3"
    ran = shell("backup", str(copy))
    assert (ran.exit_code, ran.stdout) == (0, f"{copy}\n")
    assert f"delete {home / 'jobs.sqlite3'}-wal and {home / 'jobs.sqlite3'}-shm" in ran.stderr
    shell("generate", "A harbour")
    for ending in ("-wal", "-shm"):
        (home / f"jobs.sqlite3{ending}").unlink(missing_ok=True)
    copy.replace(home / "jobs.sqlite3")
    assert shell("list").stdout == before


def test_a_backup_overwrites_only_with_force(shell: Shell, tmp_path: Path) -> None:
    shell("generate", PROMPT)
    (tmp_path / "copy").write_text("mine")
    refused = shell("backup", str(tmp_path / "copy"))
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "--force" in refused.stderr
    assert (tmp_path / "copy").read_text() == "mine"
    assert shell("backup", "--force", str(tmp_path / "copy")).exit_code == 0
    assert (tmp_path / "copy").read_bytes().startswith(b"SQLite format 3")


def test_a_backup_of_a_postgres_names_pg_dump(shell: Shell, tmp_path: Path) -> None:
    ran = shell("backup", str(tmp_path / "a copy"), VEO_MCP_DATABASE_URL="postgresql://me:hunter2@127.0.0.1:9/jobs")
    assert ran.exit_code == 1
    assert f"pg_dump --format=custom --file='{tmp_path / 'a copy'}' \"$VEO_MCP_DATABASE_URL\"" in ran.stderr
    assert "hunter2" not in ran.output


@pytest.mark.parametrize(("host", "address"), [("::1", "http://[::1]:8788"), ("::", "http://[::]:8788")])
def test_the_sandbox_prints_an_ipv6_address_as_the_setting_takes_it(
    host: str, address: str, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def serve(*_: object, **__: object) -> None: ...

    monkeypatch.setattr("uvicorn.run", serve)
    ran = shell("sandbox", "--host", host)
    assert f"listens on {address}: set" in ran.stderr
    assert Settings.from_environment({"AIMLAPI_BASE_URL": address}).base_url == address

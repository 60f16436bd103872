"""Each problem that the doctor knows is found, said with its cure, and has an exit code."""

import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from studios import KEY, Place, a_request, a_sandbox, serving
from test_cli import Shell, shell
from veo_mcp.doctor import Finding, examine

__all__ = ["shell"]


KILLED = "ended with code 9" if os.name == "nt" else "ended by signal 9"


def environ_of(folder: Path, **changes: str) -> dict[str, str]:
    usual = {"AIMLAPI_API_KEY": KEY, "VEO_MCP_HOME": str(folder / "home"), "VEO_MCP_OUTPUT_DIR": str(folder / "videos")}
    return usual | changes


async def problems(folder: Path, **changes: str) -> dict[str, str]:
    findings = await examine(environ_of(folder, **changes), online="AIMLAPI_BASE_URL" in changes)
    return {finding.what: finding.said for finding in findings if finding.ok is False}


async def test_a_sound_installation_has_no_problems_and_is_left_as_it_was(tmp_path: Path) -> None:
    assert await problems(tmp_path) == {}
    assert await problems(tmp_path, AIMLAPI_API_KEY="") == {}
    assert list(tmp_path.iterdir()) == []


async def test_a_folder_of_previews_that_cannot_be_written_is_found(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "previews").write_text("a file in the way")
    assert "cannot be written" in (await problems(tmp_path))["previews"]


async def test_without_a_temporary_folder_the_media_path_is_not_called_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nothing"))
    said = (await problems(tmp_path))["media"]
    assert "set TMPDIR" in said
    assert "Reinstall" not in said


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such permissions")
async def test_a_home_that_others_may_write_is_found(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home").chmod(0o777)
    assert "chmod go-w" in (await problems(tmp_path))["private"]
    (tmp_path / "home").chmod(0o1777)  # as /tmp: nobody replaces what is another's
    assert "private" not in await problems(tmp_path)


async def test_the_doctor_migrates_no_database(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    path = tmp_path / "home" / "jobs.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((Path(__file__).parent / "ledgers" / "schema-2.sql").read_text())
    assert (await marks(tmp_path))["ledger"] is True
    with closing(sqlite3.connect(path)) as connection:
        assert [row[1] for row in connection.execute("PRAGMA table_info(schema_version)")] == ["version"]
    assert list(path.parent.glob("*.schema-*")) == []


async def marks(folder: Path, **changes: str) -> dict[str, bool | None]:
    return {finding.what: finding.ok for finding in await examine(environ_of(folder, **changes))}


async def test_what_was_not_tried_is_not_called_ok(tmp_path: Path) -> None:
    found = await marks(tmp_path)
    assert {what for what, ok in found.items() if ok is None} >= {"key", "address", "ledger"}
    assert {what for what, ok in found.items() if ok} >= {"media", "home", "videos"}


async def test_the_media_path_is_proved_with_a_clip(tmp_path: Path) -> None:
    lines = "\n".join(finding.line for finding in await examine(environ_of(tmp_path)))
    assert "ok      media     a clip of 1 s was made and looked into: 24 frames, sound at −20 LUFS" in lines
    assert "sheet.jpg and preview.webp" in lines


@pytest.mark.parametrize(
    ("module", "code", "words"),
    [
        ("av.py", "raise ModuleNotFoundError('No module named av')", "ModuleNotFoundError: No module named av"),
        ("PIL/__init__.py", "raise ImportError('libjpeg is missing')", "ImportError: libjpeg is missing"),
        ("fontpkg_inter.py", "raise OSError('no fonts')", "No contact sheet could be made"),
        (
            "sitecustomize.py",
            "import os; os.kill(os.getpid(), 9)",
            KILLED,
        ),
    ],
)
async def test_a_media_path_that_does_not_work_is_found(
    module: str, code: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken" / module
    broken.parent.mkdir(parents=True)
    broken.write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "broken"))
    found = await problems(tmp_path)
    assert words in found["media"]
    assert "Reinstall veo-mcp" in found["media"]


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="root may write everywhere")
async def test_a_folder_is_tried_and_not_judged_by_its_mode(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o500)
    assert "cannot be written" in (await problems(tmp_path))["home"]


async def test_the_key_is_named_and_never_shown(tmp_path: Path) -> None:
    lines = "\n".join(finding.line for finding in await examine(environ_of(tmp_path, AIML_API_KEY="other")))
    assert "from AIMLAPI_API_KEY, 32 characters" in lines
    assert KEY not in lines


async def test_the_address_is_shown_as_it_is_used(tmp_path: Path) -> None:
    environ = environ_of(tmp_path, AIMLAPI_BASE_URL="https://proxy.example/v2/video/generations")
    assert "https://proxy.example (not the usual" in "\n".join(finding.line for finding in await examine(environ))


async def test_without_a_key_the_sandbox_is_named(tmp_path: Path) -> None:
    for changes, why in (({"AIMLAPI_API_KEY": " "}, "no key is set"), ({"VEO_MCP_BACKEND": "sandbox"}, "=sandbox")):
        lines = "\n".join(finding.line for finding in await examine(environ_of(tmp_path, **changes), online=True))
        assert why in lines
        assert "not asked: the sandbox needs no network" in lines


@pytest.mark.parametrize(
    ("changes", "what", "words"),
    [
        ({"VEO_MCP_POLL_SECONDS": "often"}, "settings", "VEO_MCP_POLL_SECONDS"),
        ({"VEO_MCP_DAILY_BUDGET_USD": "${BUDGET:-5}"}, "settings", "VEO_MCP_DAILY_BUDGET_USD: holds the text ${…}"),
        ({"AIMLAPI_API_KEY": "${AIMLAPI_API_KEY:-}"}, "key", "fills in no variables"),
        ({"VEO_MCP_BACKEND": "aimlapi", "AIMLAPI_API_KEY": ""}, "key", "AIMLAPI_API_KEY is not set"),
        ({"VEO_MCP_HOME": f"{__file__}/home"}, "home", "set VEO_MCP_HOME"),
        ({"VEO_MCP_OUTPUT_DIR": f"{__file__}/videos"}, "videos", "set VEO_MCP_OUTPUT_DIR"),
        ({"VEO_MCP_DATABASE_URL": "postgresql://me:hunter2@127.0.0.1:9/jobs"}, "ledger", "at VEO_MCP_DATABASE_URL"),
    ],
)
async def test_each_problem_is_found_with_its_cure(
    tmp_path: Path, changes: dict[str, str], what: str, words: str
) -> None:
    found = await problems(tmp_path, **changes)
    assert words in found[what]
    assert "hunter2" not in str(found)


async def test_a_ledger_that_is_none_is_found(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "jobs.sqlite3").write_bytes(b"not a database" * 1000)
    assert "cannot be used" in (await problems(tmp_path))["ledger"]


async def test_a_ledger_of_a_newer_version_is_found(tmp_path: Path, place: Place) -> None:
    async with place.open():
        pass
    with closing(sqlite3.connect(tmp_path / "home" / "jobs.sqlite3")) as connection, connection:
        connection.execute("UPDATE schema_version SET version = 99")
    assert "Upgrade veo-mcp" in (await problems(tmp_path))["ledger"]


async def test_a_sqlite_below_3_35_is_found_where_it_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert f"ok      sqlite    {sqlite3.sqlite_version}" in [
        finding.line for finding in await examine(environ_of(tmp_path))
    ]
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    monkeypatch.setattr(sqlite3, "sqlite_version", "3.34.1")
    found = await problems(tmp_path)
    assert found.keys() == {"sqlite"}
    assert found["sqlite"].startswith("3.34.1: 3.35 or newer is needed")
    elsewhere = await problems(tmp_path, VEO_MCP_DATABASE_URL="postgresql://127.0.0.1:9/jobs")
    assert elsewhere.keys() == {"ledger"}


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
async def test_a_ledger_that_others_may_read_is_tightened_or_found(
    tmp_path: Path, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with place.open() as studio:
        await studio.submit(a_request())
    path = tmp_path / "home" / "jobs.sqlite3"
    path.chmod(0o644)
    with monkeypatch.context() as patch:

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        patch.setattr(os, "chmod", refuse)
        assert f"chmod 600 {path}" in (await problems(tmp_path))["private"]
    assert await problems(tmp_path) == {}


async def test_a_ledger_whose_rows_cannot_be_read_is_found(tmp_path: Path, place: Place) -> None:
    async with place.open() as studio:
        await studio.submit(a_request())
    with closing(sqlite3.connect(tmp_path / "home" / "jobs.sqlite3")) as connection, connection:
        connection.execute("UPDATE jobs SET request = '{'")
    assert "cannot be read" in (await problems(tmp_path))["ledger"]


async def test_a_ledger_in_use_is_well(tmp_path: Path, place: Place) -> None:
    async with place.open():
        assert await problems(tmp_path) == {}


async def test_the_free_calls_are_made_only_when_asked(tmp_path: Path) -> None:
    with serving(a_sandbox(tmp_path / "upstream")) as url:
        findings = await examine(environ_of(tmp_path, AIMLAPI_BASE_URL=url), online=True)
        said = {finding.what: finding for finding in findings}
        assert (said["models"].ok, said["balance"].ok) == (True, True)
        assert said["balance"].said == "$1000.00"
        unknown = await problems(tmp_path, AIMLAPI_BASE_URL=url, VEO_MCP_MODEL="google/veo-9")
        assert "set VEO_MCP_MODEL" in unknown["models"]
        wrong = await problems(tmp_path, AIMLAPI_BASE_URL=url, AIMLAPI_API_KEY="invalid-key")
        assert wrong.keys() == {"balance"}
        assert "AIMLAPI_API_KEY" in wrong["balance"]
    gone = await problems(tmp_path, AIMLAPI_BASE_URL=url)
    assert all("did not answer" in gone[what] for what in ("models", "balance"))
    assert not any(finding.what in {"models", "balance"} for finding in await examine(environ_of(tmp_path)))


def test_a_finding_is_one_line() -> None:
    assert Finding(ok=True, what="key", said="fine").line == "ok      key       fine"
    assert Finding(ok=None, what="key", said="set").line == "untried key       set"
    assert Finding(ok=False, what="ledger", said="gone").line == "PROBLEM ledger    gone"


def test_the_command_ends_with_one_where_there_is_a_problem(shell: Shell) -> None:
    assert shell("doctor").exit_code == 0
    ran = shell("doctor", VEO_MCP_HOME=f"{__file__}/home")
    assert ran.exit_code == 1
    assert "PROBLEM home" in ran.stdout
    assert shell("doctor", "--online").exit_code == 0

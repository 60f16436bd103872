"""A file that another program holds open for a moment costs nobody a video."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from veo_mcp import held_files
from veo_mcp.artifacts import Artifacts
from veo_mcp.sandbox import moving


class Held:
    """Lets the first calls fail as Windows does while a virus scanner reads the file."""

    def __init__(self, work: Callable[..., object], times: float) -> None:
        self.work = work
        self.times = times

    def __get__(self, path: Path, _: type[Path]) -> Callable[..., object]:
        def call(*args: object, **options: object) -> object:
            self.times -= 1
            if self.times >= 0:
                raise PermissionError(13, "The process cannot access the file because it is being used")
            return self.work(path, *args, **options)

        return call


@pytest.mark.parametrize("module", [held_files, moving])
def test_a_file_that_is_held_for_a_moment_is_replaced(
    module: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 60)
    (tmp_path / "new").write_text("new")
    (tmp_path / "old").write_text("old")
    monkeypatch.setattr(Path, "replace", Held(Path.replace, 2))
    move = held_files.replace if module is held_files else moving.move
    move(tmp_path / "new", tmp_path / "old")
    assert (tmp_path / "old").read_text() == "new"


def test_a_file_that_is_held_for_a_moment_is_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_files, "PATIENCE_SECONDS", 60)
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(Path, "unlink", Held(Path.unlink, 2))
    held_files.unlink(tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_stays_held_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(held_files, "PATIENCE_SECONDS", 0)
    monkeypatch.setattr(Path, "unlink", Held(Path.unlink, float("inf")))
    with pytest.raises(PermissionError):
        held_files.unlink(tmp_path / "file")


async def test_a_downloaded_file_that_a_scanner_reads_at_first_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_files, "PATIENCE_SECONDS", 60)
    (tmp_path / "part").write_bytes(b"whole")
    folder = Artifacts(http=None, folder=tmp_path)  # type: ignore[arg-type]
    monkeypatch.setattr(Path, "open", Held(Path.open, 2))
    assert (await folder.keep(tmp_path / "part", "video.mp4")).size_bytes == 5


async def test_a_downloaded_file_that_a_scanner_goes_on_reading_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_for_reading_only(path: Path, mode: str) -> object:
        if "+" in mode:
            raise PermissionError(13, "The process cannot access the file because it is being used")
        return io.open(path, mode)  # noqa: UP020 - Path.open is what this stands for

    monkeypatch.setattr(held_files, "PATIENCE_SECONDS", 0)
    (tmp_path / "part").write_bytes(b"whole")
    folder = Artifacts(http=None, folder=tmp_path)  # type: ignore[arg-type]
    monkeypatch.setattr(Path, "open", open_for_reading_only)
    assert (await folder.keep(tmp_path / "part", "video.mp4")).size_bytes == 5


async def test_a_half_done_file_that_a_scanner_holds_does_not_cost_the_video_that_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part, left = tmp_path / ".video.mp4.one.part", tmp_path / ".video.mp4.two.part"
    part.write_bytes(b"whole")
    left.write_bytes(b"half")
    monkeypatch.setattr(Path, "unlink", Held(Path.unlink, float("inf")))
    fetched = await Artifacts(http=None, folder=tmp_path).keep(part, "video.mp4")  # type: ignore[arg-type]
    assert fetched.path.read_bytes() == b"whole"


async def test_a_damaged_file_that_a_player_holds_stays_and_the_next_one_gets_a_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Artifacts(http=None, folder=tmp_path)  # type: ignore[arg-type]
    (tmp_path / "part").write_bytes(b"second")
    folder.damaged("video.mp4").write_bytes(b"first")
    monkeypatch.setattr(held_files, "PATIENCE_SECONDS", 0)
    monkeypatch.setattr(Path, "replace", Held(Path.replace, 1))
    kept = await folder.keep_damaged(tmp_path / "part", "video.mp4")
    assert (kept.name, kept.read_bytes()) == ("video-2.damaged.mp4", b"second")
    assert folder.damaged("video.mp4").read_bytes() == b"first"

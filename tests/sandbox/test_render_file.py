"""What is in the files: rendered by the command that the sandbox runs, and decoded again."""

import json
import subprocess
import sys
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from veo_mcp.sandbox.render import Shot, render
from veo_mcp.sandbox.render.captions import Badge, margin
from veo_mcp.sandbox.render.director import direct
from veo_mcp.sandbox.render.shot import FPS, SAMPLE_RATE

SHOT = Shot(prompt="A lighthouse at the sea, waves", duration=4, resolution="720p", seed=7)

Octets = npt.NDArray[np.uint8]


def run(request: str, out: Path) -> subprocess.CompletedProcess[str]:
    asked = out.with_suffix(".json")
    asked.write_text(request, "utf-8")
    command = [sys.executable, "-m", "veo_mcp.sandbox.render", str(asked), str(out)]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False
    )


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("film") / "film.mp4"
    done = run(json.dumps(asdict(SHOT)), out)
    assert (done.returncode, done.stderr) == (0, "")
    return out


@pytest.fixture(scope="module")
def lumas(film: Path) -> list[Octets]:
    with av.open(str(film)) as container:
        return [frame.to_ndarray(format="gray").astype(np.uint8) for frame in container.decode(video=0)]


def test_a_video_is_as_long_as_asked_to_the_frame(film: Path, lumas: list[Octets]) -> None:
    with av.open(str(film)) as container:
        stream = container.streams.video[0]
        assert stream.duration is not None
        assert stream.time_base is not None
        assert (len(lumas), stream.frames) == (4 * FPS, 4 * FPS)
        assert (stream.average_rate, float(stream.duration * stream.time_base)) == (24, 4.0)


def test_a_video_is_h264_that_every_player_reads(film: Path) -> None:
    with av.open(str(film)) as container:
        stream = container.streams.video[0]
        codec = stream.codec_context
        assert (codec.name, codec.profile, codec.pix_fmt) == ("h264", "High", "yuv420p")
        assert (codec.width, codec.height) == (1280, 720)
        assert (codec.color_range, codec.colorspace, codec.color_primaries, codec.color_trc) == (1, 1, 1, 1)


def test_the_sound_is_as_long_as_the_picture(film: Path) -> None:
    with av.open(str(film)) as container:
        stream = container.streams.audio[0]
        assert (stream.codec_context.name, stream.rate, stream.layout.name) == ("aac", SAMPLE_RATE, "stereo")
        assert stream.duration is not None
        assert stream.time_base is not None
        assert float(stream.duration * stream.time_base) == 4.0
        samples = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    assert 0 <= samples.shape[1] - 4 * SAMPLE_RATE < 1024  # AAC comes in blocks of 1024
    assert np.isfinite(samples).all()
    assert 0.05 < np.abs(samples).max() < 1


def test_the_index_stands_before_the_pictures(film: Path) -> None:
    content = film.read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")


def test_the_file_says_that_it_is_a_preview(film: Path) -> None:
    with av.open(str(film)) as container:
        assert container.metadata["title"] == f"SANDBOX PREVIEW: {SHOT.prompt}"
        assert "not made by Veo" in container.metadata["comment"]


def test_the_badge_is_in_every_frame(lumas: list[Octets]) -> None:
    stage = direct(SHOT).stage
    badge = Badge(stage).patch
    at = margin(stage)
    written = badge.colour[0].astype(float).ravel()
    for luma in lumas:
        seen = luma[at : at + badge.height, at : at + badge.width].astype(float).ravel()
        assert np.corrcoef(seen, written)[0, 1] > 0.9


def test_the_picture_moves_and_nothing_flashes(lumas: list[Octets]) -> None:
    sky = [luma[120:500:4, ::4].astype(float) for luma in lumas[12:-12]]
    steps = [float(np.abs(later - earlier).mean()) for earlier, later in pairwise(sky)]
    assert min(steps) > 0.05
    assert max(steps) < 6
    assert np.abs(sky[-1] - sky[0]).mean() > 3


def test_the_same_request_gives_the_same_bytes_in_another_process(film: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.mp4"
    render(SHOT, again)
    assert again.read_bytes() == film.read_bytes()


def test_only_the_finished_file_is_left(film: Path) -> None:
    assert sorted(path.name for path in film.parent.iterdir()) == ["film.json", "film.mp4"]


@pytest.mark.parametrize(
    ("shot", "size"),
    [
        (Shot(prompt="Waves", duration=6, resolution="720p", aspect_ratio="9:16", generate_audio=False), (720, 1280)),
        (Shot(prompt="Waves", duration=4, resolution="1080p", generate_audio=False), (1920, 1080)),
    ],
)
def test_a_silent_video_has_no_sound_track(shot: Shot, size: tuple[int, int], tmp_path: Path) -> None:
    render(shot, tmp_path / "silent.mp4")
    with av.open(str(tmp_path / "silent.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        stream = container.streams.video[0]
        assert (stream.codec_context.width, stream.codec_context.height) == size
        assert container.duration == shot.duration * 1_000_000
        assert sum(1 for _ in container.decode(video=0)) == shot.duration * FPS


@pytest.mark.parametrize(
    ("request_text", "reason"),
    [
        ("no json", "Invalid JSON"),
        ('{"prompt": 3}', "prompt: Input should be a valid string"),
        ('{"prompt": "x", "duration": 5}', "duration: Input should be 4, 6 or 8"),
    ],
)
def test_a_request_that_cannot_be_met_is_refused_in_one_line(request_text: str, reason: str, tmp_path: Path) -> None:
    done = run(request_text, tmp_path / "none.mp4")
    assert done.returncode != 0
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "none.mp4").exists()


def test_a_failure_on_the_way_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class TornError(Exception):
        pass

    def torn(_layer: object, _picture: object, t: float) -> None:
        if t > 2:
            raise TornError

    monkeypatch.setattr(Badge, "draw", torn)
    with pytest.raises(TornError):
        render(SHOT, tmp_path / "torn.mp4")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("module", ["veo_mcp.sandbox", "veo_mcp.sandbox.render"])
def test_importing_it_loads_nothing_heavy(module: str) -> None:
    heavy = "{'av', 'numpy', 'PIL'} & set(sys.modules)"
    command = [sys.executable, "-c", f"import sys, {module}; print(sorted({heavy}))"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

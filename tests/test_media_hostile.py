"""Files that lie, are torn or want another file: each gets its verdict, soon, in little memory, and reads no other."""

import itertools
import os
import random
import struct
import sys
import time
from pathlib import Path

import av
import pytest

from media_files import box, edit, external, header_says, overwrite, sound_only, video
from veo_mcp.media import inspect
from veo_mcp.media.decode import decode
from veo_mcp.media.header import read_header
from veo_mcp.media.look import look

MAX = 0xFFFFFFFF
DESCRIPTION = 16  # where the first sample entry's own fields begin in `stsd`


def torn(data: bytes, share: float) -> bytes:
    return data[: int(len(data) * share)]


def resized(data: bytes, width: int, height: int) -> bytes:
    """Declare another size; the stream itself keeps its own."""
    return edit(
        data,
        b"stsd",
        lambda part: overwrite(DESCRIPTION + 24, struct.pack(">HH", width, height))(part) if b"avc1" in part else part,
    )


def flipped(data: bytes, flips: int) -> bytes:
    chance, mutable = random.Random(5), bytearray(data)  # noqa: S311 - the same bits every time
    start = data.index(b"mdat") + 4
    for _ in range(flips):
        mutable[chance.randrange(start, len(data))] ^= 1 << chance.randrange(8)
    return bytes(mutable)


def samples_of_one_byte(part: bytes) -> bytes:
    return overwrite(4, struct.pack(">II", 1, MAX))(part)


def nested(depth: int) -> bytes:
    inner = b""
    for _ in range(depth):
        inner = box(b"mdia", inner)
    return video()[:32] + box(b"moov", box(b"trak", inner)) + box(b"mdat", b"")


REFUSED = {
    "empty": (lambda: b"", "the file is empty"),
    "html": (lambda: b"\n<!DOCTYPE html><title>404</title>", "the file is a web page or XML, not a video"),
    "json": (lambda: b'{"error": "expired"}', "the file is JSON text, not a video"),
    "noise": (lambda: bytes(range(7, 250)) * 9, "the file is not an MP4: it has no ftyp at its start"),
    "beginning only": (lambda: video()[:32], "the file is cut short or was never finished: it has no index (moov)"),
    "index cut off": (
        lambda: torn(video(movflags=""), 0.9),
        "the file is cut short or was never finished: it has no index (moov)",
    ),
    "cut in the index": (lambda: video()[:900], "the file is cut short: it ends inside its index"),
    "sound only": (sound_only, "the file holds sound but no picture"),
    "media elsewhere": (
        lambda: edit(video(), b"dref", overwrite(16, bytes(4))),
        "the file refers to another file for its media",
    ),
    "endless samples": (
        lambda: edit(video(), b"stsz", overwrite(4, struct.pack(">II", 0, MAX))),
        "the file is damaged: its index declares 4294967295 entries where 48 fit",
    ),
    "endless chunks": (
        lambda: edit(video(sound=None), b"stsc", overwrite(4, struct.pack(">I", MAX))),
        "the file is damaged: its index declares 4294967295 entries where 1 fit",
    ),
    "no time": (lambda: edit(video(), b"mdhd", overwrite(16, bytes(4))), "the file declares a duration of zero"),
    "no time scale": (lambda: edit(video(), b"mdhd", overwrite(12, bytes(4))), "the file declares a duration of zero"),
    "an hour for two seconds": (
        lambda: edit(video(sound=None), b"mdhd", overwrite(12, struct.pack(">II", 1, 3600))),
        "the file is damaged: its index declares 48 frames in 3600 s",
    ),
    "a picture that cannot be": (
        lambda: resized(video(), 33088, 180),
        "the file is damaged: its index declares a picture of 33088x180",
    ),
    "index without media": (lambda: video()[:2403], "the file is cut short: it has no media data (mdat)"),
    "boxes in boxes": (lambda: nested(5000), "the file holds no video track"),
}
BEYOND_LIMITS = {
    "16384 pixels": (lambda: resized(video(), 16384, 8640), "the picture is too large: 16384x8640, at most 4096x2304"),
    "too many frames": (
        lambda: edit(video(sound=None), b"stsz", overwrite(4, struct.pack(">II", 1, 3000))),
        "the file declares 3000 frames, at most 2400 are inspected",
    ),
    "more than a minute": (
        lambda: edit(video(sound=None), b"mdhd", overwrite(12, struct.pack(">II", 1, 61))),
        "the file declares 61 s, at most 60 s are inspected",
    ),
    "another codec": (
        lambda: edit(video(), b"stsd", lambda part: part.replace(b"avc1", b"SVQ3")),
        "the file holds video or sound in a format that is not decoded here",
    ),
}
REFUSED["ffconcat"] = (
    lambda: b"ffconcat version 1.0\nfile victim.mp4\n",
    "the file is a playlist (ffconcat), not a video",
)


@pytest.mark.parametrize("name", REFUSED)
async def test_a_file_whose_header_is_wrong_never_reaches_a_decoder(name: str, tmp_path: Path) -> None:
    make, sentence = REFUSED[name]
    path = tmp_path / "video.mp4"
    path.write_bytes(make())
    (tmp_path / "victim.mp4").write_bytes(video())
    assert header_says(path) == sentence
    inspection = await inspect(path, into=tmp_path / "pictures")
    assert (inspection.damage, inspection.facts, inspection.sheet) == (sentence, None, None)
    assert not (tmp_path / "pictures").exists()


@pytest.mark.parametrize("name", BEYOND_LIMITS)
async def test_a_file_beyond_the_limits_never_reaches_a_decoder_and_is_not_called_damaged(
    name: str, tmp_path: Path
) -> None:
    make, sentence = BEYOND_LIMITS[name]
    path = tmp_path / "video.mp4"
    path.write_bytes(make())
    assert read_header(path).limit == sentence
    inspection = await inspect(path, into=tmp_path / "pictures")
    assert inspection.facts is not None
    assert inspection.facts.decoded_frames is None
    assert inspection.unchecked[0].startswith(f"Picture and sound were not checked: {sentence}. ")
    assert not (tmp_path / "pictures").exists()


async def test_a_file_cut_in_its_media_says_how_many_frames_are_left_and_shows_them(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(torn(video(), 0.5))
    said = header_says(path)
    assert said is not None
    assert said.startswith("the file is cut short: ")
    inspection = await inspect(path, into=tmp_path)
    assert inspection.facts is not None
    frames = inspection.facts.decoded_frames or 0
    assert 5 < frames < 43
    assert inspection.facts.duration_seconds == pytest.approx(frames / 24, abs=0.001)
    assert inspection.damage == f"the file is cut short: {frames} of 48 frames could be decoded"
    assert inspection.sheet == tmp_path / "sheet.jpg"


async def test_a_cut_is_seen_though_the_last_part_claims_to_reach_to_the_end(tmp_path: Path) -> None:
    data = torn(video(), 0.5)
    start = data.index(b"mdat") - 4
    path = tmp_path / "video.mp4"
    path.write_bytes(data[:start] + bytes(4) + data[start + 4 :])
    assert "cut short" in (header_says(path) or "")


@pytest.mark.parametrize(
    "data",
    [
        edit(video(sound=None), b"stsz", overwrite(4, struct.pack(">II", 1_000_000, 48))),
        edit(video(sound=None), b"stco", overwrite(8, struct.pack(">I", 1_000_000))),
        edit(video(sound=None), b"stsz", samples_of_one_byte),
        edit(video(), b"trak", lambda part: edit(part, b"stsz", samples_of_one_byte) if b"soun" in part else part),
    ],
    ids=["more bytes than there are", "media behind the end", "endless frames", "endless sound"],
)
def test_an_index_of_more_than_the_file_holds_means_that_it_was_cut(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(data)
    assert (header_says(path) or "").startswith("the file is cut short: ")


async def test_flipped_bits_are_reported_as_damage(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(flipped(video(sound=None), 12))
    assert header_says(path) is None
    inspection = await inspect(path)
    assert inspection.facts is not None
    assert inspection.facts.decode_errors > 0
    assert inspection.damage is not None
    assert inspection.damage.startswith(f"the file is damaged: {inspection.facts.decode_errors} errors, ")


async def test_media_of_zeros_is_reported_as_damage(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(edit(video(), b"mdat", lambda media: bytes(len(media))))
    inspection = await inspect(path)
    assert inspection.facts is None
    assert inspection.damage == "the file is damaged: its index is whole, but no frame could be decoded"


async def test_a_header_that_hides_a_larger_picture_does_not_get_it_decoded(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(resized_and_tracked(video(size=(4352, 2448), frames=3, sound=None), 1280, 720))
    assert header_says(path) is None
    inspection = await inspect(path)
    assert inspection.facts is not None
    assert (inspection.facts.decoded_frames, inspection.damage) == (None, None)
    assert "the picture is 4352x2448, larger than is decoded here" in inspection.unchecked[0]


def resized_and_tracked(data: bytes, width: int, height: int) -> bytes:
    track = struct.pack(">II", width << 16, height << 16)
    return edit(resized(data, width, height), b"tkhd", lambda part: part[:-8] + track)


async def test_frames_missing_without_an_error_are_damage(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(edit(video(sound=None, movflags=""), b"stsz", more_samples_of_nothing))
    inspection = await inspect(path)
    assert inspection.damage == "the file is damaged: 48 of 58 frames could be decoded"


def more_samples_of_nothing(part: bytes) -> bytes:
    (count,) = struct.unpack_from(">I", part, 8)
    return part[:8] + struct.pack(">I", count + 10) + part[12:] + bytes(40)


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes are made differently there")
async def test_links_pipes_and_folders_are_not_opened(tmp_path: Path) -> None:
    (tmp_path / "real.mp4").write_bytes(video())
    (tmp_path / "link.mp4").symlink_to(tmp_path / "real.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    assert (await inspect(tmp_path / "link.mp4")).damage == "the path is a symbolic link, not a video"
    assert (await inspect(tmp_path / "pipe.mp4")).damage == "the path is no regular file, not a video"
    assert (await inspect(tmp_path)).damage == "the path is no regular file, not a video"


@pytest.mark.skipif(sys.platform == "win32", reason="the reference holds a POSIX path")
def test_the_decoder_opens_no_other_file_even_without_the_header_check(tmp_path: Path) -> None:
    victim, thief = tmp_path / "victim.mp4", tmp_path / "thief.mp4"
    victim.write_bytes(video(movflags=""))
    thief.write_bytes(external(video(movflags=""), str(victim)))
    # The trap works: a decoder that is allowed to follows the reference and shows the victim.
    with av.open(thief, options={"enable_drefs": "1", "use_absolute_path": "1"}) as container:
        assert sum(1 for _ in container.decode(video=0)) == 48
    with thief.open("rb") as file:
        assert decode(file, []).frames == 0


async def test_a_reference_to_another_file_is_refused(tmp_path: Path) -> None:
    thief = tmp_path / "thief.mp4"
    thief.write_bytes(external(video(movflags=""), "/etc/hostname"))
    assert (await inspect(thief)).damage == "the file refers to another file for its media"


@pytest.mark.skipif(sys.platform == "win32", reason="no resource limits there")
async def test_a_bomb_is_refused_within_ten_seconds_and_below_1500_mb(tmp_path: Path) -> None:
    import resource  # noqa: PLC0415 - missing on Windows

    path = tmp_path / "bomb.mp4"
    path.write_bytes(resized_and_tracked(video(size=(8192, 4352), frames=2, sound=None, picture="black"), 1920, 1080))
    began = time.monotonic()
    assert (await inspect(path)).unchecked
    assert time.monotonic() - began < 10
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 1_500_000


async def test_sound_in_a_format_that_is_not_on_the_list_is_not_decoded(tmp_path: Path) -> None:
    path, dts = tmp_path / "video.mp4", b"\xa9"
    path.write_bytes(edit(video(), b"stsd", lambda part: part.replace(b"\x80\x80\x17\x40", b"\x80\x80\x17" + dts)))
    inspection = await inspect(path)
    assert inspection.facts is not None
    assert (inspection.facts.has_audio, inspection.facts.loudness_lufs, inspection.facts.is_silent) == (
        True,
        None,
        False,
    )
    assert inspection.damage is None
    assert inspection.unchecked == (
        "The sound could not be checked: the decoder dca cannot be started (Invalid argument).",
    )


@pytest.mark.parametrize("right", [0, 8])
async def test_an_index_that_points_outside_any_file_is_damage(right: int, tmp_path: Path) -> None:
    path, seen = tmp_path / "video.mp4", itertools.count()
    far = overwrite(8, b"\0" + b"\xff" * 7)  # where the fragment's media begins

    def misplace(fragment: bytes) -> bytes:
        return edit(fragment, b"traf", lambda part: edit(part, b"tfhd", far)) if next(seen) >= right else fragment

    path.write_bytes(edit(video(frames=240, movflags="frag_keyframe+empty_moov"), b"moof", misplace))
    assert header_says(path) is None
    assert ((await inspect(path)).damage or "").startswith("the file is damaged: ")


@pytest.mark.parametrize("seed", range(6))
def test_any_bytes_changed_in_the_index_give_a_verdict(seed: int, tmp_path: Path) -> None:
    chance, path = random.Random(seed), tmp_path / "video.mp4"  # noqa: S311 - the same bytes every time
    for _ in range(20):
        data = bytearray(video(frames=12, size=(64, 36)))
        for _ in range(chance.choice((1, 4, 32))):
            data[chance.randrange(len(data) // 2)] = chance.choice((0, 1, 127, 255))
        path.write_bytes(data)
        inspection = look(path, None)
        assert inspection.facts or inspection.damage

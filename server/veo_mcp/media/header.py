"""The look at an mp4's header in pure Python, before any decoder may see the file."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from veo_mcp.media.boxes import Box, Damaged, boxes, boxes_in_file
from veo_mcp.media.limits import MAX_FILE_BYTES, MAX_FRAMES, MAX_LONG_SIDE, MAX_SECONDS, MAX_SHORT_SIDE
from veo_mcp.media.tracks import Track, read_fragment, read_track

_MOST_INDEX_BYTES = 16 << 20
_MOST_TRACKS = 16
_ROUNDING_SECONDS = 0.5
_MOST_SOUND_SAMPLES = MAX_SECONDS * 48_000
_VIDEO_CODECS = {"avc1", "avc3", "hev1", "hvc1", "av01", "vp09"}
_AUDIO_CODECS = {"mp4a", "Opus", "fLaC", "alac", "ac-3", "ec-3", ".mp3"}
_OTHER_BEGINNINGS = {
    b"<": "a web page or XML",
    b"{": "JSON text",
    b"[": "JSON text",
    b"ffconcat": "a playlist (ffconcat)",
    b"#EXTM3U": "a playlist (HLS)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What the header declares; `cut` is the sentence for a file whose end is missing but whose index is whole."""

    video: Track
    frames: int
    seconds: float
    faststart: bool
    cut: str | None


def open_video(path: Path) -> BinaryIO:
    """Open a regular file and nothing else: a link may lead anywhere, a pipe may never end."""
    kind = path.lstat().st_mode
    if not stat.S_ISREG(kind):
        raise Damaged(f"the path is {'a symbolic link' if stat.S_ISLNK(kind) else 'no regular file'}, not a video")
    return path.open("rb")


def read_header(path: Path) -> Header:
    """Read and check the header; raise Damaged when no decoder should see the file."""
    with open_video(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            raise Damaged("the file is empty")
        if size > MAX_FILE_BYTES:
            raise Damaged(f"the file is larger than {MAX_FILE_BYTES >> 20} MB")
        _check_beginning(file.read(16))
        return _read(file, size)


def _check_beginning(beginning: bytes) -> None:
    if beginning[4:8] == b"ftyp":
        return
    text = beginning.removeprefix(b"\xef\xbb\xbf").lstrip()
    what = next((name for start, name in _OTHER_BEGINNINGS.items() if text.startswith(start)), None)
    raise Damaged(f"the file is {what}, not a video" if what else "the file is not an MP4: it has no ftyp at its start")


def _read(file: BinaryIO, size: int) -> Header:
    parts = list(boxes_in_file(file, size))
    kinds = [part.kind for part in parts]
    if b"moov" not in kinds:
        raise Damaged("the file is cut short or was never finished: it has no index (moov)")
    index = _read_part(file, parts[kinds.index(b"moov")], size)
    if b"mdat" not in kinds:
        raise Damaged("the file is cut short: it has no media data (mdat)")
    tracks = _read_tracks(index)
    video = _check_tracks(tracks, fragmented=b"moof" in kinds)
    fragments = [read_fragment(_read_part(file, part, size), video.number) for part in parts if part.kind == b"moof"]
    frames = video.samples + sum(fragments)
    _check_frames(frames)
    return Header(
        video=video,
        frames=frames,
        seconds=video.seconds,
        faststart=kinds.index(b"moov") < kinds.index(b"mdat"),
        cut=_cut(parts, tracks, size),
    )


def _read_part(file: BinaryIO, part: Box, size: int) -> memoryview:
    if part.end > size:
        raise Damaged("the file is cut short: it ends inside its index")
    if part.end - part.start > _MOST_INDEX_BYTES:
        raise Damaged("the file is damaged: its index is larger than 16 MB")
    file.seek(part.start)
    return memoryview(file.read(part.end - part.start))


def _read_tracks(index: memoryview) -> list[Track]:
    parts = list(boxes(index))
    if any(kind in {b"rmra", b"cmov"} for kind, _ in parts):
        raise Damaged("the file's index refers to other files or is compressed, which a finished video never is")
    tracks = [part for kind, part in parts if kind == b"trak"]
    if len(tracks) > _MOST_TRACKS:
        raise Damaged(f"the file declares {len(tracks)} tracks")
    return [read_track(track) for track in tracks]


def _check_tracks(tracks: list[Track], *, fragmented: bool) -> Track:
    """Return the video track, every track being within the limits."""
    for track in tracks:
        _check_track(track)
    video = next((track for track in tracks if track.kind == "vide"), None)
    if video is None:
        has_sound = any(track.kind == "soun" for track in tracks)
        raise Damaged("the file holds sound but no picture" if has_sound else "the file holds no video track")
    if video.seconds <= 0 and not fragmented:
        raise Damaged("the file declares a duration of zero")
    return video


def _check_track(track: Track) -> None:
    if track.is_external:
        raise Damaged("the file refers to another file for its media")
    allowed = {"vide": _VIDEO_CODECS, "soun": _AUDIO_CODECS}.get(track.kind)
    if allowed is not None and not allowed.issuperset(track.codecs):
        raise Damaged("the file holds video or sound in a format that finished videos never have")
    for width, height in track.sizes if track.kind == "vide" else ():
        if max(width, height) > MAX_LONG_SIDE or min(width, height) > MAX_SHORT_SIDE:
            raise Damaged(f"the picture is too large: {width}x{height}, at most {MAX_LONG_SIDE}x{MAX_SHORT_SIDE}")
    if track.seconds > MAX_SECONDS + _ROUNDING_SECONDS:
        raise Damaged(f"the file declares {track.seconds:.0f} s, at most {MAX_SECONDS} s are inspected")
    if track.kind != "vide" and track.samples > _MOST_SOUND_SAMPLES:
        raise Damaged(f"the file declares {track.samples} samples in one track")


def _check_frames(frames: int) -> None:
    if frames == 0:
        raise Damaged("the file declares no frames")
    if frames > MAX_FRAMES:
        raise Damaged(f"the file declares {frames} frames, at most {MAX_FRAMES} are inspected")


def _cut(parts: list[Box], tracks: list[Track], size: int) -> str | None:
    """Say how much of the file is missing, by its parts or by what the index speaks of."""
    ends = [part.end for part in parts] + [track.last_chunk for track in tracks]
    declared = max(*ends, sum(track.media_bytes for track in tracks))
    return f"the file is cut short: {size} of at least {declared} bytes are there" if declared > size else None

"""The look at an mp4's header in pure Python, before any decoder may see the file."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from veo_mcp.media.boxes import Box, Damaged, boxes, boxes_in_file
from veo_mcp.media.limits import MAX_FILE_BYTES, MAX_FRAMES, MAX_LONG_SIDE, MAX_SECONDS, MAX_SHORT_SIDE
from veo_mcp.media.tracks import Track, read_fragment, read_track

_MOST_INDEX_BYTES = 16 << 20
_MOST_TRACKS = 16
_ROUNDING_SECONDS = 0.5
# What no video has: beyond these the index itself is wrong.
_LEAST_FPS = 0.5
_LARGEST_SIDE = 16_384
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
    """What the header declares.

    `cut` is the sentence for a file whose end is missing but whose index is whole. `limit` says why no decoder here may
    see the file; that is a limit of ours and no damage.
    """

    video: Track
    sound: Track | None
    frames: int
    seconds: float
    faststart: bool
    cut: str | None
    limit: str | None


def open_video(path: Path) -> BinaryIO:
    """Open a regular file and nothing else: a link may lead anywhere, a pipe may never end."""
    kind = path.lstat().st_mode
    if not stat.S_ISREG(kind):
        raise Damaged(f"the path is {'a symbolic link' if stat.S_ISLNK(kind) else 'no regular file'}, not a video")
    return path.open("rb")


def read_header(path: Path) -> Header:
    """Read and check the header.

    Raises:
        Damaged: this is no whole video.
        OSError: the file cannot be read.
    """
    with open_video(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            raise Damaged("the file is empty")
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
    video = _video_of(tracks, fragmented=b"moof" in kinds)
    fragments = [read_fragment(_read_part(file, part, size), video.number) for part in parts if part.kind == b"moof"]
    frames = video.samples + sum(fragments)
    if frames == 0:
        raise Damaged("the file declares no frames")
    return Header(
        video=video,
        sound=next((track for track in tracks if track.kind == "soun"), None),
        frames=frames,
        seconds=video.seconds,
        faststart=kinds.index(b"moov") < kinds.index(b"mdat"),
        cut=_cut(parts, tracks, size),
        limit=next(_limits(tracks, frames, size), None),
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


def _video_of(tracks: list[Track], *, fragmented: bool) -> Track:
    """Return the video track."""
    if any(track.is_external for track in tracks):
        raise Damaged("the file refers to another file for its media")
    video = next((track for track in tracks if track.kind == "vide"), None)
    if video is None:
        has_sound = any(track.kind == "soun" for track in tracks)
        raise Damaged("the file holds sound but no picture" if has_sound else "the file holds no video track")
    if video.seconds <= 0 and not fragmented:
        raise Damaged("the file declares a duration of zero")
    if video.seconds and video.samples / video.seconds < _LEAST_FPS and not fragmented:
        raise Damaged(f"the file is damaged: its index declares {video.samples} frames in {video.seconds:.0f} s")
    for width, height in video.sizes:
        if max(width, height) > _LARGEST_SIDE:
            raise Damaged(f"the file is damaged: its index declares a picture of {width}x{height}")
    return video


def _limits(tracks: list[Track], frames: int, size: int) -> Iterator[str]:
    """Yield what is beyond what the decoder may be asked to do."""
    if size > MAX_FILE_BYTES:
        yield f"the file is larger than {MAX_FILE_BYTES >> 20} MB"
    if frames > MAX_FRAMES:
        yield f"the file declares {frames} frames, at most {MAX_FRAMES} are inspected"
    for track in tracks:
        allowed = {"vide": _VIDEO_CODECS, "soun": _AUDIO_CODECS}.get(track.kind)
        if allowed is not None and not allowed.issuperset(track.codecs):
            yield "the file holds video or sound in a format that is not decoded here"
        for width, height in track.sizes if track.kind == "vide" else ():
            if max(width, height) > MAX_LONG_SIDE or min(width, height) > MAX_SHORT_SIDE:
                yield f"the picture is too large: {width}x{height}, at most {MAX_LONG_SIDE}x{MAX_SHORT_SIDE}"
        if track.seconds > MAX_SECONDS + _ROUNDING_SECONDS:
            yield f"the file declares {track.seconds:.0f} s, at most {MAX_SECONDS} s are inspected"
        if track.kind != "vide" and track.samples > _MOST_SOUND_SAMPLES:
            yield f"the file declares {track.samples} samples in one track"


def _cut(parts: list[Box], tracks: list[Track], size: int) -> str | None:
    """Say how much of the file is missing, by its parts or by what the index speaks of."""
    ends = [part.end for part in parts] + [track.last_chunk for track in tracks]
    declared = max(*ends, sum(track.media_bytes for track in tracks))
    return f"the file is cut short: {size} of at least {declared} bytes are there" if declared > size else None

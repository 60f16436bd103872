"""Videos for the tests: sound ones encoded here, hostile ones made from them box by box."""

# The stubs of av leave a type parameter of Packet open.
# pyright: reportUnknownMemberType=false

import struct
from collections.abc import Callable, Generator
from contextlib import contextmanager
from fractions import Fraction
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer

from veo_mcp.media.boxes import Damaged
from veo_mcp.media.header import read_header

RATE = 48_000
Picture = Literal["moving", "still", "black"]
_CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"dinf", b"stbl"}


@cache
def video(
    *,
    size: tuple[int, int] = (320, 180),
    frames: int = 48,
    picture: Picture = "moving",
    sound: float | None = 0.1,
    movflags: str = "+faststart",
) -> bytes:
    """Return an mp4 at 24 fps with a 997 Hz tone of the amplitude `sound` (0 is a silent track, None no track)."""
    with _mp4(movflags) as (path, container):
        stream = container.add_stream("libx264", rate=24, options={"preset": "ultrafast", "x264-params": "keyint=24"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.thread_count = 2
        track = container.add_stream("aac", rate=RATE, layout="stereo") if sound is not None else None
        for index in range(frames):
            container.mux(stream.encode(_frame(size, picture, index)))
            if track is not None:
                _add_tone(container, track, sound or 0.0, index)
        container.mux(stream.encode(None))
        if track is not None:
            container.mux(track.encode(None))
        container.close()
        return path.read_bytes()


@cache
def sound_only() -> bytes:
    with _mp4("") as (path, container):
        track = container.add_stream("aac", rate=RATE, layout="stereo")
        for index in range(24):
            _add_tone(container, track, 0.1, index)
        container.mux(track.encode(None))
        container.close()
        return path.read_bytes()


@contextmanager
def _mp4(movflags: str) -> Generator[tuple[Path, OutputContainer]]:
    """Open an mp4 for writing; libav can move the index to the front only in a file with a name."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        with av.open(path, "w", options={"movflags": movflags} if movflags else {}) as container:
            yield path, container


def _frame(size: tuple[int, int], picture: Picture, index: int) -> av.VideoFrame:
    width, height = size
    pixels = np.zeros((height, width, 3), np.uint8)
    if picture != "black":
        moved = index if picture == "moving" else 0
        across, down = np.arange(width), np.arange(height)
        pixels[..., 0] = (across * 255 // width + 4 * moved) % 256
        pixels[..., 1] = (down * 255 // height)[:, None]
        pixels[..., 2] = 128
    frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
    frame.pts, frame.time_base = index, Fraction(1, 24)
    return frame


def _add_tone(container: OutputContainer, track: AudioStream, amplitude: float, index: int) -> None:
    samples = RATE // 24
    times = np.arange(index * samples, (index + 1) * samples) / RATE
    wave = (amplitude * np.sin(2 * np.pi * 997 * times)).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(np.stack([wave, wave]), "fltp", "stereo")
    frame.sample_rate, frame.pts, frame.time_base = RATE, index * samples, Fraction(1, RATE)
    container.mux(track.encode(frame))


def header_says(path: Path) -> str | None:
    """Say what the header tells to be wrong, before anything is decoded."""
    try:
        return read_header(path).cut
    except Damaged as damage:
        return str(damage)


def box(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I4s", len(payload) + 8, kind) + payload


def edit(mp4: bytes, kind: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """Rewrite the payload of every box of this kind, with the lengths of all boxes around it."""
    parts: list[bytes] = []
    while mp4:
        length, name = struct.unpack_from(">I4s", mp4)
        payload = mp4[8:length]
        if name == kind:
            payload = change(payload)
        elif name in _CONTAINERS:
            payload = edit(payload, kind, change)
        parts.append(box(name, payload))
        mp4 = mp4[length:]
    return b"".join(parts)


def overwrite(offset: int, data: bytes) -> Callable[[bytes], bytes]:
    """Return a change for `edit` that puts `data` at `offset` of the payload."""
    return lambda payload: payload[:offset] + data + payload[offset + len(data) :]


def alias(path: str) -> bytes:
    """Return the payload of a `dref` box that says, as QuickTime does, that the media is in the file `path`."""
    name = path.encode() + b"\0" * (len(path) % 2)
    record = bytes(10) + bytes(28) + bytes(12) + bytes(64) + bytes(16) + struct.pack(">HH", 1, 1) + bytes(16)
    record += struct.pack(">HH", 2, len(name)) + name + struct.pack(">HH", 0xFFFF, 0)
    return struct.pack(">II", 0, 1) + box(b"alis", bytes(4) + record)


def external(mp4: bytes, path: str) -> bytes:
    """Return the video with its media blanked and an index that points into another file."""
    blank = edit(mp4, b"mdat", lambda media: bytes(len(media)))
    return edit(blank, b"dref", lambda _: alias(path))

"""The one decode pass: every frame is decoded once and shown to all who look."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Protocol

import av
import av.error
from av import AudioFrame, VideoFrame
from av.container import InputContainer

from veo_mcp.media.boxes import Damaged
from veo_mcp.media.limits import MAX_FRAMES, MAX_PIXELS, MAX_SECONDS
from veo_mcp.media.loudness import Loudness

_DECODERS = "h264,hevc,libdav1d,av1,vp9,aac,opus,libopus,mp3,mp3float,flac,alac,ac3,eac3"
_OPTIONS = {
    "protocol_whitelist": "file",
    "enable_drefs": "0",
    "use_absolute_path": "0",
    "codec_whitelist": _DECODERS,
    "max_pixels": str(MAX_PIXELS),
}
# Frame threads: two are as fast as decoding gets here, and each costs a few pictures of memory.
_THREADS = 2


class Viewer(Protocol):
    def see(self, frame: VideoFrame, at: float) -> None:
        """Look at a decoded frame that is shown `at` seconds after the first."""
        ...


@dataclass(slots=True, kw_only=True)
class Decoded:
    """What the pass counted."""

    video_codec: str
    audio_codec: str | None
    fps: float
    width: int = 0
    height: int = 0
    frames: int = 0
    errors: int = 0
    seconds: float = 0.0
    loudness_lufs: float | None = None


def decode(file: BinaryIO, viewers: Sequence[Viewer]) -> Decoded:
    """Decode the whole file; damaged packets are counted, not raised."""
    with _open(file) as container:
        decoded = _describe(container)
        loudness = Loudness(container.streams.audio[0]) if container.streams.audio else None
        first: float | None = None
        for frame in _frames(container, decoded):
            if isinstance(frame, AudioFrame):
                if loudness is not None:
                    loudness.hear(frame)
                continue
            at = decoded.frames / decoded.fps if frame.pts is None else frame.time
            first = at if first is None else first
            _count(decoded, frame, at - first)
            for viewer in viewers:
                viewer.see(frame, at - first)
        decoded.loudness_lufs = loudness.integrated() if loudness is not None else None
    return decoded


def _open(file: BinaryIO) -> InputContainer:
    # An open file and a refusing io_open: libav gets no name that it could resolve, and cannot open another file.
    container = av.open(
        file, "r", format="mp4", options=_OPTIONS, metadata_encoding="latin-1", io_open=_refuse_other_files
    )
    for stream in container.streams.video:
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = _THREADS
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    return container


def _refuse_other_files(url: str, _flags: int, _options: dict[str, str]) -> BinaryIO:
    raise PermissionError(f"the video asks for another file: {url!r}")


def _describe(container: InputContainer) -> Decoded:
    if not container.streams.video:
        raise Damaged("the file holds no video track")
    video = container.streams.video[0]
    audio = container.streams.audio[0] if container.streams.audio else None
    return Decoded(
        video_codec=video.codec_context.name,
        audio_codec=audio.codec_context.name if audio else None,
        fps=float(video.average_rate or video.guessed_rate or 24),
    )


def _frames(container: InputContainer, decoded: Decoded) -> Iterator[VideoFrame | AudioFrame]:
    wanted = [container.streams.video[0], *container.streams.audio[:1]]
    for packet in container.demux(wanted):
        try:
            frames = packet.decode()
        except MemoryError:
            raise
        except av.error.FFmpegError:
            decoded.errors += 1
            continue
        for frame in frames:
            if isinstance(frame, VideoFrame | AudioFrame):
                yield frame


def _count(decoded: Decoded, frame: VideoFrame, at: float) -> None:
    if decoded.frames >= MAX_FRAMES or at > MAX_SECONDS + 1:
        raise Damaged(f"the file holds more than {MAX_FRAMES} frames or {MAX_SECONDS} s")
    if decoded.frames == 0:
        decoded.width, decoded.height = frame.width, frame.height
    decoded.frames += 1
    decoded.errors += frame.is_corrupt
    decoded.seconds = max(decoded.seconds, at + 1 / decoded.fps)

"""The one decode pass: every frame is decoded once and shown to all who look."""

import errno
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol, cast

import av
import av.error
from av import AudioFrame, Packet, VideoFrame
from av.codec.context import CodecContext
from av.container import InputContainer
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext

from veo_mcp.media.boxes import Damaged
from veo_mcp.media.limits import MAX_FRAMES, MAX_PIXELS, MAX_SECONDS
from veo_mcp.media.loudness import Loudness

_DECODERS = "h264,hevc,libdav1d,av1,vp9,aac,opus,libopus,mp3,mp3float,flac,alac,ac3,eac3"
_DECODER_OPTIONS = {"codec_whitelist": _DECODERS, "max_pixels": str(MAX_PIXELS)}
_OPTIONS = {
    "protocol_whitelist": "file",
    "enable_drefs": "0",
    "use_absolute_path": "0",
    **_DECODER_OPTIONS,
}
# Before av 19 a title that is not UTF-8 ended the opening; av 19 replaces such bytes and takes no encoding.
_METADATA: dict[str, Any] = {"metadata_encoding": "latin-1"} if int(av.__version__.split(".")[0]) < 19 else {}
# Frame threads: two are as fast as decoding gets here, and each costs a few pictures of memory.
_THREADS = 2


UNREADABLE = "the file is damaged: its index is whole, but no frame could be decoded"
# Beside libav's own errors: what Python's file says when the index sends libav to an impossible place.
_BAD_DATA = (av.error.InvalidDataError, av.error.EOFError, ValueError, OverflowError)
# What libav raises for what it cannot do, whatever the data is like.
_CANNOT = (MemoryError, av.error.LookupError, av.error.NotImplementedError, av.error.PatchWelcomeError)


class NotDecoded(Exception):
    """The file cannot be decoded here, which says nothing about the file; the message is the reason."""


class Viewer(Protocol):
    def see(self, frame: VideoFrame, at: float) -> None:
        """Look at a decoded frame that is shown `at` seconds after the first."""
        ...


@dataclass(slots=True, kw_only=True)
class Decoded:
    """What the pass counted."""

    video_codec: str
    has_audio: bool
    audio_codec: str | None
    fps: float
    width: int = 0
    height: int = 0
    frames: int = 0
    errors: int = 0
    seconds: float = 0.0
    loudness_lufs: float | None = None
    unchecked: list[str] = field(default_factory=list[str])
    """Sentences of what could not be measured here, for no fault of the file."""


def decode(file: BinaryIO, viewers: Sequence[Viewer]) -> Decoded:
    """Decode the whole file; damaged packets are counted, not raised.

    Raises:
        Damaged: there is nothing to decode.
        NotDecoded: no decoder here takes the video, or it is larger than is decoded here.
    """
    with _open(file) as container:
        decoded = _describe(container)
        loudness = Loudness()
        first: float | None = None
        for frame in _frames(container, decoded):
            if isinstance(frame, AudioFrame):
                loudness.hear(frame)
                continue
            at = decoded.frames / decoded.fps if frame.pts is None else frame.time
            first = at if first is None else first
            _count(decoded, frame, at - first)
            for viewer in viewers:
                viewer.see(frame, at - first)
        decoded.loudness_lufs = loudness.integrated()
        if loudness.effort.sentence:
            decoded.unchecked.append(loudness.effort.sentence)
    return decoded


def _open(file: BinaryIO) -> InputContainer:
    # An open file and a refusing io_open: libav gets no name that it could resolve, and cannot open another file.
    try:
        return av.open(file, "r", format="mp4", options=_OPTIONS, io_open=_refuse_other_files, **_METADATA)
    except _CANNOT as error:
        raise NotDecoded(f"the decoder cannot read this kind of file ({_words(error)})") from error
    except (*_BAD_DATA, OSError) as error:
        if not _is_bad_data(error):
            raise
        raise Damaged(UNREADABLE) from error


def _words(error: BaseException) -> str:
    """Return libav's words without the file's name and the numbers around them."""
    return getattr(error, "strerror", None) or type(error).__name__


def _is_bad_data(error: Exception) -> bool:
    """Tell an impossible place in the file, to which damaged data leads, from a disk that fails."""
    return isinstance(error, _BAD_DATA) or (isinstance(error, OSError) and error.errno == errno.EINVAL)


def _refuse_other_files(url: str, _flags: int, _options: dict[str, str]) -> BinaryIO:
    raise PermissionError(f"the video asks for another file: {url!r}")


def _describe(container: InputContainer) -> Decoded:
    """Open the decoders and say which they are."""
    video = next(iter(container.streams.video), None)
    audio = next(iter(container.streams.audio), None)
    if video is None:
        raise Damaged(UNREADABLE)
    decoder = _open_decoder(video)
    decoded = Decoded(
        video_codec=decoder.name,
        has_audio=audio is not None,
        audio_codec=None,
        fps=float(video.average_rate or video.guessed_rate or 24),
    )
    try:
        decoded.audio_codec = _open_decoder(audio).name if audio else None
    except NotDecoded as reason:
        decoded.unchecked.append(f"The sound could not be checked: {reason}.")
    return decoded


def _open_decoder(stream: Stream) -> CodecContext:
    # Contrary to av's stubs a stream that nobody here can decode has no context.
    decoder = cast("CodecContext | None", stream.codec_context)
    if decoder is None:
        raise NotDecoded(f"there is no decoder here for this kind of {stream.type}")
    decoder.options = _DECODER_OPTIONS
    if isinstance(decoder, VideoCodecContext):
        if decoder.width * decoder.height > MAX_PIXELS:
            raise NotDecoded(f"the picture is {decoder.width}x{decoder.height}, larger than is decoded here")
        decoder.thread_type, decoder.thread_count = "AUTO", _THREADS
    try:
        decoder.open(strict=False)
    except av.error.FFmpegError as error:
        raise NotDecoded(f"the decoder {decoder.name} cannot be started ({_words(error)})") from error
    return decoder


def _frames(container: InputContainer, decoded: Decoded) -> Iterator[VideoFrame | AudioFrame]:
    for packet in _packets(container, decoded):
        try:
            frames = packet.decode()
        except _CANNOT as error:
            raise NotDecoded(f"the decoder cannot do what this file needs ({_words(error)})") from error
        except av.error.FFmpegError:
            decoded.errors += 1
            continue
        for frame in frames:
            if isinstance(frame, VideoFrame | AudioFrame):
                yield frame


def _packets(container: InputContainer, decoded: Decoded) -> "Iterator[Packet[Stream]]":
    wanted: list[Stream] = [container.streams.video[0]]
    if decoded.audio_codec:
        wanted.append(container.streams.audio[0])
    packets = container.demux(wanted)
    while True:
        try:
            yield next(packets)
        except StopIteration:
            return
        except (*_BAD_DATA, OSError) as error:
            if not _is_bad_data(error):
                raise
            decoded.errors += 1
            return


def _count(decoded: Decoded, frame: VideoFrame, at: float) -> None:
    if decoded.frames >= MAX_FRAMES or at > MAX_SECONDS + 1:
        raise NotDecoded(f"the file holds more than {MAX_FRAMES} frames or {MAX_SECONDS} s")
    if decoded.frames == 0:
        decoded.width, decoded.height = frame.width, frame.height
    decoded.frames += 1
    decoded.errors += frame.is_corrupt
    decoded.seconds = max(decoded.seconds, at + 1 / decoded.fps)

# pyright: reportUnknownMemberType=false
# av leaves parts of these signatures open.
"""Write frames and samples into an mp4."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream

from veo_mcp.sandbox.render.picture import Floats
from veo_mcp.sandbox.render.shot import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME, Shot

COMMENT = "SANDBOX PREVIEW: a local animatic drawn from the prompt, not made by Veo"

_TITLE_LENGTH = 160
_THREADS = 2  # another number changes the bytes
_CRF = 23
# Measured: the picture of "superfast" at about the price of "ultrafast".
_X264 = "cabac=1:8x8dct=1:no-deblock=0:bframes=2:b-adapt=0:keyint=48:cpu-independent=1"
_BT709 = 1
_LIMITED = 1
_AAC_BITS = 160_000


def encode(shot: Shot, path: Path, frames: Iterable[av.VideoFrame], samples: Floats | None) -> None:
    """Write H.264 and, when there are samples, AAC, with the index in front."""
    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    with av.open(str(path), "w", format="mp4", options=options) as container:
        container.metadata.update(title=_title(shot), comment=COMMENT)
        video = _video(container, shot)
        audio = _audio(container) if samples is not None else None
        for index, frame in enumerate(frames):
            container.mux(video.encode(frame))
            if audio is not None and samples is not None:
                container.mux(audio.encode(_sound(samples, index)))
        container.mux(video.encode(None))
        if audio is not None:
            container.mux(audio.encode(None))


def _title(shot: Shot) -> str:
    words = " ".join(shot.prompt.encode("utf-8", "replace").decode().replace("\0", " ").split())
    return f"SANDBOX PREVIEW: {words[:_TITLE_LENGTH]}"


def _video(container: OutputContainer, shot: Shot) -> VideoStream:
    options = {"preset": "ultrafast", "crf": str(_CRF), "x264-params": _X264}
    stream = container.add_stream("libx264", rate=FPS, options=options)
    stream.width, stream.height, stream.pix_fmt = shot.width, shot.height, "yuv420p"
    codec = stream.codec_context
    codec.thread_count, codec.thread_type = _THREADS, "FRAME"
    codec.time_base = Fraction(1, FPS)
    codec.color_range, codec.colorspace = _LIMITED, _BT709
    codec.color_primaries = codec.color_trc = _BT709
    return stream


def _audio(container: OutputContainer) -> AudioStream:
    return container.add_stream("aac", rate=SAMPLE_RATE, layout="stereo", bit_rate=_AAC_BITS)


def _sound(samples: Floats, index: int) -> av.AudioFrame:
    """Cut out what is heard during one frame."""
    start = index * SAMPLES_PER_FRAME
    piece = np.ascontiguousarray(samples[:, start : start + SAMPLES_PER_FRAME])
    frame = av.AudioFrame.from_ndarray(piece, "fltp", "stereo")
    frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, start, Fraction(1, SAMPLE_RATE)
    return frame

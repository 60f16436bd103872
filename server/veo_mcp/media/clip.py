# pyright: reportUnknownMemberType=false
# av leaves parts of these signatures open.
"""A clip of one second with picture and sound, made to prove that this machine can encode and decode."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream

FPS = 24
RATE = 48_000
SAMPLES = RATE // FPS
WIDTH, HEIGHT = 320, 180
TONE_HZ = 997
AMPLITUDE = 0.1  # -20 dBFS on both channels: -20 LUFS (EBU Tech 3341)


def encode(path: Path) -> None:
    """Write one second of a moving picture and a tone, as H.264 and AAC.

    Raises:
        av.error.FFmpegError: an encoder is missing or fails.
    """
    with av.open(path, "w", format="mp4", options={"movflags": "+faststart"}) as container:
        video = container.add_stream("h264", rate=FPS)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio: AudioStream = container.add_stream("aac", rate=RATE, layout="stereo")
        for index in range(FPS):
            container.mux(video.encode(_picture(index)))
            container.mux(audio.encode(_tone(index)))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))


def _picture(index: int) -> av.VideoFrame:
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[..., 0] = (np.arange(WIDTH) * 255 // WIDTH + 8 * index) % 256
    pixels[..., 1] = (np.arange(HEIGHT) * 255 // HEIGHT)[:, None]
    frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
    frame.pts, frame.time_base = index, Fraction(1, FPS)
    return frame


def _tone(index: int) -> av.AudioFrame:
    times = np.arange(index * SAMPLES, (index + 1) * SAMPLES) / RATE
    wave = (AMPLITUDE * np.sin(2 * np.pi * TONE_HZ * times)).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(np.stack([wave, wave]), "fltp", "stereo")
    frame.sample_rate, frame.pts, frame.time_base = RATE, index * SAMPLES, Fraction(1, RATE)
    return frame

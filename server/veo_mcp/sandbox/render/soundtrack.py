"""Mix what the parts sound like over a quiet chord, and bring it to one loudness."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from veo_mcp.sandbox.render.desk import Desk
from veo_mcp.sandbox.render.palette import Mood
from veo_mcp.sandbox.render.part import Part
from veo_mcp.sandbox.render.picture import Floats
from veo_mcp.sandbox.render.shot import SAMPLE_RATE
from veo_mcp.sandbox.render.stage import Stage

TARGET_LUFS = -20.0
_CEILING = 0.8
_FADE_IN, _FADE_OUT = 0.3, 0.35
_MINOR = {Mood.NIGHT, Mood.STORM, Mood.FIRE, Mood.SPACE, Mood.NEON, Mood.DEEP}


def soundtrack(stage: Stage, parts: Sequence[Part]) -> Floats:
    """Stereo samples (2, n) within -1..1."""
    desk = Desk(stage)
    mix = np.zeros((2, desk.length), np.float32)
    for sound in _sounds(desk, parts):
        mix += sound
    mix *= _envelope(desk)
    mix *= np.float32(10 ** ((TARGET_LUFS - loudness(mix)) / 20))
    return _limited(mix)


def _sounds(desk: Desk, parts: Sequence[Part]) -> Iterable[Floats]:
    yield from _chord(desk)
    for part in parts:
        yield from part.sound(desk)


def _chord(desk: Desk) -> Iterable[Floats]:
    minor = desk.stage.mood in _MINOR
    root = 110 * 2 ** (int(desk.dice.integers(-4, 4)) / 12)
    for i, semitones in enumerate((0, 3 if minor else 4, 7, 10 if minor else 11, 14)):
        yield desk.tone(root * 2 ** (semitones / 12)) * desk.swell(0.07 + 0.03 * i, 0.85) * np.float32(0.045)


def _envelope(desk: Desk) -> Floats:
    t, end = desk.seconds, desk.stage.shot.duration
    return np.clip(np.minimum(t / _FADE_IN, (end - t) / _FADE_OUT), 0, 1).astype(np.float32)


def loudness(samples: Floats) -> float:
    """Ungated loudness in LUFS: ITU-R BS.1770's weighting, applied in the frequency domain."""
    length = samples.shape[1]
    power = (np.abs(np.fft.rfft(samples, axis=1)) ** 2).sum(axis=0) * _weighting(length)
    mean_square = 2 * power.sum() / length**2
    return float(-0.691 + 10 * np.log10(mean_square + 1e-12))


def _weighting(length: int) -> npt.NDArray[np.float64]:
    """The power response of the two K filters at 48 kHz (BS.1770-4, tables 1 and 2)."""
    z = np.exp(-2j * np.pi * np.fft.rfftfreq(length, 1 / SAMPLE_RATE) / SAMPLE_RATE)
    shelf = (1.53512485958697 - 2.69169618940638 * z + 1.19839281085285 * z**2) / (
        1 - 1.69065929318241 * z + 0.73248077421585 * z**2
    )
    highpass = (1 - 2 * z + z**2) / (1 - 1.99004745483398 * z + 0.99007225036621 * z**2)
    return np.abs(shelf * highpass) ** 2


def _limited(mix: Floats) -> Floats:
    """Bend only what would pass the ceiling."""
    knee = np.float32(_CEILING * 0.7)
    room = np.float32(_CEILING) - knee
    loud = np.abs(mix)
    bent = knee + room * np.tanh((loud - knee) / room)
    return np.where(loud > knee, np.sign(mix) * bent, mix).astype(np.float32)

"""The sound desk: what ambience is made of. Everything is float32 stereo of the shot's length."""

from functools import cached_property

import numpy as np

from veo_mcp.sandbox.render.picture import Floats
from veo_mcp.sandbox.render.shot import SAMPLE_RATE
from veo_mcp.sandbox.render.stage import Stage


class Desk:
    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.length = stage.shot.duration * SAMPLE_RATE
        self.dice = stage.dice("sound")

    @cached_property
    def seconds(self) -> Floats:
        return (np.arange(self.length) / SAMPLE_RATE).astype(np.float32)

    @cached_property
    def _frequencies(self) -> Floats:
        frequencies = np.fft.rfftfreq(self.length, 1 / SAMPLE_RATE)
        frequencies[0] = 1
        return frequencies

    def noise(self, low: float, high: float, slope: float = 0.5) -> Floats:
        """Noise between two frequencies in hertz, falling with `slope`; its root mean square is 1."""
        f = self._frequencies
        band = f**-slope / np.sqrt((1 + (f / high) ** 6) * (1 + (low / f) ** 6))
        band[0] = 0
        sides = [self._shaped(band) for _ in range(2)]
        return np.stack(sides)

    def _shaped(self, band: Floats) -> Floats:
        phase = self.dice.uniform(0, 2 * np.pi, len(band))
        wave = np.fft.irfft(band * np.exp(1j * phase), self.length)
        return (wave / (wave.std() + 1e-12)).astype(np.float32)

    def swell(self, hertz: float, depth: float = 0.8, phase: float | None = None) -> Floats:
        """A slow tide between `1 - depth` and 1."""
        start = self.dice.uniform(0, 2 * np.pi) if phase is None else phase
        return (1 - depth / 2 + depth / 2 * np.sin(2 * np.pi * hertz * self.seconds + start)).astype(np.float32)

    def crackle(self, per_second: float, decay: float = 0.0025) -> Floats:
        """Short clicks at random, left and right."""
        clicks = np.zeros((2, self.length), np.float32)
        count = int(per_second * self.stage.shot.duration)
        at = self.dice.integers(0, self.length - SAMPLE_RATE // 10, count)
        clicks[self.dice.integers(0, 2, count), at] = self.dice.uniform(0.1, 1, count) ** 3
        grain = np.exp(-np.arange(900) / (decay * SAMPLE_RATE)) * self.dice.normal(size=900)
        return self._through(clicks, grain.astype(np.float32))

    def _through(self, wave: Floats, echo: Floats) -> Floats:
        spectrum = np.fft.rfft(wave, axis=1) * np.fft.rfft(echo, self.length)
        return np.fft.irfft(spectrum, self.length, axis=1).astype(np.float32)

    def calls(self, hertz: float, slide: float, length: float, per_second: float) -> Floats:
        """Bird-like notes: each slides by `slide` octaves within `length` seconds."""
        out = np.zeros((2, self.length), np.float32)
        t = np.arange(int(length * SAMPLE_RATE)) / SAMPLE_RATE
        for start in self.dice.uniform(0.3, self.stage.shot.duration - length - 0.3, self._times(per_second)):
            pitch = hertz * self.dice.uniform(0.85, 1.2) * 2 ** (slide * t / length)
            note = np.sin(2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE) * np.sin(np.pi * t / length) ** 2
            side, begin = self.dice.uniform(0.2, 0.8), int(start * SAMPLE_RATE)
            out[:, begin : begin + len(t)] += np.outer([side, 1 - side], note).astype(np.float32)
        return out

    def _times(self, per_second: float) -> int:
        return max(1, round(per_second * self.stage.shot.duration))

    def tone(self, hertz: float, *, overtones: tuple[float, ...] = (0.35, 0.12)) -> Floats:
        """A steady note, a hair apart left and right."""
        sides: list[Floats] = []
        for detune in (0.9989, 1.0011):
            phase = 2 * np.pi * hertz * detune * self.seconds + self.dice.uniform(0, 2 * np.pi)
            wave = np.sin(phase)
            for order, share in enumerate(overtones, 2):
                wave = wave + share * np.sin(order * phase)
            sides.append(wave.astype(np.float32))
        return np.stack(sides)

    def strike(self, at: float, wave: Floats, attack: float, decay: float) -> Floats:
        """Let a sound begin at a moment and die away, in seconds."""
        since = np.clip(self.seconds - at, 0, None)
        envelope = np.minimum(since / attack, 1) * np.exp(-since / decay)
        return wave * envelope.astype(np.float32)

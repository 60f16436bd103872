"""What is heard."""

from itertools import pairwise

import numpy as np
import pytest

from veo_mcp.sandbox.render import Shot
from veo_mcp.sandbox.render.director import direct
from veo_mcp.sandbox.render.picture import Floats
from veo_mcp.sandbox.render.shot import SAMPLE_RATE
from veo_mcp.sandbox.render.soundtrack import loudness, soundtrack
from veo_mcp.sandbox.render.weather.storm import strikes

PROMPTS = (
    "ocean",
    "forest morning",
    "forest night",
    "city",
    "desert",
    "space",
    "underwater",
    "a storm",
    "campfire",
    "love",
)


def heard(prompt: str, seed: int = 0) -> Floats:
    production = direct(Shot(prompt=prompt, duration=4, seed=seed))
    return soundtrack(production.stage, production.parts)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_every_ambience_is_equally_loud_and_never_clips(prompt: str) -> None:
    samples = heard(prompt)
    assert samples.shape == (2, 4 * SAMPLE_RATE)
    assert samples.dtype == np.float32
    assert np.isfinite(samples).all()
    assert np.abs(samples).max() <= 0.8
    assert loudness(samples) == pytest.approx(-20, abs=1)


def test_loudness_is_measured_as_the_standard_does() -> None:
    t = np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE
    tone = np.sin(2 * np.pi * 997 * t)
    # EBU Tech 3341: a stereo 1 kHz sine at -23 dBFS reads -23 LUFS.
    assert loudness(np.stack([tone, tone]) * 10 ** (-23 / 20)) == pytest.approx(-23, abs=0.1)


def test_ambience_differs_by_scene() -> None:
    spectra = [np.log(_bands(heard(prompt))) for prompt in PROMPTS]
    for i, first in enumerate(spectra):
        for second in spectra[i + 1 :]:
            assert np.abs(first - second).max() > 0.5


def _bands(samples: Floats) -> Floats:
    """Energy by octave."""
    power = (np.abs(np.fft.rfft(samples, axis=1)) ** 2).sum(axis=0)
    edges = [int(30 * 2**i * samples.shape[1] / SAMPLE_RATE) for i in range(10)]
    return np.array([power[low:high].sum() for low, high in pairwise(edges)])


def test_it_begins_and_ends_in_silence() -> None:
    samples = heard("ocean")
    assert np.abs(samples[:, :48]).max() < 0.01
    assert np.abs(samples[:, -48:]).max() < 0.01


def test_thunder_follows_its_lightning() -> None:
    stage = direct(Shot(prompt="a storm over the sea", duration=8)).stage
    flashes = strikes(stage)
    assert len(flashes) >= 2
    assert all(0.5 < at < 7.5 for at in flashes)
    production = direct(Shot(prompt="a storm over the sea", duration=8))
    low = _low_power(soundtrack(production.stage, production.parts))
    for at in flashes:
        assert _around(low, at + 0.6) > 1.5 * _around(low, at - 0.15)


def _low_power(samples: Floats) -> Floats:
    spectrum = np.fft.rfft(samples.sum(axis=0))
    spectrum[int(120 * samples.shape[1] / SAMPLE_RATE) :] = 0
    return np.fft.irfft(spectrum, samples.shape[1]) ** 2


def _around(power: Floats, at: float) -> float:
    return float(power[int((at - 0.15) * SAMPLE_RATE) : int((at + 0.15) * SAMPLE_RATE)].mean())


def test_the_seed_changes_the_sound() -> None:
    assert not np.array_equal(heard("ocean", seed=1), heard("ocean", seed=2))
    assert np.array_equal(heard("ocean", seed=1), heard("ocean", seed=1))

"""What was measured in a video, and how that differs from what was ordered."""

from pathlib import Path

from pydantic import BaseModel

SILENT_BELOW_LUFS = -60.0
_DURATION_TOLERANCE_SECONDS = 0.25
_ASPECT_TOLERANCE = 0.02
_SHORT_SIDES = {"480p": 480, "720p": 720, "1080p": 1080, "1440p": 1440, "4k": 2160, "2160p": 2160}


class Facts(BaseModel, frozen=True):
    """Measured on the decoded frames, not copied from the header, except `declared_frames` and `faststart`."""

    duration_seconds: float
    width: int
    height: int
    fps: float
    video_codec: str
    audio_codec: str | None
    has_audio: bool
    loudness_lufs: float | None
    """Integrated loudness (EBU R 128); None without a sound track, -70 for digital silence."""
    is_silent: bool
    dark_share: float
    """Share of the frames that are next to black, 0 to 1."""
    frozen_share: float
    """Share of the frames that repeat the one before, 0 to 1."""
    declared_frames: int
    decoded_frames: int
    decode_errors: int
    faststart: bool


class Inspection(BaseModel, frozen=True):
    """`damage` is None for a sound file, else one sentence; `facts` are None when nothing could be decoded."""

    facts: Facts | None = None
    damage: str | None = None
    sheet: Path | None = None
    preview: Path | None = None


def differences(
    facts: Facts,
    *,
    duration: int | None,
    resolution: str | None,
    aspect_ratio: str | None,
    generate_audio: bool | None,
) -> list[str]:
    """Say in sentences where the video is not what was ordered; None means that the field was not ordered."""
    size = f"{facts.width}x{facts.height}"
    found: list[str] = []
    if duration is not None and abs(facts.duration_seconds - duration) > _DURATION_TOLERANCE_SECONDS:
        found.append(f"Asked for {duration} s, got {facts.duration_seconds:.2f} s.")
    if resolution is not None and not _is_resolution(facts, resolution):
        found.append(f"Asked for {resolution}, got {size}.")
    if aspect_ratio is not None and not _is_aspect(facts, aspect_ratio):
        found.append(f"Asked for {aspect_ratio}, got {size}.")
    if generate_audio is True and facts.is_silent:
        found.append(f"Asked for sound, got {'a silent sound track' if facts.has_audio else 'no sound track'}.")
    if generate_audio is False and not facts.is_silent:
        found.append(f"Asked for no sound, got sound at {sound_in_words(facts)}.")
    return found


def sound_in_words(facts: Facts) -> str:
    """Return "silent", or the loudness in LUFS with a typographic minus."""
    if facts.is_silent:
        return "silent"
    if facts.loudness_lufs is None:
        return "unknown loudness"
    return f"{facts.loudness_lufs:.0f} LUFS".replace("-", "\N{MINUS SIGN}")


def _is_resolution(facts: Facts, resolution: str) -> bool:
    wanted = _SHORT_SIDES.get(resolution.lower())
    return wanted is None or min(facts.width, facts.height) == wanted


def _is_aspect(facts: Facts, aspect_ratio: str) -> bool:
    across, _, down = aspect_ratio.partition(":")
    if not (across.isdecimal() and down.isdecimal() and int(across) and int(down)):
        return True
    wanted = int(across) / int(down)
    return abs(facts.width / facts.height - wanted) <= wanted * _ASPECT_TOLERANCE

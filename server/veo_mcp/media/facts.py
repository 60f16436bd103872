"""What was measured in a video, and how that differs from what was ordered."""

from pathlib import Path

from pydantic import BaseModel

from veo_mcp.api import VideoRequest
from veo_mcp.media.header import Header

SILENT_BELOW_LUFS = -60.0
NOT_CHECKED = "Picture and sound were not checked"
LOOKED_AGAIN = "it is looked into again when the video is viewed"
_DURATION_TOLERANCE_SECONDS = 0.25
_ASPECT_TOLERANCE = 0.02
_MOST = 0.9
_SHORT_SIDES = {"720p": 720, "1080p": 1080}


class Facts(BaseModel, frozen=True):
    """Measured on the decoded frames, not copied from the header, except `declared_frames` and `faststart`.

    Where the file could not be decoded here (`decoded_frames` is None), all of it is what the header says.
    """

    duration_seconds: float
    width: int
    height: int
    fps: float
    video_codec: str
    audio_codec: str | None
    has_audio: bool
    loudness_lufs: float | None
    """Integrated loudness (EBU R 128); -70 for digital silence, None where there is no sound or it was not measured."""
    dark_share: float | None = None
    """Share of the frames that are next to black, 0 to 1."""
    frozen_share: float | None = None
    """Share of the frames that repeat the one before, 0 to 1."""
    declared_frames: int
    decoded_frames: int | None = None
    decode_errors: int = 0
    faststart: bool

    @property
    def is_silent(self) -> bool:
        """Whether nothing can be heard, whatever tracks there are."""
        return not self.has_audio or (self.loudness_lufs is not None and self.loudness_lufs < SILENT_BELOW_LUFS)


class Inspection(BaseModel, frozen=True):
    """What was found in a file. A file without damage has facts.

    `damage` is one sentence of what the data itself shows to be broken. `unchecked` are sentences of what could not be
    looked at, for reasons that are this program's or this machine's and not the file's.
    """

    facts: Facts | None = None
    damage: str | None = None
    unchecked: tuple[str, ...] = ()
    sheet: Path | None = None
    preview: Path | None = None


def by_header(header: Header, reason: str) -> Inspection:
    """Return what the header alone tells of a file that could not be decoded here for `reason`."""
    width, height = max(header.video.sizes, default=(0, 0))
    facts = Facts(
        duration_seconds=round(header.seconds, 3),
        width=width,
        height=height,
        fps=round(header.frames / header.seconds, 3) if header.seconds else 0.0,
        video_codec=", ".join(sorted(header.video.codecs)),
        audio_codec=", ".join(sorted(header.sound.codecs)) if header.sound else None,
        has_audio=header.sound is not None,
        loudness_lufs=None,
        declared_frames=header.frames,
        faststart=header.faststart,
    )
    if header.cut:
        return Inspection(facts=facts, damage=header.cut)
    unchecked = f"{NOT_CHECKED}: {reason}. The file's header shows nothing missing; length and size are what it says."
    return Inspection(facts=facts, unchecked=(unchecked,))


def differences(facts: Facts, ordered: VideoRequest | None) -> list[str]:
    """Say in sentences what is odd about the video; `ordered` is None where nobody knows what was asked for."""
    found = [] if ordered is None else _not_as_ordered(facts, ordered)
    if facts.dark_share is not None and facts.dark_share >= _MOST:
        found.append(f"The picture is black for {facts.dark_share * 100:.0f} % of the time.")
    elif facts.frozen_share is not None and facts.frozen_share >= _MOST:
        found.append(f"The picture stands still for {facts.frozen_share * 100:.0f} % of the time.")
    return found


def _not_as_ordered(facts: Facts, ordered: VideoRequest) -> list[str]:
    """Compare with what was asked for, and with the API's defaults where nothing was."""
    size = f"{facts.width}x{facts.height}"
    resolution, aspect_ratio = ordered.resolution or "1080p", ordered.aspect_ratio or "16:9"
    sound = sound_in_words(facts.loudness_lufs, has_audio=facts.has_audio)
    found: list[str] = []
    # A header may leave length and size out; then they are 0.
    if facts.duration_seconds and abs(facts.duration_seconds - ordered.seconds) > _DURATION_TOLERANCE_SECONDS:
        found.append(f"{_wish(ordered.duration)} {ordered.seconds} s, got {facts.duration_seconds:.2f} s.")
    if not _is_resolution(facts, resolution):
        found.append(f"{_wish(ordered.resolution)} {resolution}, got {size}.")
    if not _is_aspect(facts, aspect_ratio):
        found.append(f"{_wish(ordered.aspect_ratio)} {aspect_ratio}, got {size}.")
    if ordered.with_audio is facts.is_silent:
        found.append(f"{_wish(ordered.generate_audio)} {'sound' if ordered.with_audio else 'no sound'}, got {sound}.")
    return found


def _wish(value: object) -> str:
    return "Expected" if value is None else "Asked for"


def sound_in_words(loudness_lufs: float | None, *, has_audio: bool) -> str:
    """Say what was measured: `sound at −18 LUFS`, a silent track, or no track."""
    if not has_audio:
        return "no sound track"
    if loudness_lufs is None:
        return "sound of unknown loudness"
    if loudness_lufs < SILENT_BELOW_LUFS:
        return "a silent sound track"
    return f"sound at {loudness_lufs:.0f} LUFS".replace("-", "\N{MINUS SIGN}")


def _is_resolution(facts: Facts, resolution: str) -> bool:
    wanted = _SHORT_SIDES.get(resolution)
    return wanted is None or min(facts.width, facts.height) in (0, wanted)


def _is_aspect(facts: Facts, aspect_ratio: str) -> bool:
    across, _, down = aspect_ratio.partition(":")
    if not facts.height or not (across.isdecimal() and down.isdecimal() and int(across) and int(down)):
        return True
    wanted = int(across) / int(down)
    return abs(facts.width / facts.height - wanted) <= wanted * _ASPECT_TOLERANCE

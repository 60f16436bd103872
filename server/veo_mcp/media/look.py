"""What the child does: header, decode pass, pictures, verdict."""

from collections.abc import Callable
from pathlib import Path

from av import VideoFrame

from veo_mcp.media.best_effort import BestEffort
from veo_mcp.media.boxes import Damaged
from veo_mcp.media.decode import UNREADABLE, Decoded, NotDecoded, Viewer, decode
from veo_mcp.media.facts import Facts, Inspection, by_header
from veo_mcp.media.header import Header, open_video, read_header
from veo_mcp.media.pictures import write_whole
from veo_mcp.media.preview import Preview
from veo_mcp.media.sheet import Sheet
from veo_mcp.media.stillness import Stillness

_GIF_FPS = 5
_ROOM_BYTES = 512 << 20
"""More than any video within the limits needs for decoding. Python maps it and writes nothing there."""


def look(path: Path, into: Path | None) -> Inspection:
    """Inspect the file and write the pictures that `into` lacks."""
    return _judged(path, lambda header: _look(path, header, into))


def animate(path: Path, out: Path) -> Inspection:
    """Write a low-resolution GIF; what is in the way stands in the answer."""
    return _judged(path, lambda header: _animate(path, header, out))


def _judged(path: Path, work: Callable[[Header], Inspection]) -> Inspection:
    """Work on a file whose header allows it; return what is in the way as a verdict."""
    try:
        header = read_header(path)
    except Damaged as damage:
        return Inspection(damage=str(damage))
    if header.limit:
        return by_header(header, header.limit)
    try:
        inspection = work(header)
    except Damaged as damage:
        inspection = Inspection(damage=str(damage))
    except NotDecoded as reason:
        return by_header(header, str(reason))
    if inspection.damage and not header.cut:
        bytearray(_ROOM_BYTES)  # MemoryError: libavcodec's H.264 decoder takes a failed allocation for damaged data
    return inspection


def _animate(path: Path, header: Header, out: Path) -> Inspection:
    preview = Preview(header.seconds, fps=_GIF_FPS)
    with open_video(path) as file:
        decode(file, [preview])
    data = preview.gif()
    if data is None:
        return Inspection(damage=UNREADABLE)
    write_whole(data, out)
    return Inspection()


class _Shown:
    """A viewer without which the inspection goes on."""

    def __init__(self, viewer: Viewer, complaint: str, *, wanted: bool = True) -> None:
        self._viewer = viewer
        self.wanted = wanted
        self.effort = BestEffort(complaint)

    def see(self, frame: VideoFrame, at: float) -> None:
        if self.wanted:
            self.effort.run(self._viewer.see, frame, at)


def _look(path: Path, header: Header, into: Path | None) -> Inspection:
    stillness, sheet, preview = Stillness(), Sheet(header.seconds), Preview(header.seconds)
    sheet_file = into / "sheet.jpg" if into else None
    preview_file = into / "preview.webp" if into else None
    judging = _Shown(stillness, "Whether the picture is black or stands still could not be checked")
    drawing = _Shown(sheet, "No contact sheet could be made", wanted=_is_wanted(sheet_file, path))
    moving = _Shown(preview, "No preview could be made", wanted=_is_wanted(preview_file, path))
    with open_video(path) as file:
        decoded = decode(file, [judging, drawing, moving])
    if decoded.frames == 0:
        return Inspection(damage=header.cut or UNREADABLE)
    sheet_file = _finish(sheet_file, drawing, sheet.jpeg)
    preview_file = _finish(preview_file, moving, preview.webp)
    failed = [shown.effort.sentence for shown in (judging, drawing, moving) if shown.effort.sentence]
    return Inspection(
        facts=_facts(header, decoded, None if judging.effort.sentence else stillness),
        damage=_damage(header, decoded),
        unchecked=(*decoded.unchecked, *failed),
        sheet=sheet_file,
        preview=preview_file,
    )


def _is_wanted(picture: Path | None, video: Path) -> bool:
    """Say whether the picture is still to be made: it is not there, or older than the video."""
    if picture is None:
        return False
    try:
        return picture.stat().st_mtime_ns <= video.stat().st_mtime_ns
    except OSError:
        return True


def _finish(target: Path | None, shown: _Shown, encode: Callable[[], bytes | None]) -> Path | None:
    """Write the picture and return its path; a folder that cannot be written costs the picture and nothing else."""
    if target is None or not shown.wanted:
        return target

    def write() -> Path | None:
        data = encode()
        if data is None:
            return None
        write_whole(data, target)
        return target

    return shown.effort.run(write)


def _facts(header: Header, decoded: Decoded, stillness: Stillness | None) -> Facts:
    loudness = decoded.loudness_lufs
    return Facts(
        duration_seconds=round(decoded.seconds, 3),
        width=decoded.width,
        height=decoded.height,
        fps=round(decoded.fps, 3),
        video_codec=decoded.video_codec,
        audio_codec=decoded.audio_codec,
        has_audio=decoded.has_audio,
        loudness_lufs=None if loudness is None else round(loudness, 1),
        dark_share=stillness.dark_share() if stillness else None,
        frozen_share=stillness.frozen_share() if stillness else None,
        declared_frames=header.frames,
        decoded_frames=decoded.frames,
        decode_errors=decoded.errors,
        faststart=header.faststart,
    )


def _damage(header: Header, decoded: Decoded) -> str | None:
    got = f"{decoded.frames} of {header.frames} frames could be decoded"
    if header.cut:
        return f"the file is cut short: {got}"
    if decoded.errors:
        return f"the file is damaged: {decoded.errors} {'error' if decoded.errors == 1 else 'errors'}, {got}"
    # Encoders and edit lists may hide a single frame; a second one is missing.
    if decoded.frames < header.frames - 1:
        return f"the file is damaged: {got}"
    return None

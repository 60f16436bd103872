"""What the child does: header, decode pass, pictures, verdict."""

import logging
from pathlib import Path

import av.error

from veo_mcp.media.boxes import Damaged
from veo_mcp.media.decode import UNREADABLE, Decoded, Viewer, decode
from veo_mcp.media.facts import Facts, Inspection
from veo_mcp.media.header import Header, open_video, read_header
from veo_mcp.media.pictures import write_whole
from veo_mcp.media.preview import Preview
from veo_mcp.media.sheet import Sheet
from veo_mcp.media.stillness import Stillness

logger = logging.getLogger(__name__)
_GIF_FPS = 5
_MEMORY = "the file needs more memory than a video of its size may take"


def look(path: Path, into: Path | None) -> Inspection:
    """Inspect the file and write the pictures that `into` lacks."""
    try:
        return _look(path, into)
    except Damaged as damage:
        return Inspection(damage=str(damage))
    except MemoryError:
        return Inspection(damage=_MEMORY)
    except av.error.FFmpegError:
        return Inspection(damage=UNREADABLE)


def animate(path: Path, out: Path) -> str | None:
    """Write a low-resolution GIF; return the damage sentence if there is nothing to show."""
    try:
        preview = Preview(read_header(path).seconds, fps=_GIF_FPS)
        with open_video(path) as file:
            decode(file, [preview])
        data = preview.gif()
    except Damaged as damage:
        return str(damage)
    except MemoryError:
        return _MEMORY
    except av.error.FFmpegError:
        return UNREADABLE
    if data is None:
        return UNREADABLE
    write_whole(data, out)
    return None


def _look(path: Path, into: Path | None) -> Inspection:
    header = read_header(path)
    stillness, sheet, preview = Stillness(), Sheet(header.seconds), Preview(header.seconds)
    sheet_file = into / "sheet.jpg" if into else None
    preview_file = into / "preview.webp" if into else None
    viewers: list[Viewer] = [stillness]
    if sheet_file and not _is_newer(sheet_file, path):
        viewers.append(sheet)
    if preview_file and not _is_newer(preview_file, path):
        viewers.append(preview)
    with open_video(path) as file:
        decoded = decode(file, viewers)
    if decoded.frames == 0:
        return Inspection(damage=header.cut or UNREADABLE)
    return Inspection(
        facts=_facts(header, decoded, stillness),
        damage=_damage(header, decoded),
        sheet=_written(sheet_file, sheet.jpeg()),
        preview=_written(preview_file, preview.webp()),
    )


def _is_newer(picture: Path, video: Path) -> bool:
    return picture.is_file() and picture.stat().st_mtime_ns > video.stat().st_mtime_ns


def _written(target: Path | None, data: bytes | None) -> Path | None:
    """Return the picture's path; a full disk costs the picture, not the verdict on the video."""
    if target is None or data is None:
        return target
    try:
        write_whole(data, target)
    except OSError as error:
        logger.warning("%s could not be written: %s", target.name, error)
        return None
    return target


def _facts(header: Header, decoded: Decoded, stillness: Stillness) -> Facts:
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
        dark_share=stillness.dark_share(),
        frozen_share=stillness.frozen_share(),
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

"""One track of an mp4's index: its kind, codec, size, duration and sample tables."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from veo_mcp.media.boxes import Damaged, boxes, number, numbers

_CONTAINERS = {b"mdia", b"minf", b"dinf", b"stbl"}
_ENTRY_BYTES = {b"stts": 8, b"ctts": 8, b"stsc": 12, b"stss": 4, b"stco": 4, b"co64": 8}


@dataclass(slots=True, kw_only=True)
class Track:
    number: int = 0
    kind: str = ""
    codecs: set[str] = field(default_factory=set[str])
    sizes: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """Every width and height that is declared: the track's own and those of its sample descriptions."""
    seconds: float = 0.0
    samples: int = 0
    media_bytes: int = 0
    last_chunk: int = 0
    """Where the last chunk of media begins in the file."""
    is_external: bool = False


def read_track(data: memoryview) -> Track:
    """Read a `trak` box."""
    track = Track()
    for kind, part in _flat(data):
        _read_part(track, kind, part)
    return track


def read_fragment(data: memoryview, wanted: int) -> int:
    """Count the samples that a `moof` box adds to the track numbered `wanted`."""
    count = 0
    for kind, fragment in boxes(data):
        parts = list(boxes(fragment)) if kind == b"traf" else []
        if any(name == b"tfhd" and number(part, 4) == wanted for name, part in parts):
            count += sum(number(part, 4) for name, part in parts if name == b"trun")
    return count


def _flat(data: memoryview, depth: int = 0) -> Iterable[tuple[bytes, memoryview]]:
    for kind, part in boxes(data):
        if kind in _CONTAINERS and depth < len(_CONTAINERS):
            yield from _flat(part, depth + 1)
        else:
            yield kind, part


def _read_part(track: Track, kind: bytes, part: memoryview) -> None:
    if kind == b"tkhd":
        track.number = number(part, 20 if number(part, 0, 1) else 12)
        track.sizes.append((number(part, len(part) - 8) >> 16, number(part, len(part) - 4) >> 16))
    elif kind == b"mdhd":
        track.seconds = _seconds(part)
    elif kind == b"hdlr" and not track.kind:
        track.kind = bytes(part[8:12]).decode("latin-1")
    elif kind == b"dref":
        track.is_external |= any(number(entry, 0) & 1 == 0 for _, entry in boxes(part[8:]))
    elif kind == b"stsd":
        _read_descriptions(track, part)
    elif kind == b"stsz":
        _read_sizes(track, part)
    elif kind == b"stz2":
        track.samples = number(part, 8)
    elif kind in _ENTRY_BYTES:
        _read_table(track, kind, part)


def _seconds(part: memoryview) -> float:
    long = number(part, 0, 1) == 1
    scale, length = (number(part, 20), number(part, 24, 8)) if long else (number(part, 12), number(part, 16))
    return length / scale if scale else 0.0


def _read_descriptions(track: Track, part: memoryview) -> None:
    for codec, entry in boxes(part[8:]):
        track.codecs.add(codec.decode("latin-1"))
        if track.kind == "vide":
            track.sizes.append((number(entry, 24, 2), number(entry, 26, 2)))


def _read_sizes(track: Track, part: memoryview) -> None:
    each, track.samples = number(part, 4), number(part, 8)
    if each:
        track.media_bytes = each * track.samples
        return
    _check_room(track.samples, 4, len(part) - 12)
    track.media_bytes = sum(numbers(part[12:], track.samples, 4))


def _read_table(track: Track, kind: bytes, part: memoryview) -> None:
    count, width = number(part, 4), _ENTRY_BYTES[kind]
    _check_room(count, width, len(part) - 8)
    if count and kind in {b"stco", b"co64"}:
        track.last_chunk = max(numbers(part[8:], count, width))


def _check_room(count: int, width: int, room: int) -> None:
    if count * width > room:
        raise Damaged(f"the file is damaged: its index declares {count} entries where {max(room, 0) // width} fit")

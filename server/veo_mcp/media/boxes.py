"""The boxes that an mp4 is made of (ISO/IEC 14496-12), read without trusting a single length."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_MOST_BOXES = 10_000


class Damaged(ValueError):
    """The data itself is broken; the message is the sentence for the reader."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A box in the file; `end` may lie past the end of a file that was cut."""

    kind: bytes
    start: int
    end: int


def boxes_in_file(file: BinaryIO, file_bytes: int) -> Iterator[Box]:
    """Walk the outermost boxes; trailing bytes that form no box end the walk."""
    offset = 0
    for _ in range(_MOST_BOXES):
        file.seek(offset)
        head = _head(file.read(16), file_bytes - offset)
        if head is None:
            return
        kind, header_bytes, length = head
        yield Box(kind=kind, start=offset + header_bytes, end=offset + length)
        offset += length
    raise Damaged("the file is damaged: it is split into too many parts")


def boxes(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Walk the boxes inside one that was read whole."""
    offset = 0
    for _ in range(_MOST_BOXES):
        head = _head(bytes(data[offset : offset + 16]), len(data) - offset)
        if head is None:
            return
        kind, header_bytes, length = head
        if offset + length > len(data):
            raise Damaged("the file is damaged: a part of its index is longer than the index")
        yield kind, data[offset + header_bytes : offset + length]
        offset += length
    raise Damaged("the file is damaged: its index is split into too many parts")


def number(data: memoryview, offset: int, width: int = 4) -> int:
    """Read a big-endian integer of `width` bytes."""
    field = data[offset : offset + width]
    if len(field) < width:
        raise Damaged("the file is damaged: a part of its index is too short")
    return int.from_bytes(field, "big")


def numbers(data: memoryview, count: int, width: int) -> tuple[int, ...]:
    """Read `count` big-endian integers of 4 or 8 bytes."""
    return struct.unpack_from(f">{count}{'I' if width == 4 else 'Q'}", data)


def _head(head: bytes, left: int) -> tuple[bytes, int, int] | None:
    if len(head) < 8:
        return None
    length, kind, header_bytes = int.from_bytes(head[:4], "big"), head[4:8], 8
    if length == 0:  # reaches to the end
        length = left
    elif length == 1:
        length, header_bytes = int.from_bytes(head[8:16], "big"), 16
    return (kind, header_bytes, length) if length >= header_bytes else None

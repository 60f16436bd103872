"""What is written over the picture: the badge, the prompt in beats, the time."""

import re
from collections.abc import Iterable
from itertools import pairwise

from veo_mcp.sandbox.render.layers import Sharp
from veo_mcp.sandbox.render.lettering import Face, ground, legible, plate
from veo_mcp.sandbox.render.picture import Patch, Picture
from veo_mcp.sandbox.render.shot import FPS
from veo_mcp.sandbox.render.stage import Stage

BADGE = "SANDBOX PREVIEW"
_BADGE_NOTE = "  ·  local animatic, not a Veo render"

_BEAT_SECONDS = 1.6
_BEAT_LENGTH = 120
_LINE_LENGTH = 48
_CARD_LENGTH = 100
_SCRAP_LENGTH = 18
_BEAT_LINES = 3
_TITLE_LINES = 5
_WIDEST = 0.85
_FADE_SECONDS = 0.25
_CLAUSE_END = re.compile(r"(?<=[.;:!?,])\s+|(?<=[。，、！？；])|\s+(?=[—–])")


def margin(stage: Stage) -> int:
    return int(stage.unit * 0.045) & ~1


def beats(text: str, seconds: float, target: float = _LINE_LENGTH) -> list[str]:
    """Cut the prompt into what can be read one after the other; what is too much ends in an ellipsis.

    Clauses share a beat up to `target` characters.
    """
    most = max(1, int(seconds / _BEAT_SECONDS))
    target = min(_BEAT_LENGTH, max(target, len(text) / most))
    merged = [""]
    for clause in _clauses(text[: _BEAT_LENGTH * (most + 1)]):
        joined = f"{merged[-1]} {clause}".strip()
        if len(joined) <= (_BEAT_LENGTH if len(clause) < _SCRAP_LENGTH else target):
            merged[-1] = joined
        else:
            merged.append(clause)
    found = [beat for beat in merged if beat]
    is_cut = len(found) > most or len(text) > _BEAT_LENGTH * (most + 1)
    shown = found[:most]
    return [*shown[:-1], shown[-1].rstrip(" .,;:") + " …"] if is_cut else shown


def _clauses(text: str) -> Iterable[str]:
    for clause in _CLAUSE_END.split(text):
        words = clause.split()
        piece = ""
        for word in words:
            if piece and len(piece) + len(word) >= _BEAT_LENGTH:
                yield piece
                piece = ""
            piece = f"{piece} {word}".strip()
        if piece:
            yield piece


class Badge(Sharp):
    """Says what this is, in every frame."""

    def __init__(self, stage: Stage) -> None:
        self._margin = margin(stage)
        face = Face(int(stage.unit * 0.021), "SemiBold")
        self.patch = plate([BADGE + _BADGE_NOTE], face, padding=int(stage.unit * 0.014), boxed=True)

    def draw(self, picture: Picture, t: float) -> None:  # noqa: ARG002
        picture.lay(self.patch, self._margin, self._margin)


class Subtitles(Sharp):
    """The prompt, beat by beat: a line at the foot, or where no place is drawn the large type of a title card."""

    def __init__(self, stage: Stage) -> None:
        self._margin = margin(stage)
        self._is_title = stage.placeless
        seconds = stage.shot.duration
        texts = beats(legible(stage.text), seconds, _CARD_LENGTH if self._is_title else _LINE_LENGTH)
        face = _face(stage)
        self._padding = int(face.size * 0.5) & ~1
        room = stage.width * _WIDEST if stage.is_wide else stage.width - 2 * (self._margin + self._padding)
        most = _TITLE_LINES if self._is_title else _BEAT_LINES
        self._plates = [
            plate(_lines(text, face, room, most), face, padding=self._padding, boxed=not self._is_title)
            for text in texts
        ]
        weights = [len(text) + 16 for text in texts]
        cuts = [seconds * sum(weights[:i]) / sum(weights) for i in range(len(weights) + 1)] if weights else []
        self._spans = list(pairwise(cuts))

    def draw(self, picture: Picture, t: float) -> None:
        for patch, (start, end) in zip(self._plates, self._spans, strict=True):
            if start <= t < end:
                is_last = (start, end) == self._spans[-1]
                rise = min(1.0, (t - start + 1 / FPS) / _FADE_SECONDS)
                fall = 1.0 if is_last else min(1.0, (end - t) / _FADE_SECONDS)
                self._lay(picture, patch, min(rise, fall))

    def _lay(self, picture: Picture, patch: Patch, opacity: float) -> None:
        if self._is_title:
            picture.lay(patch, self._margin - self._padding, (picture.height - patch.height) // 2, opacity)
        else:
            picture.lay(patch, self._margin, picture.height - self._margin - patch.height, opacity)


def _face(stage: Stage) -> Face:
    if stage.placeless:
        return Face(int(stage.unit * (0.066 if stage.is_wide else 0.062)), "SemiBold")
    return Face(int(stage.unit * (0.036 if stage.is_wide else 0.042)))


def _lines(text: str, face: Face, width: float, most: int) -> list[str]:
    lines = face.wrap(text, width)
    while len(balanced := face.wrap(text, width * 0.95)) == len(lines) > 1 and width > face.size:
        lines, width = balanced, width * 0.95
    return lines if len(lines) <= most else [*lines[: most - 1], lines[most - 1].rstrip() + " …"]


class Timecode(Sharp):
    """Seconds and frames in the corner, each digit in a cell of its own so that nothing jitters."""

    def __init__(self, stage: Stage) -> None:
        face, padding = Face(int(stage.unit * 0.021)), int(stage.unit * 0.014)
        self._cells = {char: plate([char], face, padding=2) for char in "0123456789:/ "}
        self._advance = int(max(face.width(digit) for digit in "0123456789")) + 1
        self._end = f"{stage.shot.duration:02d}:00"
        self._box = ground(
            (self._advance * len(self._text(0)) + 2 * padding, int(face.size * 1.3) + 2 * padding), padding
        )
        self._at = stage.width - margin(stage) - self._box.width, margin(stage)
        self._padding = padding

    def _text(self, frame: int) -> str:
        return f"{frame // FPS:02d}:{frame % FPS:02d} / {self._end}"

    def draw(self, picture: Picture, t: float) -> None:
        x, y = self._at
        picture.lay(self._box, x, y)
        x += self._padding
        for char in self._text(round(t * FPS)):
            cell = self._cells[char]
            picture.lay(cell, x + (self._advance - cell.width) // 2 + 1, y + self._padding - 2)
            x += self._advance


class Progress(Sharp):
    """A thin line along the lower edge."""

    def __init__(self, stage: Stage) -> None:
        self._frames = stage.shot.frames
        self._thickness = max(4, stage.unit // 240)

    def draw(self, picture: Picture, t: float) -> None:
        done = round(picture.width * (round(t * FPS) + 1) / self._frames)
        line = picture.luma[-self._thickness :, :done]
        line[:] = (line.astype("uint16") + 3 * 200) // 4


def titles(stage: Stage) -> list[Sharp]:
    return [Progress(stage), Timecode(stage), Subtitles(stage), Badge(stage)]

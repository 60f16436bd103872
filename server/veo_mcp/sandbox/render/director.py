"""Decide what is shown: a scene, what stands behind it, the weather, who is in it, the mood."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from veo_mcp.sandbox.render.layers import Depth, Layers
from veo_mcp.sandbox.render.palette import Mood, named_moods, palette_for, without_coats
from veo_mcp.sandbox.render.part import Part, Scene, Subject, Weather
from veo_mcp.sandbox.render.registry import scenes, subjects, weathers
from veo_mcp.sandbox.render.script import heard, is_monochrome, seen, sights
from veo_mcp.sandbox.render.shot import Shot
from veo_mcp.sandbox.render.sky import Vignette, sky
from veo_mcp.sandbox.render.stage import Stage
from veo_mcp.sandbox.render.words import count, names, spell_out

_FAST = "fast, rush*, quick*, racing, chase, speed*, sprint*, flying, hyperlapse, timelapse"
_SLOW = "slow*, calm, gentle, serene, peaceful, quiet, still, tranquil"
_LEFT = "left, leftward*, from the right"
_MOST_SUBJECTS = 3
_NOWHERE = "lights"
_NOT_IN_DUST = Mood.STORM, Mood.NEON

P = TypeVar("P", bound=Part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Production:
    """All that is in one shot."""

    stage: Stage
    scene: Scene
    behind: tuple[Scene, ...]
    weather: tuple[Weather, ...]
    subjects: tuple[Subject, ...]
    offstage: tuple[Part, ...] = ()
    """What only the sound directions name: heard and not seen."""

    @property
    def parts(self) -> Sequence[Part]:
        """What is there to be heard; the loudest first."""
        return (*self._shown, *self.offstage)

    @property
    def _shown(self) -> Sequence[Part]:
        return (self.scene, *self.weather, *self.subjects)

    def layers(self) -> Layers:
        """From the back to the front."""
        return sorted(self._layers(), key=lambda layer: layer[0])

    def _layers(self) -> Layers:
        if self.scene.horizon < 1:
            yield from sky(self.stage)
        for scene in self.behind:
            yield from scene.backdrop(self.stage)
        for part in self._shown:
            yield from part.layers(self.stage)
        yield Depth.LENS, Vignette(self.stage)


def direct(shot: Shot) -> Production:
    """Read the prompt, minus what the negative prompt names."""
    text, unwanted = sights(seen(shot.prompt)), spell_out(shot.negative_prompt or "")
    places = _places(text, unwanted)
    scene = places[0]
    stage = _stage(shot, text, unwanted, scene)
    signs = frozenset({scene.name, stage.mood})
    weather = () if scene.closed else tuple(_wanted(weathers(), text, unwanted, signs))
    cast = [subject for subject in _wanted(subjects(), text, unwanted, signs) if subject.place in scene.offers]
    cast = sorted(cast, key=lambda subject: -count(subject.words, text))[:_MOST_SUBJECTS]
    shown = scene, *weather, *cast
    return Production(
        stage=_dressed(stage, shown, text),
        scene=scene,
        behind=tuple(places[1:]) if scene.horizon < 1 else (),
        weather=weather,
        subjects=tuple(cast),
        offstage=tuple(
            part for part in _wanted((*weathers(), *subjects()), heard(shot.prompt), unwanted) if part not in shown
        ),
    )


def _dressed(stage: Stage, shown: Sequence[Part], text: str) -> Stage:
    """The stage in the light that goes with what is shown on it."""
    for subject in subjects():
        text = without_coats(subject.words, text)
    palette = palette_for(stage.mood, text)
    parts = frozenset(part.name for part in shown)
    is_overcast = "rain" in parts and stage.mood is not Mood.STORM
    return replace(stage, parts=parts, palette=palette.overcast() if is_overcast else palette)


def _wanted(parts: Iterable[P], text: str, unwanted: str, signs: frozenset[str] = frozenset()) -> list[P]:
    return [
        part
        for part in parts
        if (names(part.words, text) or not signs.isdisjoint(part.implied_by))
        and not names(part.words, unwanted)
        and not names(part.never_in, text)
    ]


def _places(text: str, unwanted: str) -> list[Scene]:
    """The scenes that the text names, the one in front first: outdoors the one with room for most of the cast."""
    allowed = [scene for scene in scenes() if not names(scene.words, unwanted)]
    counts = {scene.name: count(scene.words, text) + count(scene.hints, text) for scene in allowed}
    found = [scene for scene in allowed if counts[scene.name]]
    cast = _wanted(subjects(), text, unwanted)
    homes = {part.home for part in (*cast, *_wanted(weathers(), text, unwanted))}
    found = found or [scene for scene in allowed if scene.name in homes]
    ranked = sorted(found, key=lambda scene: (-counts[scene.name], -scene.rank))
    if ranked and not ranked[0].closed:
        ranked.sort(key=lambda scene: 0 if scene.closed else -sum(one.place in scene.offers for one in cast))
    return ranked or [scene for scene in scenes() if scene.name == _NOWHERE]


def _stage(shot: Shot, text: str, unwanted: str, scene: Scene) -> Stage:
    draft = Stage(
        shot=shot,
        text=seen(shot.prompt),
        named=text,
        palette=palette_for(scene.moods[0], text),
        mood=scene.moods[0],
        parts=frozenset(),
        horizon=scene.horizon,
        floor=scene.floor,
        pace=1.8 if names(_FAST, text) else 0.6 if names(_SLOW, text) else 1.0,
        heading=-1 if names(_LEFT, text) else 1,
        placeless=scene.name == _NOWHERE,
        monochrome=is_monochrome(text) and not is_monochrome(unwanted),
    )
    return replace(draft, mood=_mood(draft, scene, unwanted))


def _mood(stage: Stage, scene: Scene, unwanted: str) -> Mood:
    if scene.fixed_mood:
        return scene.moods[0]
    dropped = {*named_moods(unwanted), *(_NOT_IN_DUST if stage.says("duststorm*") else ())}
    named = [mood for mood in named_moods(stage.named) if mood not in dropped]
    usual = [mood for mood in scene.moods if mood not in dropped] or [Mood.DAY]
    return named[0] if named else usual[int(stage.dice("mood").integers(len(usual)))]

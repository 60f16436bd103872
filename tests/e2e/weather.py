"""How often each trouble is met in a storm, by the throw of seeded dice."""

import random
from dataclasses import dataclass, field

import hostile_answers as hostile
from hostile_answers import Trouble
from paid_service import Stage

CHANCES: dict[Stage, dict[Trouble, float]] = {
    "arrived": {**dict.fromkeys(hostile.BUSY, 0.05), "cut": 0.01, "reset": 0.02},
    "charged": {
        **dict.fromkeys(hostile.FOREIGN, 0.012),
        **dict.fromkeys(hostile.BROKEN, 0.012),
        "bad header": 0.03, "charset": 0.03, "late": 0.01, "price": 0.02, "same id": 0.005,
    },
    "polled": {
        **dict.fromkeys(hostile.POLLS, 0.07),
        "brackets": 0.02, "cut": 0.07, "reset": 0.06, "idle": 0.08, "error": 0.03, "failed": 0.03, "outage": 0.01,
        "429 wait": 0.01, "503 wait": 0.01,
    },
    "downloading": dict.fromkeys(hostile.DOWNLOADS, 0.08),
    "half": {"cut": 0.2, "slow": 0.05},
}  # fmt: skip

FINAL_WORDS = frozenset({"error", "failed"})


@dataclass
class Weather:
    """A storm's answers, until it is `over`. A wrong failure is said once of a prompt: said often, it is believed."""

    dice: random.Random
    without: frozenset[str] = frozenset()
    over: bool = False
    busy: set[str] = field(default_factory=set[str])
    _failed: set[str] = field(default_factory=set[str])

    def __call__(self, stage: Stage, prompt: str) -> Trouble | None:
        fate = self.dice.random()
        for trouble, chance in CHANCES[stage].items() if not self.over else ():
            if fate < chance:
                return None if f"{stage}: {trouble}" in self.without else self._met(trouble, prompt)
            fate -= chance
        return None

    def _met(self, trouble: Trouble, prompt: str) -> Trouble | None:
        if trouble in FINAL_WORDS:
            if prompt in self._failed:
                return None
            self._failed.add(prompt)
        if trouble in hostile.BUSY:
            self.busy.add(prompt)
        return trouble

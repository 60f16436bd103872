"""Work that a video can do without: when it fails, the rest goes on and the failure is told."""

import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger(__name__)


class BestEffort:
    """Does its work until that fails once; `sentence` says what is missing from then on."""

    def __init__(self, complaint: str) -> None:
        self._complaint = complaint
        self.sentence: str | None = None

    def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """Return what `work` returns, or None if it fails now or has failed before."""
        if self.sentence is not None:
            return None
        try:
            return work(*args, **kwargs)
        except MemoryError:
            raise
        except Exception as error:
            logger.exception(self._complaint)
            self.sentence = f"{self._complaint} ({type(error).__name__}: {error})."
            return None

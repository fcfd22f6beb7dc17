"""What a feed meets that it does not understand: counted, and logged once per kind."""

from __future__ import annotations

import logging
from collections import Counter

from attrs import define, field

log = logging.getLogger(__name__)
SHOWN = 200  # characters of what was met
KINDS = 50


@define(eq=False)
class Oddities:
    counts: Counter[str] = field(factory=Counter, init=False)

    def note(self, kind: str, what: str, error: BaseException | None = None) -> None:
        """`what` is shown at the first of its kind, and `error` with its traceback."""
        if kind not in self.counts and len(self.counts) >= KINDS:
            kind = "further things of other kinds"
        self.counts[kind] += 1
        if self.counts[kind] == 1:
            log.warning("the stream has %s: %.*s (said once, counted from now on)", kind, SHOWN, what, exc_info=error)

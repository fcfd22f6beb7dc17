"""Which updates no event has brought: found in the ids of what is about to be stored, and told to the ledger."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

import numpy as np
from attrs import define, field

from bcore.records import Finding
from bcore.spans import Spans

MOST = 64  # runs of missing ids that are watched for late events
UNWATCHED = "nobody was recording, and no exchange shows the changes of the past"
LEFT_OUT = "the stream did not bring them, and no exchange shows the changes of the past"
LATE = "they came late"


@define(eq=False)
class Lacking:
    """`reached` is the highest u that is stored or on its way; None where nothing is. `reason` is why the next hole."""

    reached: int | None = None
    reason: str = UNWATCHED
    _open: Spans = field(factory=Spans, init=False)

    def take(self, firsts: array[int], lasts: array[int]) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
        """U and u of events in the order in which they came: what is missing from now on, and what is no longer."""
        if not firsts:
            return (), ()
        begins, ends = np.frombuffer(firsts, np.int64), np.frombuffer(lasts, np.int64)
        before = np.maximum.accumulate(np.append(begins[0] - 1 if self.reached is None else self.reached, ends))
        places = np.flatnonzero(begins > before[:-1] + 1)
        late = np.flatnonzero(ends < before[:-1])
        holes = Spans.of((int(before[each]) + 1, int(begins[each]) - 1) for each in places)
        came = Spans.of((int(begins[each]), int(ends[each])) for each in late)
        missing = tuple(self._findings(holes.subtract(came)))
        filled = self._open.subtract(self._open.subtract(came))
        self._open = Spans(self._open.subtract(came).add(holes.subtract(came)).runs[-MOST:])
        self.reached, self.reason = int(before[-1]), LEFT_OUT
        return missing, tuple(Finding(*each, "filled", LATE) for each in filled)

    def _findings(self, missing: Spans) -> Iterator[Finding]:
        for first, last in missing:
            yield Finding(first, last, "unfillable", self.reason)
            self.reason = LEFT_OUT

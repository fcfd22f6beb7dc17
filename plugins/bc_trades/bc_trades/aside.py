"""Badly formed records come again whenever they are asked for again: each is put aside once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import define, evolve, field

from bcore.records import Rejected

REMEMBERED = 1000


@define
class Aside:
    """Knows the badly formed records of one symbol that were put aside lately."""

    _known: dict[str, None] = field(factory=dict, init=False)

    def fresh(self, rejected: Iterable[Rejected]) -> tuple[Rejected, ...]:
        """Without those that are known."""
        return tuple(self._unknown(rejected))

    def _unknown(self, rejected: Iterable[Rejected]) -> Iterator[Rejected]:
        for each in rejected:
            rows = [row for row in each.rows if row not in self._known]
            self._known.update(dict.fromkeys(rows))
            while len(self._known) > REMEMBERED:
                del self._known[next(iter(self._known))]
            if rows:
                yield evolve(each, rows=rows)

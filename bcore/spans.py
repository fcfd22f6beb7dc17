"""Spans: which values of a sequence are held, as sorted unbroken runs. What lies between two runs is a gap."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    import pyarrow as pa

Span = tuple[int, int]


def _merged(runs: Iterable[Span]) -> Iterator[Span]:
    current: Span | None = None
    for first, last in sorted(runs):
        if first > last:
            raise ValueError(f"a span's first id {first} is above its last {last}")
        if current is None:
            current = (first, last)
        elif first <= current[1] + 1:
            current = (current[0], max(current[1], last))
        else:
            yield current
            current = (first, last)
    if current is not None:
        yield current


@frozen
class Spans:
    """Immutable set of ids as runs `(first, last)`, both inclusive, sorted, disjoint and not touching."""

    runs: tuple[Span, ...] = ()

    @classmethod
    def of(cls, runs: Iterable[Span]) -> Spans:
        """Any runs, in any order, overlapping or touching."""
        return cls(tuple(_merged(runs)))

    @classmethod
    def from_ids(cls, ids: pa.ChunkedArray | pa.Array) -> Spans:
        """The runs in an int64 column sorted ascending; repeated ids are fine."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if len(ids) == 0:
            return cls()
        column = ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids
        breaks = pc.greater(pc.subtract(column[1:], column[:-1]), 1)
        ends = pc.indices_nonzero(breaks).to_pylist()
        starts = [0, *(end + 1 for end in ends)]
        lasts = [*ends, len(column) - 1]
        return cls(tuple((column[a].as_py(), column[b].as_py()) for a, b in zip(starts, lasts, strict=True)))

    def __len__(self) -> int:
        """How many ids are held."""
        return sum(last - first + 1 for first, last in self.runs)

    def __bool__(self) -> bool:
        return bool(self.runs)

    def __iter__(self) -> Iterator[Span]:
        return iter(self.runs)

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, int):
            return False
        index = bisect_right(self.runs, (value, float("inf"))) - 1
        return index >= 0 and self.runs[index][0] <= value <= self.runs[index][1]

    @property
    def first(self) -> int | None:
        return self.runs[0][0] if self.runs else None

    @property
    def last(self) -> int | None:
        return self.runs[-1][1] if self.runs else None

    def add(self, other: Spans) -> Spans:
        """The ids held by either."""
        return Spans.of((*self.runs, *other.runs))

    def subtract(self, other: Spans) -> Spans:
        """The ids held here and not by `other`."""
        return Spans(tuple(piece for run in self.runs for piece in other.missing(*run)))

    def gaps(self) -> Spans:
        """The ids between the first and the last that are not held."""
        return Spans(tuple((a[1] + 1, b[0] - 1) for a, b in zip(self.runs, self.runs[1:], strict=False)))

    def missing(self, first: int, last: int) -> Iterator[Span]:
        """The runs within [first, last] that are not held."""
        index = max(bisect_right(self.runs, (first, float("inf"))) - 1, 0)
        for held_first, held_last in self.runs[index:]:
            if held_first > last:
                break
            if held_first > first:
                yield (first, held_first - 1)
            first = max(first, held_last + 1)
        if first <= last:
            yield (first, last)

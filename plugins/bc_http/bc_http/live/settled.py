"""Computed views for whoever wants each row once: those that can no longer change."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from bc_http.live.feeds import Feed, Page, Shape
from bcore.errors import RequestError
from bcore.settling import Settling


@frozen
class Settled(Feed[int]):
    """A position is the time up to which all rows have been told."""

    settling: Settling
    shape: Shape

    def present(self) -> int:
        until = self.settling.until()
        return -1 if until is None else until

    def newest(self, position: int) -> int:
        return position

    def parsed(self, cursor: str) -> int:
        if not cursor.removeprefix("-").isdigit() or len(cursor) > 17:
            raise RequestError(f"after_id must be the last cursor that was sent, not {cursor[:100]!r}")
        return int(cursor)

    def cursor(self, position: int) -> str:
        return str(position)

    def look(self, position: int) -> int:
        return max(position, self.present())

    def pages(self, begin: int, end: int) -> Iterator[Page[int]]:
        held: Page[int] | None = None
        before = begin
        for table in self.settling.rows(begin, end):
            for batch in table.combine_chunks().to_batches(self.shape.page):
                if held is not None:
                    yield held
                held = Page(self.shape.listed(batch), before)  # the rows of one time may stand on several pages
            before = self.settling.last(table)
            if held is not None:
                held = Page(held.rows, before)
        if held is not None:
            yield Page(held.rows, end)

    def joined(self, position: int, begin: int) -> int:
        return position

    def beyond(self, one: int, other: int) -> bool:
        return one > other

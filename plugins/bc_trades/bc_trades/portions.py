"""What a back-fill fetches: bulk files, and for what they do not have, ids over REST (protocol sections 8 and 10)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from attrs import define, evolve, frozen

from bc_binance.bulk_files import BulkFile
from bc_trades.contents import BULK
from bc_trades.landmarks import Landmarks
from bc_trades.past import Bulk
from bc_trades.venue import Usual
from bcore.records import Origin
from bcore.spans import Span, Spans

log = logging.getLogger(__name__)
AGG_TRADES = "aggTrades"
ZIPPED = 16  # bytes that a row takes in a zip, about
PAGE = 1000
MOST_IDS = 100_000  # of a portion over REST


@frozen
class FilePortion:
    """A bulk file. `head` and `tail` are ids that it must reach to, where nothing else shows that it is cut short.

    `before`: everything of it is held that REST has, which does not go back to where it begins.
    """

    symbol: str
    file: BulkFile
    head: int | None = None
    tail: int | None = None
    before: bool = False

    @property
    def summary(self) -> str:
        return self.file.name + (", for what was before the rows that are held" if self.before else "")

    @property
    def bytes(self) -> int:
        return self.file.size

    @property
    def rows(self) -> int:
        return max(self.file.size // ZIPPED, 1)

    @property
    def weight(self) -> int:
        return 0


@frozen
class IdsPortion:
    """Ids that no bulk file has, of the time `when`."""

    symbol: str
    first: int
    last: int
    when: str
    page_weight: int = Usual().trades_weight

    @property
    def summary(self) -> str:
        return f"ids {self.first}..{self.last} over REST ({self.when})"

    @property
    def bytes(self) -> int:
        return 0

    @property
    def rows(self) -> int:
        return self.last - self.first + 1

    @property
    def weight(self) -> int:
        return self.page_weight * -(-self.rows // PAGE)


TradesPortion = FilePortion | IdsPortion


def file_of(origin: Origin, symbol: str, bulk: Bulk | None) -> BulkFile | None:
    """The bulk file that rows came from; None for what is no bulk file of aggregate trades of this symbol."""
    return bulk.file(AGG_TRADES, symbol, origin.name) if bulk and origin.kind == BULK else None


@define
class Planner:
    """The portions of one symbol in [start, end), int us UTC; `end` is not in the future."""

    symbol: str
    start: int
    end: int
    landmarks: Landmarks
    bulk: Bulk | None = None

    def portions(self, done: Iterable[Origin], held: Spans) -> list[TradesPortion]:
        """Oldest first. `done` are files whose rows are held, `held` all ids that are."""
        files = list(self.bulk.files(AGG_TRADES, self.symbol, self.start, self.end)) if self.bulk else []
        self.landmarks.needed = not files
        stored = _times(file for origin in done if (file := file_of(origin, self.symbol, self.bulk)))
        wanted = [file for file in files if list(stored.missing(*_time(file))) and not self._is_held(file, held)]
        timed: list[tuple[int, TradesPortion]] = [
            (file.start, FilePortion(self.symbol, file, before=self._is_held_as_far_as_rest_goes(file, held)))
            for file in wanted
        ]
        for hole in _times(files).missing(self.start, self.end - 1):
            timed += [(hole[0], portion) for portion in self._between(hole[0], hole[1] + 1, held)]
        timed.sort(key=lambda pair: pair[0])
        return list(self._reaching([portion for _, portion in timed], files, held))

    def _is_held(self, file: BulkFile, held: Spans) -> bool:
        """Whether rows from elsewhere are all that the file can have. Nobody is asked where too few are held at all."""
        if self._too_few(file, held):
            return False
        first, after = self.landmarks.first_from(file.start), self.landmarks.first_from(file.end)
        return first is not None and after is not None and first < after and not list(held.missing(first, after - 1))

    def _is_held_as_far_as_rest_goes(self, file: BulkFile, held: Spans) -> bool:
        """Whether all that REST has of the file's time is held, and only the file can tell what was before."""
        if self._too_few(file, held) or self.landmarks.first_from(file.start) is not None:
            return False
        after, oldest = self.landmarks.first_from(file.end), self.landmarks.oldest()
        return (
            after is not None and oldest is not None and oldest.id < after and not [*held.missing(oldest.id, after - 1)]
        )

    def _too_few(self, file: BulkFile, held: Spans) -> bool:
        return max((last - first for first, last in held), default=0) < file.size // ZIPPED // 4

    def _between(self, start: int, end: int, held: Spans) -> Iterator[IdsPortion]:
        """Of a time that no file has, the ids that are not held; as far as REST goes back."""
        after, first = self.landmarks.first_from(end), self.landmarks.first_from(start)
        if after is not None and first is None and (oldest := self.landmarks.oldest()):
            first = oldest.id
        if after is None or first is None:
            log.warning("%s: neither files nor REST have trades of %s", self.symbol, _when(start, end))
            return
        yield from self._ids(first, after - 1, _when(start, end), held)

    def _ids(self, first: int, last: int, when: str, held: Spans) -> Iterator[IdsPortion]:
        for begin, stop in held.missing(first, last) if first <= last else ():
            for each in range(begin, stop + 1, MOST_IDS):
                yield IdsPortion(self.symbol, each, min(each + MOST_IDS - 1, stop), when, self.landmarks.weight)

    def _reaching(
        self, todo: Sequence[TradesPortion], files: Sequence[BulkFile], held: Spans
    ) -> Iterator[TradesPortion]:
        """Up to both ends of what is published: rows that are missing there leave no gap between others (BPD#354)."""
        if not files:
            yield from todo
            return
        head = self.landmarks.first_from(max(self.start, files[0].start))
        after = self.landmarks.first_from(min(self.end, files[-1].end))
        tail = None if after is None else after - 1
        fetched = {portion.file.key for portion in todo if isinstance(portion, FilePortion)}
        if head is not None and files[0].key not in fetched:
            behind = min((first for first, _ in held if first >= head), default=head)
            yield from () if head in held else self._ids(head, behind - 1, _when(*_ends(files[0])), held)
        for portion in todo:
            yield _with_ends(portion, head, tail, files)
        if tail is not None and files[-1].key not in fetched and tail not in held:
            before = max((last for _, last in held if last <= tail), default=tail)
            yield from self._ids(before + 1, tail, _when(*_ends(files[-1])), held)


def _with_ends(portion: TradesPortion, head: int | None, tail: int | None, files: Sequence[BulkFile]) -> TradesPortion:
    if isinstance(portion, FilePortion) and portion.file == files[0]:
        portion = evolve(portion, head=head)
    if isinstance(portion, FilePortion) and portion.file == files[-1]:
        portion = evolve(portion, tail=tail)
    return portion


def _times(files: Iterable[BulkFile]) -> Spans:
    return Spans.of(_time(file) for file in files)


def _time(file: BulkFile) -> Span:
    """The first and the last us."""
    return file.start, file.end - 1


def _ends(file: BulkFile) -> tuple[int, int]:
    return file.start, file.end


def _when(start: int, end: int) -> str:
    """`2024-05-01`, or `2024-05-01 to 2024-05-03`: the UTC days of [start, end)."""
    days = [datetime.fromtimestamp(at // 1_000_000, UTC).date() for at in (start, end - 1)]
    return " to ".join(f"{day}" for day in dict.fromkeys(days))

"""Which bulk files have given ids: bisected by days, which is what files are named by (protocol section 8)."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define, field

from bc_binance.bulk_files import DAY, BulkFile
from bc_trades.contents import Opener
from bc_trades.portions import AGG_TRADES

LAUNCH = 1_483_228_800_000_000  # 2017-01-01, before any trade


@define
class Search:
    """Looks into about 12 daily files of a symbol with ten years of them; `opener` remembers what it has seen."""

    opener: Opener
    symbol: str
    now: int
    _listed: list[BulkFile] | None = field(default=None, init=False)

    def files(self, first: int) -> Iterator[BulkFile]:
        """Daily files from the one that has the id `first`, or would have it, on; where a day is not there alone, its
        month."""
        if not self._all():
            return
        day, last = self._day_of(first), self._days[1]
        while (file := self._from(day, last)) is not None:
            yield file
            day = file.end // DAY

    @property
    def _days(self) -> tuple[int, int]:
        files = self._all()
        return files[0].start // DAY, (files[-1].end - 1) // DAY

    def _all(self) -> list[BulkFile]:
        """Everything that is published, by month where it is."""
        if self._listed is None:
            self._listed = list(self.opener.bulk.files(AGG_TRADES, self.symbol, LAUNCH, self.now))
        return self._listed

    def _day_of(self, wanted: int) -> int:
        low, high = self._days
        while low < high:
            middle = (low + high + 1) // 2
            file = self._from(middle, high)
            if file is None:
                high = middle - 1
                continue
            ids = self.opener.ids(file, self.symbol)
            if ids is not None and ids[0] <= wanted <= ids[1]:
                return file.start // DAY
            if ids is not None and ids[0] > wanted:
                high = middle - 1
            else:
                low = max(middle, file.start // DAY)
        return low

    def _from(self, day: int, last: int) -> BulkFile | None:
        """The first file that is published for `day` or a later one up to `last`."""
        while day <= last:
            files = self.opener.bulk.files(AGG_TRADES, self.symbol, day * DAY, (day + 1) * DAY)
            if files:
                return files[0]
            later = [file.start // DAY for file in self._all() if file.end > (day + 1) * DAY]
            day = max(day + 1, min(later, default=last + 1))
        return None

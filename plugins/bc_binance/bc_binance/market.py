"""In what Binance's markets differ: paths, weights, sizes, units. Spot's are here; other markets bring their own."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

Steps = tuple[tuple[int, int], ...]  # (up to so many rows, weight), ascending


def weight_of(steps: Steps, rows: int) -> int:
    """What a request for so many rows costs; more than the last step names costs the last."""
    return next((weight for most, weight in steps if rows <= most), steps[-1][1])


@frozen
class Market:
    """`api` is the path of the REST endpoints, `bulk` the folder of the files in the bucket.

    - `microseconds`: whether times can be asked for in us, over REST and streams.
    - `info_by_symbol`: whether `exchangeInfo` can be asked for some symbols only.
    - `trades_tile`: whether the trades of consecutive aggregates tile, so that a hole in them is a lost trade.
    - `levels`: the only sizes in which a book comes, ascending; none: any up to `most_levels`.
    - `depth_speeds`: how often changes of a book come -> what follows `@depth` in the stream's name.
    - `time_weight`, `info_weight`, `trades_weight`: of a request; `book_weights`, `kline_weights` by rows.
    - `elsewhere`: what else can be done where this place is not served (451).
    """

    api: str = "/api/v3"
    bulk: str = "data/spot"
    microseconds: bool = True
    info_by_symbol: bool = True
    trades_tile: bool = True
    levels: tuple[int, ...] = ()
    most_levels: int = 5000
    depth_speeds: Mapping[str, str] = field(factory=lambda: {"100ms": "@100ms", "1000ms": ""}, hash=False)
    time_weight: int = 1
    info_weight: int = 20
    trades_weight: int = 4
    book_weights: Steps = ((100, 5), (500, 25), (1000, 50), (5000, 250))
    kline_weights: Steps = ((1000, 2),)
    elsewhere: str = 'set rest_url = "https://data-api.binance.vision" in the exchange\'s section, or '

    def served_levels(self, wanted: int) -> int:
        """The size to ask for where a book of `wanted` levels is wanted."""
        return next((size for size in self.levels if size >= wanted), min(wanted, self.most_levels))

    def depth_weight(self, levels: int) -> int:
        """What an order book costs (protocol section 3.1)."""
        return weight_of(self.book_weights, self.served_levels(levels))


SPOT = Market()

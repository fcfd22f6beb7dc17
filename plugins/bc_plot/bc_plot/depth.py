"""A book: what lies on either side up to each price."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from attrs import evolve, frozen

from bc_plot.columns import Array, numbers, texts, times
from bc_plot.picture import Picture
from bc_plot.style import DOWN, UP, plain, quiet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NUMBERED = "{side}_{what}_{level}"
BAND, LEVELS = 0.01, 50  # of the mid on either side; wider where so many levels of a side lie further out


@frozen
class Side:
    """Prices, best first, and the sum of the quantities up to each."""

    prices: Array
    sums: Array

    def upto(self, reach: float, mid: float) -> Side:
        """The levels no further from the mid than that."""
        near = np.abs(self.prices - mid) <= reach
        return Side(self.prices[near], self.sums[near])

    def reach(self, levels: int, mid: float) -> float:
        """How far from the mid the best so many levels lie."""
        return float(np.abs(self.prices[:levels][-1] - mid))


@frozen
class Depth(Picture):
    """Both sides of a book at an instant. `source` says where it came from, `within` how much of the price is shown."""

    symbol: str
    source: str
    at: str
    bids: Side
    asks: Side
    within: float | None = None

    @classmethod
    def of_book(cls, table: pa.Table, symbol: str) -> Depth:
        """From rows of the view `book`: a row is a level of a side."""
        side, prices, sizes = texts(table, "side"), numbers(table, "price"), numbers(table, "quantity")
        sides = {name: np.array([each == name for each in side]) for name in ("bid", "ask")}
        bids, asks = (Side(prices[chosen], sizes[chosen].cumsum()) for chosen in sides.values())
        state = texts(table, "state")[0] if "state" in table.column_names else ""
        return cls(symbol, f"rebuilt, {state}", _instant(table), bids, asks)

    @classmethod
    def of_snapshot(cls, table: pa.Table, symbol: str) -> Depth:
        """From one row of the dataset `orderbook`: its levels are columns."""
        bids, asks = (_side(table, side) for side in ("bid", "ask"))
        tick = numbers(table, "tick_size")[0]
        return cls(symbol, f"snapshot in buckets of {tick:g}", _instant(table), bids, asks)

    @property
    def title(self) -> str:
        best = f"{self.bids.prices[0]:,.10g} / {self.asks.prices[0]:,.10g}" if self.whole else "one side is empty"
        return f"{self.symbol} depth · {self.at} UTC · {best} · {self.source}"

    @property
    def whole(self) -> bool:
        return bool(len(self.bids.prices) and len(self.asks.prices))

    def near(self) -> Depth:
        """What one looks at a book for: a hundredth of the price on either side, or the best 50 levels of both.

        Orders lie anywhere down to a cent and up to ten times the price; beside those the middle is a needle.
        """
        if not self.whole:
            return self
        mid = float(self.bids.prices[0] + self.asks.prices[0]) / 2
        reach = max(BAND * mid, *(side.reach(LEVELS, mid) for side in (self.bids, self.asks)))
        bids, asks = (side.upto(reach, mid) for side in (self.bids, self.asks))
        left_out = len(bids.prices) < len(self.bids.prices) or len(asks.prices) < len(self.asks.prices)
        return evolve(self, bids=bids, asks=asks, within=reach / mid) if left_out else self

    @property
    def _prices(self) -> str:
        shown = "" if self.within is None else f", within {100 * self.within:.3g} % of the mid (levels shows others)"
        return f"price{shown}"

    def draw(self, figure: Figure) -> None:
        axes = figure.subplots()
        for side, colour, name in ((self.bids, UP, "bids"), (self.asks, DOWN, "asks")):
            axes.fill_between(side.prices, side.sums, step="post", color=colour, alpha=0.25, linewidth=0)
            axes.step(side.prices, side.sums, where="post", color=colour, linewidth=1.4, label=name)
        axes.set_ylim(bottom=0)
        axes.set_xlabel(self._prices, fontsize=8)
        axes.set_ylabel("quantity up to there", fontsize=8)
        axes.legend(frameon=False, fontsize=8)
        quiet(axes)

    def plotly(self) -> Any:
        import plotly.graph_objects as go

        page = go.Figure()
        for side, colour, name in ((self.bids, UP, "bids"), (self.asks, DOWN, "asks")):
            line = {"color": colour, "shape": "hv"}
            page.add_trace(go.Scatter(x=side.prices, y=side.sums, line=line, mode="lines", fill="tozeroy", name=name))
        page.update_layout(**plain(self.title), hovermode="x")
        return page.update_xaxes(title=self._prices, tickformat=",~f").update_yaxes(title="quantity up to there")


def _side(table: pa.Table, side: str) -> Side:
    levels = [int(name.rsplit("_", 1)[1]) for name in table.column_names if name.startswith(f"{side}_price_")]
    names = {
        what: [NUMBERED.format(side=side, what=what, level=level) for level in levels] for what in ("price", "cum_qty")
    }
    prices, sums = (np.array([numbers(table, name)[0] for name in names[what]]) for what in ("price", "cum_qty"))
    there = ~np.isnan(prices)
    return Side(prices[there], sums[there])


def _instant(table: pa.Table) -> str:
    return str(times(table)[0].astype("datetime64[ms]")).replace("T", " ")

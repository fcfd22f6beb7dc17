"""The mid and the spread over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from attrs import frozen

from bc_plot.columns import Array, numbers, span, times
from bc_plot.picture import Picture
from bc_plot.style import DOWN, FAINT, INK, UP, clock, plain, quiet

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@frozen
class Spread(Picture):
    """Best bid and ask of each snapshot, oldest first."""

    symbol: str
    times: Array
    bid: Array
    ask: Array

    @classmethod
    def of(cls, table: pa.Table, symbol: str) -> Spread:
        return cls(symbol, times(table), numbers(table, "best_bid"), numbers(table, "best_ask"))

    @property
    def mid(self) -> Array:
        return np.asarray((self.bid + self.ask) / 2)

    @property
    def basis_points(self) -> Array:
        return np.asarray(10_000 * (self.ask - self.bid) / self.mid)

    @property
    def title(self) -> str:
        median = np.nanmedian(self.basis_points)
        return f"{self.symbol} spread · {span(self.times)} · median {median:.3g} bp of {len(self.times):,} snapshots"

    def draw(self, figure: Figure) -> None:
        above, below = figure.subplots(2, sharex=True)
        above.fill_between(self.times, self.bid, self.ask, color=FAINT, linewidth=0)
        above.plot(self.times, self.ask, color=DOWN, linewidth=0.9, label="best ask")
        above.plot(self.times, self.bid, color=UP, linewidth=0.9, label="best bid")
        below.step(self.times, self.basis_points, where="post", color=INK, linewidth=0.9)
        below.set_ylim(bottom=0)
        above.set_ylabel("price", fontsize=8)
        below.set_ylabel("spread, bp of the mid", fontsize=8)
        above.legend(frameon=False, fontsize=8, ncols=2)
        for axes in (above, below):
            quiet(axes)
        clock(below)

    def plotly(self) -> Any:
        import plotly.graph_objects as go
        from plotly.subplots import make_subplots

        page = make_subplots(rows=2, shared_xaxes=True, vertical_spacing=0.05)
        for values, colour, name in ((self.ask, DOWN, "best ask"), (self.bid, UP, "best bid")):
            page.add_trace(go.Scatter(x=self.times, y=values, line={"color": colour}, name=name), 1, 1)
        line = {"color": INK, "shape": "hv"}
        page.add_trace(go.Scatter(x=self.times, y=self.basis_points, line=line, name="spread, bp"), 2, 1)
        return page.update_layout(**plain(self.title), hovermode="x unified").update_yaxes(
            gridcolor=FAINT, tickformat=",~f"
        )

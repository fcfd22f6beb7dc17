"""Candles and volume."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from attrs import frozen

from bc_plot.columns import Array, numbers, span, times
from bc_plot.picture import Picture
from bc_plot.style import DOWN, FAINT, UP, clock, plain, quiet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PALE = 0.45
PRICES = ("open", "high", "low", "close")


@frozen
class Candles(Picture):
    """Bars, oldest first. What is not proven complete is drawn pale."""

    symbol: str
    timeframe: str
    times: Array
    prices: dict[str, Array]
    volume: Array
    complete: Array

    @classmethod
    def of(cls, table: pa.Table, symbol: str, timeframe: str) -> Candles:
        complete = np.asarray(table.column("complete").to_numpy(zero_copy_only=False), dtype=bool)
        prices = {name: numbers(table, name) for name in PRICES}
        return cls(symbol, timeframe, times(table), prices, numbers(table, "volume"), complete)

    @property
    def title(self) -> str:
        pale = int((~self.complete).sum())
        note = f" · {pale} of {len(self.complete)} not proven complete (pale)" if pale else ""
        return f"{self.symbol} {self.timeframe} · {span(self.times)}{note}"

    @property
    def rising(self) -> Array:
        return np.asarray(self.prices["close"] >= self.prices["open"])

    def draw(self, figure: Figure) -> None:
        above, below = figure.subplots(2, sharex=True, height_ratios=(3, 1))
        self._bars(above)
        colours = np.where(self.rising, UP, DOWN)
        below.bar(self.times, self.volume, self._width(), color=colours, alpha=0.55, linewidth=0)
        above.set_ylabel("price", fontsize=8)
        below.set_ylabel("volume", fontsize=8)
        for axes in (above, below):
            quiet(axes)
        clock(below)

    def plotly(self) -> Any:
        import plotly.graph_objects as go
        from plotly.subplots import make_subplots

        page = make_subplots(rows=2, shared_xaxes=True, row_heights=[0.75, 0.25], vertical_spacing=0.03)
        for complete in (True, False):
            chosen = self.complete == complete
            name = "complete" if complete else "not proven complete"
            prices = {which: values[chosen] for which, values in self.prices.items()}
            bodies = go.Candlestick(x=self.times[chosen], **prices, name=name, text=[name] * int(chosen.sum()))
            bodies.update(increasing={"line": {"color": UP}, "fillcolor": UP}, opacity=1.0 if complete else PALE)
            bodies.update(decreasing={"line": {"color": DOWN}, "fillcolor": DOWN})
            page.add_trace(bodies, 1, 1)
        bars = {"marker_color": np.where(self.rising, UP, DOWN).tolist(), "opacity": 0.55}
        page.add_trace(go.Bar(x=self.times, y=self.volume, **bars, name="volume"), 2, 1)
        page.update_layout(**plain(self.title), showlegend=False, xaxis_rangeslider_visible=False)
        return page.update_yaxes(gridcolor=FAINT, tickformat=",~f")

    def _bars(self, axes: Axes) -> None:
        for rising, colour in ((True, UP), (False, DOWN)):
            for complete, alpha in ((True, 1.0), (False, PALE)):
                chosen = (self.rising == rising) & (self.complete == complete)
                if not chosen.any():
                    continue
                at = self.times[chosen]
                first, high, low, last = (self.prices[name][chosen] for name in PRICES)
                axes.vlines(at, low, high, color=colour, linewidth=0.9, alpha=alpha)
                # A bar that closes where it opened has no height: an edge shows it.
                body = {"bottom": np.minimum(first, last), "color": colour, "edgecolor": colour, "linewidth": 0.7}
                axes.bar(at, np.abs(last - first), self._width(), alpha=alpha, **body)

    def _width(self) -> Any:
        """Seven tenths of the shortest pause between two bars."""
        pause = np.diff(self.times).min() if len(self.times) > 1 else np.timedelta64(60, "s")
        return pause.astype("timedelta64[us]").astype(float) * 0.7 / 86_400_000_000  # in days, as matplotlib counts

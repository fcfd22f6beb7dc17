"""A calendar: a row for each symbol, a cell for each day, and what is provably held of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen

from bc_plot.columns import Array
from bc_plot.picture import Picture
from bc_plot.style import DAYS, INK, MEANING, PAPER, plain
from bcore.instants import DAY

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bcore.audits import Audit

STATES = tuple(DAYS)


@frozen
class Coverage(Picture):
    """States by symbol and day; `rows` and `lacking` count the day's rows and missing ids."""

    dataset: str
    symbols: tuple[str, ...]
    days: Array
    states: Array  # symbol x day, places in STATES
    rows: Array
    lacking: Array

    @classmethod
    def of(cls, dataset: str, audits: Iterable[Audit]) -> Coverage:
        """From the account of each series, at least one of which holds a day."""
        told = {audit.series.symbol: {day.day // DAY: day for day in audit.days} for audit in audits}
        held = sorted({day for days in told.values() for day in days})
        numbers = np.arange(held[0], held[-1] + 1)
        shape = (len(told), len(numbers))
        states = np.full(shape, STATES.index("missing"))
        rows, lacking = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        for row, days in enumerate(told.values()):
            for number, day in days.items():
                place = row, number - held[0]
                states[place] = STATES.index(day.state)
                rows[place], lacking[place] = day.rows, day.missing
        return cls(dataset, tuple(told), numbers.astype("datetime64[D]"), states, rows, lacking)

    @property
    def size(self) -> tuple[float, float]:  # type: ignore[override]
        return 10.0, 1.7 + 0.32 * len(self.symbols)

    @property
    def title(self) -> str:
        first, last = (str(day) for day in (self.days[0], self.days[-1]))
        when = first if first == last else f"{first} to {last}"
        return f"{self.dataset}: what is held, day by day · {when} · {self.rows.sum():,} rows"

    def draw(self, figure: Figure) -> None:
        from matplotlib.colors import ListedColormap
        from matplotlib.patches import Patch

        axes = figure.subplots()
        colours = ListedColormap(list(DAYS.values()))
        edges: dict[str, Any] = {"edgecolors": PAPER, "linewidth": 1.0 if len(self.days) < 200 else 0.0}
        axes.pcolormesh(self.states, cmap=colours, vmin=-0.5, vmax=len(STATES) - 0.5, **edges)
        axes.invert_yaxis()
        axes.set_yticks(np.arange(len(self.symbols)) + 0.5, self.symbols)
        places = np.unique(np.linspace(0, len(self.days) - 1, min(len(self.days), 8)).astype(int))
        axes.set_xticks(places + 0.5, [str(self.days[place]) for place in places])
        axes.tick_params(colors=INK, labelsize=8, length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        shown = [name for name in STATES if (self.states == STATES.index(name)).any()]
        keys = [Patch(color=DAYS[name], label=MEANING[name]) for name in shown]
        figure.legend(handles=keys, loc="outside lower left", ncols=len(keys), frameon=False, fontsize=8)

    def plotly(self) -> Any:
        import plotly.graph_objects as go

        steps = np.linspace(0, 1, len(STATES) + 1)
        colours = [[edge, DAYS[name]] for place, name in enumerate(STATES) for edge in steps[place : place + 2]]
        told = [[self._told(row, place) for place in range(len(self.days))] for row in range(len(self.symbols))]
        scale = {"colorscale": colours, "zmin": -0.5, "zmax": len(STATES) - 0.5, "showscale": False}
        page = go.Figure(
            go.Heatmap(
                x=[str(day) for day in self.days],
                y=list(self.symbols),
                z=self.states,
                text=told,
                hovertemplate="%{y} %{x}<br>%{text}<extra></extra>",
                xgap=1,
                ygap=2,
                **scale,
            )
        )
        for name in STATES:
            if (self.states == STATES.index(name)).any():
                marker = {"color": DAYS[name], "symbol": "square", "size": 11}
                page.add_trace(go.Scatter(x=[None], y=[None], mode="markers", marker=marker, name=MEANING[name]))
        layout = plain(
            self.title,
            showlegend=True,
            height=220 + 28 * len(self.symbols),
            legend={"orientation": "h", "y": 1.0, "yanchor": "bottom"},
        )
        page.update_layout(**layout)
        return page.update_yaxes(autorange="reversed", showgrid=False).update_xaxes(
            showgrid=False, type="category", nticks=9, tickangle=0
        )

    def _told(self, row: int, place: int) -> str:
        state = MEANING[STATES[self.states[row, place]]]
        missing = f", {self.lacking[row, place]:,} ids missing" if self.lacking[row, place] else ""
        return f"{state}: {self.rows[row, place]:,} rows{missing}"

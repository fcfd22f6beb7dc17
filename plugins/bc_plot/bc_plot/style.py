"""How pictures look: colours that people with any eyes can tell apart, quiet axes, times in UTC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

UP, DOWN = "#16867a", "#d1603d"  # teal and vermilion
INK, FAINT, PAPER = "#22272e", "#c9ced6", "#ffffff"
DAYS = {
    "complete": "#16867a",
    "unbroken": "#8ccdc4",
    "unprovable": "#7d8bb0",
    "open": "#f0b429",
    "broken": "#c43d3d",
    "missing": "#eceff3",
}
MEANING = {
    "complete": "complete",
    "unbroken": "no gap, first or last day held",
    "unprovable": "held, no ids to prove it by",
    "open": "gaps",
    "broken": "broken",
    "missing": "nothing held",
}


def quiet(axes: Axes) -> None:
    """A grid behind the data, and no frame."""
    axes.set_axisbelow(True)
    axes.grid(color=FAINT, linewidth=0.5, alpha=0.6)
    axes.tick_params(colors=INK, labelsize=8, length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def clock(axes: Axes) -> None:
    """Times as short as they can be, in UTC."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=3, maxticks=9)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def plain(title: str, **more: Any) -> dict[str, Any]:
    """A page's layout in the same manner."""
    grid = {"gridcolor": FAINT, "zeroline": False}
    return {
        "title": {"text": title, "font": {"size": 15}, "x": 0.01, "xanchor": "left"},
        "template": "none",
        "paper_bgcolor": PAPER,
        "plot_bgcolor": PAPER,
        "font": {"color": INK, "family": "system-ui, sans-serif"},
        "margin": {"l": 80, "r": 30, "t": 80, "b": 70},
        "separators": ".,",
        "xaxis": grid,
        "yaxis": grid,
        **more,
    }

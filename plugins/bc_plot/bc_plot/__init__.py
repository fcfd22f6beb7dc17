"""bc_plot: pictures of an archive. Importing this package imports neither matplotlib nor plotly."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from bc_plot.methods import plot_candles as plot_candles
    from bc_plot.methods import plot_coverage as plot_coverage
    from bc_plot.methods import plot_depth as plot_depth
    from bc_plot.methods import plot_spread as plot_spread

__all__ = ["__version__", "plot_candles", "plot_coverage", "plot_depth", "plot_spread"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'bc_plot' has no attribute {name!r}")
    return getattr(import_module("bc_plot.methods"), name)

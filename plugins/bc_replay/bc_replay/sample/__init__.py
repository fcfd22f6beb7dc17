"""The bundled sample: real BTCUSDT streams, 2024-08-08 23:54 to 2024-08-09 00:05 UTC (see CREDITS.md)."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def paths(market: str = "spot") -> tuple[Path, ...]:
    """The files of a market's sample, "spot" or "um", in recorded order."""
    folder = Path(str(files(__name__ if market == "spot" else f"bc_replay.sample_{market}")))
    return tuple(sorted(folder.glob("*.gz")))

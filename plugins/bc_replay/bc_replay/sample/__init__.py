"""The bundled sample: real BTCUSDT streams, 2024-08-08 23:54 to 2024-08-09 00:05 UTC (see CREDITS.md)."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def paths() -> tuple[Path, ...]:
    """The files of the sample, in recorded order."""
    folder = Path(str(files(__name__)))
    return tuple(sorted(folder.glob("*.gz")))

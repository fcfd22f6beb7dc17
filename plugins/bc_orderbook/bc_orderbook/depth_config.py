"""The section `[sources.depth]`."""

from __future__ import annotations

from math import isfinite
from typing import Any, Literal

from attrs import Attribute, field, frozen

from bc_orderbook.config import MAX_DEPTH, between, seconds


def _pause(_: Any, attribute: Attribute[float], value: float) -> None:
    if not (isfinite(value) and value >= 0):
        raise ValueError(f"must be 0 or more seconds, not {value!r}")


@frozen
class DepthConfig:
    """How to record every change of the order books."""

    speed: Literal["100ms", "250ms", "500ms", "1000ms"] = field(
        default="100ms",
        metadata={"help": 'how often the exchange sums up changes and sends them: "100ms", or another that it knows'},
    )
    snapshot_levels: int = field(
        default=MAX_DEPTH,
        validator=between(1, MAX_DEPTH),
        metadata={
            "help": "levels of a snapshot, or as many as the exchange gives; what lies beyond them is unknown until it "
            "changes; 5000 weigh 250"
        },
    )
    checkpoint: float = field(
        default=300.0,
        validator=seconds,
        metadata={"help": "seconds between two whole books that are stored: reading a past book begins at one"},
    )
    reconcile: float = field(
        default=3600.0,
        validator=_pause,
        metadata={"help": "seconds between comparisons of a book with a fresh snapshot; 0 for none"},
    )
    tickers: bool = field(
        default=False,
        metadata={"help": "store the exchange's own best prices too (bookTicker), for verify --deep to compare with"},
    )
    flush: float = field(
        default=1.0,
        validator=_pause,
        metadata={"help": "seconds between two writes of a symbol; more where there are hundreds of symbols"},
    )
    queue: int = field(
        default=200_000,
        validator=between(1, 100_000_000),
        metadata={"help": "events that may wait in memory; what exceeds them is lost, and its book suspect"},
    )

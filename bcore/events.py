"""What bcore tells its observers (the hook `bcore_event`): small facts, never requests.

Event
├── SourceStarted      a source's loop begins
├── BatchStored        rows of one series are durably stored
├── SourcePassed       a pass ended well: the source had caught up with the exchange
├── RowsRejected       rows that do not fit their dataset were put aside
├── SourceFailed       a pass failed; it is tried again after `retry_in` seconds
├── SourceRecovered    the first pass that succeeds after failures
└── SourceStopped      a source's loop has ended
"""

from __future__ import annotations

from attrs import frozen


@frozen
class Event:
    """A fact about the collector. `source` is the name of the config section, for example "trades"."""

    source: str


@frozen
class SourceStarted(Event):
    symbols: tuple[str, ...]


@frozen
class BatchStored(Event):
    """`rows` were new and are stored, `known` were stored already.

    `last_time` is the time of the batch's last row and `observed` the exchange's clock when the batch was
    fetched, both in int us UTC (None where unknown); `highlight` is what a progress line shows of the
    newest row, for example its price.
    """

    dataset: str
    symbol: str
    rows: int
    known: int
    last_time: int | None = None
    observed: int | None = None
    highlight: str = ""


@frozen
class SourcePassed(Event):
    """`rows` of all its series were new in the pass."""

    rows: int


@frozen
class RowsRejected(Event):
    """`reason` says what is wrong with the rows; `rows` holds them as received (text)."""

    dataset: str
    symbol: str
    reason: str
    rows: tuple[str, ...]


@frozen
class SourceFailed(Event):
    error: Exception
    retry_in: float
    failures: int


@frozen
class SourceRecovered(Event):
    failures: int


@frozen
class SourceStopped(Event):
    pass

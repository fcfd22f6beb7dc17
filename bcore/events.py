"""What bcore tells its observers (the hook `bcore_event`): small facts, never requests.

Event
├── SourceStarted      a source's loop begins
├── BatchStored        rows of one series are durably stored
├── SourcePassed       a pass ended well: the source had caught up with the exchange
├── RowsRejected       rows that do not fit their dataset were put aside
├── SourceFailed       a pass failed; it is tried again after `retry_in` seconds
├── SourceRecovered    the first pass that succeeds after failures
├── GapFound           ids of a sequence are missing, filled, or cannot be had: what the ledger notes
├── StreamOpened       a live connection carries its streams
├── StreamClosed       a live connection is gone, as planned or not
├── WeightUsed         how much of the exchange's request budget is used
├── DiskLow            the disk of a store fills up
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


@frozen
class GapFound(Event):
    """Ids `first`..`last` (both inclusive) of the sequence; `state` and `reason` as in `bcore.records.Finding`."""

    dataset: str
    symbol: str
    first: int
    last: int
    state: str
    reason: str


@frozen
class StreamOpened(Event):
    """`source` is the exchange's section; `connection` counts from 1; `streams` is how many it carries."""

    connection: int
    streams: int


@frozen
class StreamClosed(Event):
    """`planned` where a successor had taken over before: nothing was missed."""

    connection: int
    reason: str
    planned: bool


@frozen
class WeightUsed(Event):
    """Request weight `used` of the exchange's `limit` in the current window; `source` is the exchange's section."""

    used: int
    limit: int


@frozen
class DiskLow(Event):
    """`free` bytes are left at `path`; `days_left` at the pace of the last hours, None while that is not known."""

    path: str
    free: int
    days_left: float | None

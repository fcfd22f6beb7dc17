"""Events of the depth stream as they come, typed and checked (protocol section 6)."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import chain

import msgspec
import numpy as np
from attrs import frozen
from msgspec import Struct

from bc_binance.messages import micros
from bcore.records import Rejected

Message = bytes | msgspec.Raw
_NOTHING = [(0.0, 0.0)]


class DepthEvent(
    Struct,
    gc=False,
    rename={
        "time": "E",
        "symbol": "s",
        "first": "U",
        "last": "u",
        "bids": "b",
        "asks": "a",
        "received": "",
        "previous": "pu",
    },
):
    """Changes `first`..`last` of a book: levels with their new quantities. Times in int us UTC, once read.

    The texts of numbers become the nearest float64. `received` is no part of the message, so it has no name in it.
    `previous` is sent where ids are shared among books: the last id of the event before. The ids from there on up to
    U are no changes of this book, so the event is taken to begin right after it, and events tile as they do elsewhere.
    """

    time: int
    symbol: str
    first: int
    last: int
    bids: list[tuple[float, float]]
    asks: list[tuple[float, float]]
    received: int = 0
    previous: int | None = None

    @property
    def empty(self) -> bool:
        return not (self.bids or self.asks)


# The exchange writes numbers as text: not strict is what takes them.
_decoder = msgspec.json.Decoder(DepthEvent, strict=False)


class Arrival(Struct, frozen=True, gc=False):
    """A message and the exchange's clock when it was received, int us UTC."""

    data: Message
    received: int


@frozen
class Run:
    """Events in the order in which they came; `numbers` as `numbers_of` gives them."""

    events: list[DepthEvent]
    numbers: array[float]
    rejected: tuple[Rejected, ...] = ()


def read_events(arrivals: Sequence[Arrival], symbol: str) -> Run:
    """What can be used of the messages; the rest with the reason."""
    events: list[DepthEvent] = []
    rejected: list[Rejected] = []
    for arrival in arrivals:
        try:
            event = _decoder.decode(arrival.data)
        except msgspec.MsgspecError as error:
            rejected.append(_rejected(f"this is no depth event: {error}", arrival))
            continue
        event.received, event.time = arrival.received, micros(event.time)
        if event.previous is not None and event.previous < event.first:
            event.first = event.previous + 1
        if event.symbol != symbol or not 0 <= event.first <= event.last:
            rejected.append(_rejected(f"this is no change of the book of {symbol}", arrival))
        else:
            events.append(event)
    numbers = numbers_of(events)
    if _usable(numbers):
        return Run(events, numbers, tuple(rejected))
    return _one_by_one(arrivals, symbol)


def _one_by_one(arrivals: Sequence[Arrival], symbol: str) -> Run:
    """Where some number is none: it must not cost the other events theirs."""
    if len(arrivals) == 1:
        return Run([], array("d"), (_rejected("a price or quantity is negative or no number", arrivals[0]),))
    runs = [read_events([arrival], symbol) for arrival in arrivals]
    events = [event for run in runs for event in run.events]
    return Run(events, numbers_of(events), tuple(each for run in runs for each in run.rejected))


def numbers_of(events: Iterable[DepthEvent]) -> array[float]:
    """price, quantity, price, ...: of each event's asks and then of its bids, by rising price where they come sorted.

    An event without any level counts as one level of price 0.
    """
    levels: list[tuple[float, float]] = []
    for event in events:
        levels += event.asks
        levels += reversed(event.bids)
        if event.empty:
            levels += _NOTHING
    return array("d", list(chain.from_iterable(levels)))  # a list is taken faster than what is still to be iterated


def _usable(numbers: array[float]) -> bool:
    if not numbers:
        return True
    values = np.frombuffer(numbers)
    return bool(values.min() >= 0.0 and values.max() < np.inf)  # both are false for NaN


def _rejected(reason: str, arrival: Arrival) -> Rejected:
    return Rejected(reason, (bytes(arrival.data).decode("utf-8", "replace"),))

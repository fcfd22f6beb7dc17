"""The exchange's raw stream events and REST depth replies (protocol sections 4.3 and 6) onto reels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import define, field

from bc_replay.decimals import normal, scaled
from bc_replay.readers.reel import UNTIMED, Footage
from bc_replay.readers.timing import HappeningClock, micros, sensible
from bc_replay.records import DepthUpdate, Levels, Snapshot, Ticker

Json = Mapping[str, Any]
MARKET = "MARKET"  # X of a futures trade; others (insurance fund, ADL) are not on the public tape


@define
class Events:
    """Takes decoded JSON messages in recorded order. KeyError, TypeError or ValueError: not such a message."""

    footage: Footage
    clock: HappeningClock
    _texts: dict[str, str] = field(factory=dict)

    def take(self, message: Json, receive: int | None, symbol: str | None = None) -> None:
        """A combined or raw stream event, or a depth reply (of `symbol`, where the request is known)."""
        if "stream" in message and "data" in message:
            self._event(message["data"], receive, message["stream"])
        elif "lastUpdateId" in message and "bids" in message:
            self._depth_reply(message, receive, symbol)
        else:
            self._event(message, receive, "")

    def _event(self, data: Any, receive: int | None, stream: str) -> None:
        if not isinstance(data, Mapping):
            self.footage.ignore(stream.partition("@")[2] or "unknown message")
            return
        kind = data.get("e")
        if kind == "aggTrade":
            self._agg_trade(data, receive)
        elif kind == "trade":
            self._trade(data, receive)
        elif kind == "depthUpdate":
            self._update(data, receive)
        elif kind in (None, "bookTicker") and {"u", "b", "B", "a", "A"} <= data.keys():
            self._ticker(data, receive)
        else:
            self.footage.ignore(str(kind or stream.partition("@")[2] or "unknown message"))

    def _agg_trade(self, data: Json, receive: int | None) -> None:
        time, event = _times(data)
        own = max(time, event)
        self.footage.reel(data["s"]).agg_trades.add_agg(
            data["a"],
            scaled(data["p"]),
            scaled(data["q"]),
            data["f"],
            data["l"],
            time,
            data["m"],
            data.get("M", True),
            self.clock.at(receive, own),
            event,
        )

    def _trade(self, data: Json, receive: int | None) -> None:
        self.footage.markets.add("um" if "X" in data else "spot")
        if data.get("X", MARKET) != MARKET:
            self.footage.ignore(f"trade of kind {data['X']}")
            return
        time, event = _times(data)
        own = max(time, event)
        self.footage.reel(data["s"]).trades.add_trade(
            data["t"],
            scaled(data["p"]),
            scaled(data["q"]),
            time,
            data["m"],
            data.get("M", True),
            self.clock.at(receive, own),
            event,
        )

    def _update(self, data: Json, receive: int | None) -> None:
        self.footage.markets.add("um" if "pu" in data else "spot")
        own = sensible(micros(data["E"]))
        at = self.clock.at(receive, own)
        sides = self._levels(data["b"]), self._levels(data["a"])
        engine = sensible(micros(data["T"])) if "T" in data else 0
        update = DepthUpdate(data["U"], data["u"], own, *sides, at, data.get("pu"), engine)
        self.footage.reel(data["s"]).updates.append(update)

    def _ticker(self, data: Json, receive: int | None) -> None:
        self.footage.markets |= {"um"} if "T" in data else set()
        own = sensible(micros(data["E"])) if "E" in data else 0
        if receive is None and not own:
            self.footage.ignore("bookTicker without any time")
            return
        bid, bid_quantity, ask, ask_quantity = map(self._text, (data["b"], data["B"], data["a"], data["A"]))
        ticker = Ticker(data["u"], bid, bid_quantity, ask, ask_quantity, self.clock.at(receive, own))
        self.footage.reel(data["s"]).tickers.append(ticker)

    def _depth_reply(self, data: Json, receive: int | None, symbol: str | None) -> None:
        futures = "E" in data and "T" in data
        self.footage.markets.add("um" if futures else "spot")
        own = sensible(micros(data["E"])) if futures else UNTIMED
        at = own if receive is None else self.clock.at(receive, max(own, 0))
        snapshot = Snapshot(data["lastUpdateId"], self._levels(data["bids"]), self._levels(data["asks"]), at)
        kept = self.footage.orphans if symbol is None else self.footage.reel(symbol).snapshots
        kept.append(snapshot)

    def _levels(self, levels: list[list[str]]) -> Levels:
        return tuple((self._text(level[0]), self._text(level[1])) for level in levels)

    def _text(self, value: str) -> str:
        """One object per distinct text: prices and round quantities come again and again."""
        return self._texts.get(value) or self._texts.setdefault(value, normal(value))


def _times(data: Json) -> tuple[int, int]:
    """T and E, 0 where there is no E."""
    return sensible(micros(data["T"])), sensible(micros(data["E"])) if "E" in data else 0

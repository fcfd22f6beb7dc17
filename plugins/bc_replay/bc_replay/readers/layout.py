"""Which column of a CSV holds what."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from bc_replay.readers.opening import UnknownKindError

BOOLEANS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
SPOT_AGG_TRADES = ("id", "price", "quantity", "first", "last", "time", "maker", "best")
SPOT_TRADES = ("id", "price", "quantity", "quote", "time", "maker", "best")
UM_AGG_TRADES, UM_TRADES = SPOT_AGG_TRADES[:-1], SPOT_TRADES[:-1]
NAMES: Mapping[str, tuple[str, ...]] = {
    "agg_id": ("aggtradeid", "aggregatetradeid", "aggid", "a"),
    "trade_id": ("tradeid", "id", "t"),
    "price": ("price", "p"),
    "quantity": ("quantity", "qty", "q"),
    "first": ("firsttradeid", "firstid", "f"),
    "last": ("lasttradeid", "lastid", "l"),
    "time": ("transacttime", "transactiontime", "tradetime", "timestamp", "time", "T"),
    "event_time": ("eventtime", "E"),
    "receive": ("timestampofreceive", "receivetime", "receivetimestamp"),
    "maker": ("isbuyermaker", "isbuyermarketmaker", "m"),
    "best": ("isbestmatch", "isbestpricematch", "munknownparameter", "M"),
    "symbol": ("symbol", "s"),
    "update_id": ("lastupdateid",),
    "is_ask": ("isask",),
}
UNDERSTOOD = (
    "understood are aggTrades (8 columns, USD-M futures 7) and trades (7 columns, USD-M futures 6) as in the bulk "
    "files, or a header that names the columns"
)


@frozen
class Layout:
    kind: str  # "aggTrades", "trades" or "snapshots"
    places: Mapping[str, int]
    header: bool

    @property
    def market(self) -> str | None:
        """Only spot has a column isBestMatch, and says nothing by leaving it out of a table of somebody's own."""
        if "best" in self.places:
            return "spot"
        return None if self.header or self.kind == "snapshots" else "um"

    def cell(self, row: list[str], name: str, default: str | None = None) -> str:
        """IndexError where the row is too short."""
        place = self.places.get(name)
        if place is None:
            if default is None:
                raise ValueError(f"there is no {name} column")
            return default
        return row[place]


def layout_of(first: list[str], name: str) -> Layout:
    """Told from a file's first row; UnknownKindError if it is no such table."""
    if first and first[0][:1].isdigit():
        return _bare(first, name)
    return _headed(first, name)


def _bare(row: list[str], name: str) -> Layout:
    if len(row) == len(SPOT_AGG_TRADES) and _boolean(row[-1]):
        return _layout("aggTrades", SPOT_AGG_TRADES)
    if len(row) == len(SPOT_TRADES) and _boolean(row[-1]):
        if _boolean(row[-2]):
            return _layout("trades", SPOT_TRADES)
        return _layout("aggTrades", UM_AGG_TRADES)
    if len(row) == len(UM_TRADES) and _boolean(row[-1]):
        return _layout("trades", UM_TRADES)
    raise UnknownKindError(f"{name}: {len(row)} columns of no known table; {UNDERSTOOD}")


def _headed(row: list[str], name: str) -> Layout:
    places = {field: place for field, place in ((f, _place(row, names)) for f, names in NAMES.items()) if place >= 0}
    if {"update_id", "is_ask", "price", "quantity", "receive"} <= places.keys():
        return Layout("snapshots", places, True)
    trade = {"price", "quantity", "time", "maker"} <= places.keys()
    identity = places.get("agg_id", places.get("trade_id", -1))
    if trade and identity >= 0 and {"first", "last"} <= places.keys():
        return Layout("aggTrades", {**places, "id": identity}, True)
    if trade and "trade_id" in places:
        return Layout("trades", {**places, "id": places["trade_id"]}, True)
    raise UnknownKindError(f"{name}: the first row {','.join(row)[:80]!r} is no known header; {UNDERSTOOD}")


def _layout(kind: str, columns: tuple[str, ...]) -> Layout:
    return Layout(kind, {name: place for place, name in enumerate(columns)}, False)


def _place(row: list[str], names: tuple[str, ...]) -> int:
    """Single letters are the wire's names, where case tells `t` from `T`."""
    cells = [cell.strip() for cell in row]
    plain = [cell if len(cell) == 1 else "".join(filter(str.isalnum, cell)).lower() for cell in cells]
    return next((plain.index(name) for name in names if name in plain), -1)


def _boolean(text: str) -> bool:
    return text.strip().lower() in BOOLEANS

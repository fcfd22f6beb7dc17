"""In what USD-M futures differ from spot (protocol sections 3.1, 5, 7.5 and 8)."""

from __future__ import annotations

from bc_binance.market import Market

PUBLIC, MARKET = "/public", "/market"
_PUBLIC = ("depth", "bookTicker")  # what their names begin with after the @, or after the ! of all symbols'

UM = Market(
    api="/fapi/v1",
    bulk="data/futures/um",
    microseconds=False,
    info_by_symbol=False,
    trades_tile=False,  # fills by the insurance fund and by ADL have ids and are not on the public tape
    levels=(5, 10, 20, 50, 100, 500, 1000),
    most_levels=1000,
    depth_speeds={"100ms": "@100ms", "250ms": "", "500ms": "@500ms"},
    info_weight=1,
    trades_weight=20,
    book_weights=((50, 2), (100, 5), (500, 10), (1000, 20)),
    kline_weights=((99, 1), (499, 2), (1000, 5), (1500, 10)),
    elsewhere="",
)


def route_of(stream: str) -> str:
    """The base below which a stream is delivered; elsewhere it is acknowledged and stays silent."""
    channel = stream.removeprefix("!") if stream.startswith("!") else stream.partition("@")[2]
    return PUBLIC if channel.startswith(_PUBLIC) else MARKET

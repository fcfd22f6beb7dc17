"""The markets that can be replayed, and in what they differ (protocol sections 3.1, 5, 7.5 and 8.1)."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from bc_replay.keepalive import Habits

MS = 1000
PUBLIC, MARKET = "public", "market"


@frozen
class Market:
    """`bulk` is the folder of its files below `data/`; `micros` whether times can be had in us.

    `depth_speeds` is what may follow `@depth`, in us. `routes` are the bases below which streams are delivered: each
    is acknowledged under any of them, and delivered under its own; `unrouted` is the route of what has none.
    """

    name: str
    title: str
    bulk: str
    micros: bool
    weight_limit: int
    most_streams: int
    habits: Habits
    depth_speeds: Mapping[str, int] = field(hash=False)
    routes: tuple[str, ...] = ()
    unrouted: str = ""


SPOT = Market(
    "spot",
    "Binance spot",
    bulk="spot",
    micros=True,
    weight_limit=6000,
    most_streams=1024,
    habits=Habits(),
    depth_speeds={"": 1000 * MS, "100ms": 100 * MS, "1000ms": 1000 * MS},
)
# An unrouted address goes on delivering what the exchange calls public, and nothing of what it calls market.
UM = Market(
    "um",
    "Binance USD-M futures",
    bulk="futures/um",
    micros=False,
    weight_limit=2400,
    most_streams=200,
    habits=Habits(ping_every=180.0, pong_within=600.0, rate=10),
    depth_speeds={"": 250 * MS, "100ms": 100 * MS, "250ms": 250 * MS, "500ms": 500 * MS},
    routes=(PUBLIC, MARKET),
    unrouted=PUBLIC,
)
MARKETS = {market.name: market for market in (SPOT, UM)}

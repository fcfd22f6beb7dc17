"""Offers the view "ohlcv", as bc_trades does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bcore.hookspecs import hookimpl


@hookimpl
def bcore_derivations() -> Iterator[Any]:
    import pyarrow as pa
    from attrs import make_class

    from bcore.records import Derivation

    schema = pa.schema({"timestamp": pa.timestamp("us", tz="UTC")})
    yield Derivation("ohlcv", "trades", schema, make_class("P", []), lambda q, p: q, lambda t, p: t)

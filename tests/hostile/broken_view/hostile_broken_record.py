"""A view that is promised under another name, and as made of another dataset."""

from __future__ import annotations

import pyarrow as pa
from attrs import make_class

from bcore.records import Derivation

SCHEMA = pa.schema({"timestamp": pa.timestamp("us", tz="UTC")})
OWN = Derivation("own", "beats", SCHEMA, make_class("P", []), lambda query, params: query, lambda table, params: table)
NOTHING = "no record"

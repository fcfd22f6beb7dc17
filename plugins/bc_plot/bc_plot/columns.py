"""Columns of Arrow tables as arrays to draw."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Array = NDArray[Any]


def numbers(table: pa.Table, name: str) -> Array:
    """A column of numbers as floats, NaN where there is none."""
    return np.asarray(table.column(name).cast(pa.float64()).to_numpy(), dtype=float)


def times(table: pa.Table, name: str = "timestamp") -> Array:
    """A column of instants, in UTC."""
    return np.asarray(table.column(name).cast(pa.timestamp("us")).to_numpy())


def texts(table: pa.Table, name: str) -> list[str]:
    """A column of text."""
    return [str(value) for value in table.column(name).to_pylist()]


def span(instants: Array) -> str:
    """From the first to the last instant, for a title."""
    first, last = (str(each.astype("datetime64[s]")).replace("T", " ") for each in (instants[0], instants[-1]))
    last = last[11:] if first[:10] == last[:10] else last
    return f"{first} to {last} UTC"

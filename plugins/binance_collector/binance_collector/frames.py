"""Frames as the original gave them: times naive, in UTC, of nanoseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def naive(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with every time that knows its zone as a naive one in UTC."""
    import pandas as pd

    converted = {}
    for name, kind in frame.dtypes.items():
        if isinstance(kind, pd.DatetimeTZDtype):
            # Nanoseconds: programs divide what .astype("int64") gives by 10**9.
            converted[str(name)] = frame[name].dt.tz_convert("UTC").dt.tz_localize(None).dt.as_unit("ns")
    return frame.assign(**converted)


def frame_of(table: pa.Table) -> pd.DataFrame:
    """An Arrow table as such a frame."""
    return naive(table.to_pandas())


def naive_time(time: pd.Timestamp | None) -> pd.Timestamp | None:
    """One time as such a frame has it."""
    return None if time is None else time.tz_convert("UTC").tz_localize(None).as_unit("ns")

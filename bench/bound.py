"""How few bytes a trade could take: each column by itself, as whole numbers, at zstd's level 19.

For every column the best of four layouts is taken: values or differences, row by row or byte plane by byte plane
(all lowest bytes first). No file format's overhead, no row groups, no statistics: a bound to measure formats by.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

LEVEL = 19


def bound(table: pa.Table) -> float:
    """Bytes per row."""
    codec = pa.Codec("zstd", compression_level=LEVEL)
    total, rows = 0, int(table.num_rows)
    for name in table.column_names:
        total += min(len(codec.compress(layout, asbytes=True)) for layout in _layouts(_whole(table.column(name))))
    return total / rows


def _whole(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """The column as int64: times in us, decimals in units of their last place, words and flags by number."""
    if pa.types.is_floating(column.type):
        return _units(column.to_pylist())
    if pa.types.is_string(column.type):
        indices: NDArray[np.int64] = column.combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
        return indices
    numbers: NDArray[np.int64] = column.cast(pa.int64()).to_numpy()
    return numbers


def _units(values: list[float]) -> NDArray[np.int64]:
    numbers = [Decimal(repr(value)) for value in values]
    places = max(-int(number.normalize().as_tuple().exponent) for number in numbers)
    return np.array([int(number.scaleb(places)) for number in numbers], np.int64)


def _layouts(values: NDArray[np.int64]) -> list[bytes]:
    layouts = []
    for numbers in (values, np.diff(values, prepend=np.int64(0))):
        planes = numbers.view(np.uint8).reshape(-1, 8).T
        layouts += [numbers.tobytes(), planes.tobytes()]
    return layouts

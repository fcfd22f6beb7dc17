"""Hashes of rows, 128 bits each, made column by column without leaving Arrow: for fingerprints that add up.

A row's hash depends on the names and values of its columns and on nothing else: not on their order, on chunks, or on
whether text is dictionary-encoded. A null counts for nothing, so a column that an older row lacks and a null are the
same. Any change of one value of a row changes its hash. It finds accidents; somebody who looks for two rows of one hash
can find them.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from hashlib import blake2b
from math import isfinite
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from attrs import frozen

MASK = 2**64 - 1
WORD = pa.uint64()
ZERO = pa.scalar(0, WORD)
HALF = pa.scalar(32, WORD)
NAN = pa.scalar(0x7FF8_0000_0000_0000, WORD)
# Odd constants of the published finalisers of splitmix64 and MurmurHash3: multiplying by them loses nothing.
STIR = pa.scalar(0x9E37_79B9_7F4A_7C15, WORD)
LOW = (pa.scalar(0xBF58_476D_1CE4_E5B9, WORD), pa.scalar(0x94D0_49BB_1331_11EB, WORD))
HIGH = (pa.scalar(0xFF51_AFD7_ED55_8CCD, WORD), pa.scalar(0xC4CE_B9FE_1A85_EC53, WORD))


@frozen
class Weight:
    """What a column's name adds: values are multiplied by `factor` (odd), and `offset` says that there is one."""

    factor: pa.Scalar
    offset: int


@cache
def weight(name: str) -> Weight:
    """The weight of a column; it follows from the name alone."""
    digest = blake2b(name.encode(), digest_size=16).digest()
    factor = int.from_bytes(digest[:8], "little") | 1
    return Weight(pa.scalar(factor, WORD), int.from_bytes(digest[8:], "little"))


def row_hashes(batch: pa.RecordBatch) -> tuple[pa.Array, pa.Array]:
    """The lower and the upper 64 bits of each row's hash."""
    constant, summed = 0, None
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if column.null_count == len(column):
            continue
        if (word := _constant(column)) is not None:
            constant += word * weight(name).factor.as_py() + weight(name).offset
            continue
        constant += 0 if column.null_count else weight(name).offset
        added = _weighed(column, weight(name))
        summed = added if summed is None else pc.add(summed, added)
    seed = pa.scalar(constant & MASK, WORD)
    return _finished(pa.repeat(seed, batch.num_rows) if summed is None else pc.add(summed, seed))


def _weighed(column: pa.Array, weight: Weight) -> pa.Array:
    """What each value adds to its row's hash; the offset is left out where no value is null."""
    values = pc.multiply(_words(column), weight.factor)
    if column.null_count == 0:
        return values
    return pc.fill_null(pc.add(values, pa.scalar(weight.offset, WORD)), ZERO)


def _constant(column: pa.Array) -> int | None:
    """The one word of all rows, of text or a flag that is the same in every row, as a series' symbol is; else None."""
    if column.null_count:
        return None
    if pa.types.is_boolean(column.type):
        return int(column[0].as_py()) if column.true_count in (0, len(column)) else None
    if pa.types.is_dictionary(column.type):
        same = len(column.dictionary) == 1
    else:
        same = pa.types.is_string(column.type) and column.equals(pa.repeat(column[0], len(column)))
    return _hashed(column[0].as_py()) if same else None


def _words(column: pa.Array) -> pa.Array:
    """The values as 64 bits each, different ones for different values."""
    kind = column.type
    if pa.types.is_floating(kind):
        return _float_words(column if kind.bit_width == 64 else column.cast(pa.float64()))
    if pa.types.is_int64(kind):
        return column.view(WORD)
    if pa.types.is_unsigned_integer(kind) or pa.types.is_boolean(kind):
        return column.cast(WORD)
    if pa.types.is_integer(kind):
        return column.cast(pa.int64()).view(WORD)
    if pa.types.is_temporal(kind) and kind.bit_width in (32, 64):
        return column.view(WORD) if kind.bit_width == 64 else column.view(pa.int32()).cast(pa.int64()).view(WORD)
    return _value_words(column)


def _float_words(column: pa.Array) -> pa.Array:
    """Bits, all kinds of NaN alike. Round numbers end in many zero bits, which a multiplication would keep."""
    words = column.view(WORD)
    if not isfinite(pc.sum(column, min_count=0).as_py()):  # where one is NaN the sum is
        words = pc.if_else(pc.is_nan(column), NAN, words)
    return _folded(words)


def _value_words(column: pa.Array) -> pa.Array:
    """Hashes of values of any type, each different one hashed once where the type allows it."""
    try:
        encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    except pa.ArrowNotImplementedError:
        return pa.array(_all_hashed(column.to_pylist()), WORD)
    return pc.take(pa.array(_all_hashed(encoded.dictionary.to_pylist()), WORD), encoded.indices)


def _all_hashed(values: Iterable[Any]) -> list[int | None]:
    return [None if value is None else _hashed(value) for value in values]


def _hashed(value: Any) -> int:
    data = value.encode() if isinstance(value, str) else value if isinstance(value, bytes) else repr(value).encode()
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little")


def _folded(words: pa.Array) -> pa.Array:
    return pc.bit_wise_xor(words, pc.shift_right(words, HALF))


def _finished(words: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Two words of each, as if at random: sums of them then tell which values stood together in a row."""
    stirred = _folded(pc.multiply(words, STIR))
    return _mixed(stirred, *LOW), _mixed(stirred, *HIGH)


def _mixed(words: pa.Array, first: pa.Scalar, second: pa.Scalar) -> pa.Array:
    return pc.multiply(_folded(pc.multiply(words, first)), second)


def total(low: pa.Array, high: pa.Array) -> int:
    """The sum of at most 2**32 row hashes, modulo 2**128. Arrow's own sum wraps at 2**64: carries are made up for."""
    wrapped, upper = _sum(low), _sum(pc.shift_right(low, HALF)) << 32
    exact = upper + ((wrapped - upper) & MASK)
    return (exact + (_sum(high) << 64)) % 2**128


def _sum(words: pa.Array) -> int:
    return int(pc.sum(words, min_count=0).as_py())

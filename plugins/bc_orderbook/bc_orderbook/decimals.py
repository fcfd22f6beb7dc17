"""The exchange's decimal text as exact integers.

An order book is a few thousand numbers that arrive as text, and floats would be wrong twice: their sums depend on the
order, and `0.3 // 0.1` is 2. Here a number is an integer count of some power of ten, in numpy arrays of int64 where
that holds, and of Python's own unbounded integers (dtype object) where it would not. All arithmetic is the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

Units = NDArray[Any]
LARGEST = 2**63 - 1
_NUMBER = re.compile(r"[0-9]{1,40}(?:\.[0-9]{1,40})?")
_COMMA, _DOT, _ZERO = np.frombuffer(b",.0", np.uint8)
PLACES = 8  # decimals that the exchange writes
_EXACT = 2.0**52  # whole numbers below it, and their neighbours, are float64 exactly
_SAFE_LENGTH = 19  # a dot and 18 digits: always within int64


def parse_decimals(texts: Sequence[str]) -> tuple[Units, int]:
    """Unsigned decimal numbers as integers in units of 10**-places, and places.

    Raises `ValueError` that shows the first text which is no plain decimal number (`nan`, `1e3`, `-1`, `1,5`).
    """
    if not texts:
        return np.empty(0, np.int64), 0
    uniform = _parse_uniform(texts)
    return _parse_mixed(texts) if uniform is None else uniform


def _parse_uniform(texts: Sequence[str]) -> tuple[Units, int] | None:
    """All numbers at once if all have the same count of decimals, as the exchange prints them; otherwise None."""
    joined = ",".join(texts)
    octets = np.frombuffer(f"{joined},".encode(), np.uint8)
    ends, dots = np.flatnonzero(octets == _COMMA), np.flatnonzero(octets == _DOT)
    if not len(texts) == len(ends) == len(dots):
        return None
    places = int(ends[0] - dots[0]) - 1
    lengths = np.diff(ends, prepend=-1) - 1
    digits = np.count_nonzero(octets - _ZERO < 10)
    if (
        places < 1
        or (ends - dots != places + 1).any()
        or digits != len(octets) - 2 * len(texts)
        or lengths.min() < places + 2
        or lengths.max() > _SAFE_LENGTH
    ):
        return None
    return np.fromstring(joined.replace(".", ""), np.int64, sep=","), places


def _parse_mixed(texts: Sequence[str]) -> tuple[Units, int]:
    wrong = next((text for text in texts if not _NUMBER.fullmatch(text)), None)
    if wrong is not None:
        raise ValueError(f"{wrong[:80]!r} is not an unsigned decimal number")
    parts = [text.partition(".") for text in texts]
    places = max(len(fraction) for _, _, fraction in parts)
    numbers = [int(whole + fraction.ljust(places, "0")) for whole, _, fraction in parts]
    return np.array(numbers, np.int64 if max(numbers) <= LARGEST else object), places


def to_units(values: NDArray[np.float64]) -> Units | None:
    """Floats as integers in units of 10**-PLACES; None if any is not the float64 nearest to such a number.

    Where it is, it is nearest to only one, so that the exchange's decimal comes back exactly.
    """
    scaled = np.rint(values * 10.0**PLACES)
    if len(values) and not (0.0 <= scaled.min() and scaled.max() < _EXACT and (scaled / 10.0**PLACES == values).all()):
        return None
    return scaled.astype(np.int64)


def as_text(value: float) -> str:
    """The shortest decimal text of which `value` is the nearest float64, without an exponent."""
    return format(Decimal(repr(value)), "f")


def largest_step(numbers: Units) -> int:
    """The largest integer that divides all of them: what a grid's step must be a divisor of; 1 if there are none."""
    return int(np.gcd.reduce(numbers)) if len(numbers) else 1


def to_floats(units: Iterable[int], step: Fraction) -> list[float]:
    """`units * step`, each rounded once, to the nearest float64: what `float()` makes of the exact decimal text."""
    numerator, denominator = step.numerator, step.denominator
    return [unit * numerator / denominator for unit in units]

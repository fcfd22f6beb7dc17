"""The exchange's decimal text as scaled integers: 1 unit is 1e-8, which is also the exchange's own int64 grid."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

PLACES = 8
SCALE = 10**PLACES
LARGEST = 2**63 - 1


def scaled(text: str) -> int:
    """The exact value of `text` in units of 1e-8; ValueError if it is no such number or has more decimals."""
    whole, _, fraction = text.partition(".")
    if len(fraction) == PLACES and whole.isdigit() and fraction.isdigit():
        value = int(whole + fraction)
    else:
        value = _scaled_decimal(text)
    if not 0 <= value <= LARGEST:
        raise ValueError(f"{text!r} is outside the exchange's range of 0 to 92233720368.54775807")
    return value


def _scaled_decimal(text: str) -> int:
    try:
        number = Decimal(text).scaleb(PLACES)
        value = int(number)
    except (InvalidOperation, OverflowError, ValueError):
        raise ValueError(f"{text!r} is not a decimal number") from None
    if value != number:
        raise ValueError(f"{text!r} has more than {PLACES} decimals")
    return value


def scaled_float(value: float) -> int:
    """Units of 1e-8 of the decimal text that `value` was parsed from."""
    units = round(value * SCALE)
    # Python's integer division rounds correctly, so equality proves the round trip.
    return units if units / SCALE == value else scaled(repr(value))


def text(units: int) -> str:
    """Units of 1e-8 as the exchange prints them: 8 decimals."""
    if units < 0:
        return "-" + text(-units)
    return f"{units // SCALE}.{units % SCALE:08d}"


def normal(value: str) -> str:
    """`value` printed with exactly 8 decimals."""
    return value if value[-9:-8] == "." else text(scaled(value))

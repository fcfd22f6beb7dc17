"""The exchange's REST errors (protocol sections 3.2 to 3.4)."""

from __future__ import annotations

SYMBOL_RANGE = r"^[\w\-._&&[^a-z]]{1,50}$"
INTEGER_RANGE = "^[0-9]{1,20}$"


class Refusal(Exception):
    """An error reply: HTTP `status` and the body's `code` and `msg`."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status

    def body(self) -> dict[str, object]:
        return {"code": self.code, "msg": self.message}


def illegal(name: str, legal: str) -> Refusal:
    return Refusal(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def too_many(expected: int, received: int) -> Refusal:
    return Refusal(-1101, f"Too many parameters; expected '{expected}' and received '{received}'.")


def duplicate_parameter() -> Refusal:
    return Refusal(-1101, "Duplicate values for a parameter detected.")


def missing(name: str) -> Refusal:
    return Refusal(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def empty(name: str) -> Refusal:
    return Refusal(-1105, f"Parameter '{name}' was empty.")


def overflow(name: str) -> Refusal:
    return Refusal(-1108, f"Parameter '{name}' overflowed.")


def no_depth() -> Refusal:
    return Refusal(-1112, "No orders on book for symbol.")


def bad_interval() -> Refusal:
    return Refusal(-1120, "Invalid interval.")


def bad_symbol() -> Refusal:
    return Refusal(-1121, "Invalid symbol.")


def bad_symbol_status() -> Refusal:
    return Refusal(-1122, "Invalid symbolStatus.")


def bad_combination() -> Refusal:
    return Refusal(-1128, "Combination of optional parameters invalid.")


def invalid(name: str) -> Refusal:
    return Refusal(-1130, f"Data sent for parameter '{name}' is not valid.")


def bad_json(name: str) -> Refusal:
    return Refusal(-1135, f"Invalid JSON Request for parameter '{name}'.")


def bad_ticker_type() -> Refusal:
    return Refusal(-1139, "Invalid ticker type.")


def duplicate_symbols() -> Refusal:
    return Refusal(-1151, "Symbol is present multiple times in the list.")


def bad_time_unit() -> Refusal:
    return Refusal(-1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.")


def status_mismatch() -> Refusal:
    return Refusal(-1220, "The symbol's status does not match the requested symbolStatus.")

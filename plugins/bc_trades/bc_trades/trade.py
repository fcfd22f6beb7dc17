"""What every message of a trade has, by whichever way it came."""

from __future__ import annotations

from typing import Protocol


class Trade(Protocol):
    """An aggregate trade (protocol section 4.6), under the exchange's own names."""

    @property
    def a(self) -> int:
        """The aggregate's id."""

    @property
    def p(self) -> str:
        """Price, decimal text."""

    @property
    def q(self) -> str:
        """Quantity, decimal text."""

    @property
    def f(self) -> int:
        """The first of the trades summed up; -1 for a voided aggregate."""

    @property
    def l(self) -> int:  # noqa: E743 - the exchange's name
        """The last of them."""

    @property
    def T(self) -> int:
        """Time in ms or us."""

    @property
    def m(self) -> bool:
        """Whether the buyer was the maker."""

    @property
    def M(self) -> bool:
        """Whether it was the best match."""

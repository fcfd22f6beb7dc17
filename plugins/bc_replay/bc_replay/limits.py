"""The request-weight budget per client IP and its escalation (protocol sections 3.1 and 3.2)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from attrs import define, field, frozen

MINUTE = 60
GRACE = 5  # requests answered 429 in one minute before the address is banned
FIRST_BAN, LONGEST_BAN = 2 * 60, 3 * 24 * 3600


@frozen
class Verdict:
    """`status` is 200, 429 or 418; `retry_after` is in seconds; `until` is the end of the wait in epoch seconds."""

    status: int
    used: int
    retry_after: int = 0
    until: float = 0.0


@define
class Account:
    minute: int = -1
    used: int = 0
    refused: int = 0
    bans: int = 0
    banned_until: float = 0.0

    def enter(self, minute: int) -> None:
        if minute != self.minute:
            self.minute, self.used, self.refused = minute, 0, 0


@define
class WeightLimiter:
    """Windows are calendar minutes of the wall clock, one account per client address."""

    limit: int = 6000
    wall: Callable[[], float] = time.time
    _accounts: dict[str, Account] = field(factory=dict)

    def charge(self, client: str, weight: int) -> Verdict:
        now = self.wall()
        account = self._accounts.setdefault(client, Account())
        account.enter(int(now // MINUTE))
        account.used += weight
        if now < account.banned_until:
            return _banned(account, now)
        if account.used <= self.limit:
            return Verdict(200, account.used)
        return self._refuse(account, now)

    def _refuse(self, account: Account, now: float) -> Verdict:
        account.refused += 1
        if account.refused > GRACE:
            account.banned_until = now + min(FIRST_BAN * 2**account.bans, LONGEST_BAN)
            account.bans += 1
            return _banned(account, now)
        until = (account.minute + 1) * MINUTE
        return Verdict(429, account.used, max(1, math.ceil(until - now)), until)


def _banned(account: Account, now: float) -> Verdict:
    wait = max(1, math.ceil(account.banned_until - now))
    return Verdict(418, account.used, wait, account.banned_until)

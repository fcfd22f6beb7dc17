"""That a book needs a snapshot: why, and from when on it may be asked for. Pure: time comes in as seconds."""

from __future__ import annotations

from attrs import define, field

FIRST, SETTLE = 4.0, 1.0  # seconds to wait for a first event, and after it, before a snapshot is asked for
AGAIN, SELDOM = 0.5, 10.0  # seconds until one that was behind the stream is asked for again: at first, at most
NEVER = float("inf")


@define(eq=False)
class Need:
    """`reason` is None where nothing is needed. `gapped`: only for a gap, which may still close by itself."""

    reason: str | None = "start"
    gapped: bool = field(default=False, init=False)
    _due: float = field(default=NEVER, init=False)
    _tries: int = field(default=0, init=False)

    @property
    def open(self) -> bool:
        return self.reason is not None

    def due(self, now: float) -> bool:
        return self.open and now >= self._due

    def arise(self, reason: str, now: float, *, gapped: bool = False) -> None:
        """From now on."""
        self.reason, self.gapped, self._due = f"resync: {reason}", gapped, now

    def settle(self) -> None:
        """A snapshot has come, or none is needed after all."""
        self.reason, self.gapped, self._due, self._tries = None, False, NEVER, 0

    def joined(self, now: float) -> None:
        """The stream is followed: its first event tells from where on a snapshot is of use."""
        self._due = now + FIRST

    def begun(self, now: float) -> None:
        """The first event is there; REST may be a little behind it (protocol section 7.3)."""
        self._due = min(self._due, now + SETTLE)

    def disappointed(self, now: float) -> None:
        """The snapshot was behind the stream."""
        self._due = now + min(AGAIN * 2.0**self._tries, SELDOM)
        self._tries += 1

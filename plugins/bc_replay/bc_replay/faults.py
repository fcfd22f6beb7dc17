"""Faults on demand: what they are called, what they take, and where each stands.

`KIND@SECONDS[:ARG]`, SECONDS of wall time since the server came up. A fault that is due waits for something to meet:
a request, a stream connection, a subscription, a delivered event. So each one asked for is really met, once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum

from attrs import define, field, frozen


class FaultError(ValueError):
    """A fault that cannot be understood; the message says what is."""


class Meets(Enum):
    STREAMS = "stream connections"
    PORT = "new connections"
    REQUEST = "the next market-data requests"
    WINDOW = "market-data requests for a while"
    PAST = "what REST answers, for a while"
    EVENTS = "stream events"
    SUBSCRIPTIONS = "new subscriptions, for a while"


@frozen
class Kind:
    """`default` is the ARG of a fault given none; `unit` says what ARG counts, empty where there is none."""

    name: str
    meets: Meets
    unit: str
    default: float
    summary: str


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("disconnect", Meets.STREAMS, "", 0, "close every stream: close frame, then FIN"),
        Kind("reset", Meets.STREAMS, "", 0, "reset every stream connection (RST)"),
        Kind("silence", Meets.STREAMS, "", 0, "every stream goes half-open: no data, no ping, no close"),
        Kind("rotate", Meets.STREAMS, "", 0, "the 24 h cut of every stream"),
        Kind("shutdown", Meets.STREAMS, "seconds until the cut", 2, "serverShutdown, then every stream is closed"),
        Kind("refuse", Meets.PORT, "seconds", 10, "new connections are refused"),
        Kind("429", Meets.WINDOW, "seconds", 2, "over the weight limit, Retry-After ARG"),
        Kind("418", Meets.WINDOW, "seconds", 120, "the address is banned"),
        Kind("403html", Meets.REQUEST, "requests", 1, "the firewall's HTML page"),
        Kind("451", Meets.REQUEST, "requests", 1, "the restricted-location answer"),
        Kind("500", Meets.REQUEST, "requests", 1, "JSON -1000 with HTTP 500"),
        Kind("502html", Meets.REQUEST, "requests", 1, "a gateway's HTML page"),
        Kind("hang", Meets.REQUEST, "seconds", 30, "one request is accepted and never answered"),
        Kind("truncate", Meets.REQUEST, "requests", 1, "the body is cut in the middle"),
        Kind("gap", Meets.EVENTS, "events", 10, "events of every trade and depth stream are dropped"),
        Kind("duplicate", Meets.EVENTS, "events", 10, "the last events of every trade and depth stream come again"),
        Kind("reorder", Meets.EVENTS, "events", 10, "events of every trade and depth stream come backwards"),
        Kind("lag", Meets.PAST, "BEHIND[/FOR]", 2, "aggTrades, historicalTrades, klines answer as of BEHIND s ago"),
        Kind("stale", Meets.PAST, "BEHIND[/FOR]", 2, "depth answers as of BEHIND recorded seconds ago"),
        Kind("acksilent", Meets.SUBSCRIPTIONS, "seconds", 10, "subscriptions are acknowledged, nothing comes"),
    )
}
PAST_FOR = 10.0  # seconds that lag and stale last where FOR is not given


class State(Enum):
    WAITING = "waiting"  # for its time
    ARMED = "armed"  # for something to meet
    ACTIVE = "active"
    DONE = "done"


@define(eq=False)
class Fault:
    """`at` is in seconds since the server came up, `lasts` the seconds a window stays open, `hits` what it has met."""

    kind: Kind
    at: float
    amount: float
    lasts: float = 0.0
    state: State = State.WAITING
    hits: int = 0
    fired_at: float | None = None
    _until: float = 0.0

    def hit(self, now: float, count: int = 1) -> None:
        if self.fired_at is None:
            self.fired_at, self._until = now, now + self.lasts
            self.state = State.ACTIVE
        self.hits += count

    def end(self) -> None:
        self.state = State.DONE

    def refresh(self, now: float) -> None:
        """Arm it when its time has come, and close a window that has run out."""
        if self.state is State.WAITING and now >= self.at:
            self.state = State.ARMED
        if self.state is State.ACTIVE and self.lasts and now >= self._until:
            self.state = State.DONE

    def remaining(self, now: float) -> float:
        """Seconds that its window stays open; all of them before its first hit."""
        return self.lasts if self.fired_at is None else max(0.0, self._until - now)

    def report(self) -> dict[str, object]:
        told = {"kind": self.kind.name, "at": self.at, "arg": self.amount, "state": self.state.value}
        return {**told, "hits": self.hits, "fired_at": self.fired_at}


def parse_fault(text: str) -> Fault:
    """`KIND@SECONDS[:ARG]`. Raises FaultError."""
    kind, at, rest = text.partition("@")
    seconds, _, argument = rest.partition(":")
    if not at:
        raise FaultError(f"fault {text!r}: write KIND@SECONDS[:ARG], such as disconnect@10 or lag@5:2/10")
    return make_fault(kind, _number(text, seconds), argument or None)


def make_fault(kind: str, at: float, argument: str | None = None) -> Fault:
    """A fault of this kind. Raises FaultError for an unknown kind or an ARG that the kind does not take."""
    known = KINDS.get(kind)
    if known is None:
        raise FaultError(f"fault kind {kind!r} is unknown; there are {', '.join(KINDS)}")
    if argument is not None and not known.unit:
        raise FaultError(f"fault {kind} takes no argument, and was given {argument!r}")
    whole, _, lasts = (argument or "").partition("/")
    if lasts and known.meets is not Meets.PAST:
        raise FaultError(f"fault {kind} takes {known.unit}, and was given {argument!r}")
    amount = _number(f"{kind} argument {argument!r}", whole) if whole else known.default
    if known.unit in ("events", "requests") and (amount < 1 or amount != int(amount)):
        raise FaultError(f"fault {kind} takes a whole number of {known.unit} from 1, and was given {argument!r}")
    return Fault(known, at, amount, _window(known, amount, _number(f"{kind}", lasts) if lasts else PAST_FOR))


def _window(kind: Kind, amount: float, past: float) -> float:
    if kind.meets is Meets.PAST:
        return past
    return amount if kind.meets in (Meets.WINDOW, Meets.SUBSCRIPTIONS, Meets.PORT) else 0.0


def _number(what: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e9:
        raise FaultError(f"fault {what}: {text!r} is not a number of 0 or more")
    return value


@define(eq=False)
class Faults:
    """All faults asked for, in order, on a clock that starts when the server comes up."""

    planned: list[Fault] = field(factory=list)
    clock: Callable[[], float] = time.monotonic
    _born: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._born = self.clock()

    @property
    def now(self) -> float:
        """Wall seconds since the server came up."""
        return self.clock() - self._born

    def start(self) -> None:
        """The server is up: SECONDS count from here."""
        self._born = self.clock()

    def add(self, fault: Fault) -> None:
        self.planned.append(fault)

    def open(self, *meets: Meets) -> Iterator[Fault]:
        """Those armed or active that meet such things, in the order in which they were asked for."""
        now = self.now
        for fault in self.planned:
            fault.refresh(now)
            if fault.kind.meets in meets and fault.state in (State.ARMED, State.ACTIVE):
                yield fault

    def request(self) -> Fault | None:
        """The fault that meets this market-data request, counted as a hit."""
        fault = next(self.open(Meets.REQUEST, Meets.WINDOW), None)
        if fault is not None:
            fault.hit(self.now)
            counted = 1 if fault.kind.unit != "requests" else fault.amount
            if fault.kind.meets is Meets.REQUEST and fault.hits >= counted:
                fault.end()
        return fault

    def behind(self, kind: str) -> int:
        """Recorded us by which `lag` or `stale` answers are behind; 0 where no such fault is open."""
        fault = next((fault for fault in self.open(Meets.PAST) if fault.kind.name == kind), None)
        if fault is None:
            return 0
        fault.hit(self.now)
        return int(fault.amount * 1_000_000)

    def silent_for(self) -> float | None:
        """Seconds that a subscription made now delivers nothing; None where it does at once."""
        fault = next(self.open(Meets.SUBSCRIPTIONS), None)
        if fault is None:
            return None
        fault.hit(self.now)
        return fault.remaining(self.now)

    def report(self) -> list[dict[str, object]]:
        for fault in self.planned:
            fault.refresh(self.now)
        return [fault.report() for fault in self.planned]


def parse_faults(texts: Iterable[str]) -> list[Fault]:
    return [parse_fault(text) for text in texts]

"""Faults on demand: how they are asked for, and where each stands.

`KIND@SECONDS[:ARG[/WHICH]]`, SECONDS of wall time since the server came up. A fault that is due waits for something to
meet: a request, a stream connection, a subscription, a delivered event, a bulk file. So each one asked for is met.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from fnmatch import fnmatchcase

from attrs import define, field

from bc_replay.kinds import BULK, COUNTED, KINDS, Kind, Meets


class FaultError(ValueError):
    """A fault that cannot be understood; the message says what is."""


PAST_FOR = 10.0  # seconds that lag and stale last where FOR is not given


class State(Enum):
    WAITING = "waiting"  # for its time
    ARMED = "armed"  # for something to meet
    ACTIVE = "active"
    DONE = "done"


@define(eq=False)
class Fault:
    """`at` is in seconds since the server came up, `lasts` the seconds a window stays open, `hits` what it has met.

    `which` it may meet, where `*` stands for anything and nothing for all: of bulk files their symbol, name or key, of
    everything else a symbol or the name of a stream. `files` are the keys of bulk files that it has met.
    """

    kind: Kind
    at: float
    amount: float
    lasts: float = 0.0
    which: str = ""
    files: set[str] = field(factory=set)
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

    def aims_at(self, *names: str | None) -> bool:
        """Whether it may meet what has these names."""
        wanted = self.which.upper()
        return not wanted or any(fnmatchcase(name.upper(), wanted) for name in names if name)

    def aims_at_stream(self, name: str) -> bool:
        """Whether it may meet the stream, by its name or its symbol."""
        return self.aims_at(name, name.partition("@")[0])

    def meets_file(self, key: str) -> bool:
        """Whether the bulk file of this key is one that it meets: one of `which`, as many as ARG says, always those."""
        if key in self.files:
            return True
        if self.which and not any(fnmatchcase(part, self.which) for part in (key, *key.split("/"))):
            return False
        most = self.amount if self.kind.unit == "files" else 1
        return self.kind.meets is not Meets.FILES or len(self.files) < most

    def report(self) -> dict[str, object]:
        told = {"kind": self.kind.name, "at": self.at, "arg": self.amount, "state": self.state.value}
        met = {"files": sorted(self.files)} if self.kind.meets in BULK else {}
        return {**told, "which": self.which, "hits": self.hits, "fired_at": self.fired_at, **met}


def parse_fault(text: str) -> Fault:
    """`KIND@SECONDS[:ARG[/WHICH]]`. Raises FaultError."""
    kind, at, rest = text.partition("@")
    seconds, _, argument = rest.partition(":")
    if not at:
        raise FaultError(f"fault {text!r}: write KIND@SECONDS[:ARG[/WHICH]], such as disconnect@10 or gap@5:2/BTCUSDT")
    return make_fault(kind, _number(text, seconds), argument or None)


def make_fault(kind: str, at: float, argument: str | None = None, which: str = "") -> Fault:
    """A fault of this kind, on `which` symbols, streams or bulk files if the argument does not say so behind a slash.

    Raises FaultError for an unknown kind, and for an ARG or a WHICH that the kind does not take.
    """
    known = KINDS.get(kind)
    if known is None:
        raise FaultError(f"fault kind {kind!r} is unknown; there are {', '.join(KINDS)}")
    whole, _, named = (argument or "").partition("/")
    lasts, _, named = named.partition("/") if known.meets is Meets.PAST else ("", "", named)
    if whole and not known.unit:
        raise FaultError(f"fault {kind} takes no argument, and was given {argument!r}")
    _check_aim(known, which := which or named)
    amount = _number(f"{kind} argument {argument!r}", whole) if whole else known.default
    if known.unit in COUNTED and (amount < 1 or amount != int(amount)):
        raise FaultError(f"fault {kind} takes a whole number of {known.unit} from 1, and was given {argument!r}")
    return Fault(known, at, amount, _window(known, amount, _number(kind, lasts) if lasts else PAST_FOR), which)


def _check_aim(kind: Kind, which: str) -> None:
    if which and kind.meets is Meets.PORT:
        raise FaultError(f"fault {kind.name} meets {kind.meets.value}: it cannot be told which")
    if which and kind.meets not in BULK and not any(letter.isalpha() or letter == "*" for letter in which):
        raise FaultError(f"fault {kind.name}: {which!r} behind the slash is neither a symbol nor a stream")


def _window(kind: Kind, amount: float, past: float = PAST_FOR) -> float:
    if kind.meets is Meets.PAST:
        return past
    return amount if kind.meets in (Meets.WINDOW, Meets.SUBSCRIPTIONS, Meets.PORT, Meets.ABSENCE) else 0.0


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

    def request(self, symbol: str | None = None) -> Fault | None:
        """The fault that meets this market-data request, of that symbol if of one, counted as a hit."""
        fault = next((each for each in self.open(Meets.REQUEST, Meets.WINDOW) if each.aims_at(symbol)), None)
        if fault is not None:
            self._meet(fault)
        return fault

    def behind(self, kind: str, symbol: str | None = None) -> int:
        """Recorded us by which `lag` or `stale` answers are behind; 0 where no such fault is open."""
        open_ = (fault for fault in self.open(Meets.PAST) if fault.kind.name == kind)
        fault = next((fault for fault in open_ if fault.aims_at(symbol)), None)
        if fault is None:
            return 0
        fault.hit(self.now)
        return int(fault.amount * 1_000_000)

    def file(self, key: str) -> tuple[Fault, ...]:
        """Those that this request finds on the bulk file of this key, oldest first; each counts a hit."""
        met = [fault for fault in self.open(Meets.FILES, Meets.ABSENCE) if fault.meets_file(key)]
        for fault in met:
            fault.files.add(key)
            fault.hit(self.now)
        return tuple(met)

    def download(self, key: str) -> Fault | None:
        """The fault that meets this download of a bulk file, counted as a hit."""
        fault = next((fault for fault in self.open(Meets.DOWNLOADS) if fault.meets_file(key)), None)
        if fault is not None:
            fault.files.add(key)
            self._meet(fault)
        return fault

    def silent_for(self, stream: str) -> float | None:
        """Seconds that a subscription of a stream made now delivers nothing; None where it does at once."""
        fault = next((each for each in self.open(Meets.SUBSCRIPTIONS) if each.aims_at_stream(stream)), None)
        if fault is None:
            return None
        fault.hit(self.now)
        return fault.remaining(self.now)

    def report(self) -> list[dict[str, object]]:
        for fault in self.planned:
            fault.refresh(self.now)
        return [fault.report() for fault in self.planned]

    def _meet(self, fault: Fault) -> None:
        """A hit by a request; the last one that it was asked for ends it."""
        fault.hit(self.now)
        counted = 1 if fault.kind.unit != "requests" else fault.amount
        if fault.kind.meets in (Meets.REQUEST, Meets.DOWNLOADS) and fault.hits >= counted:
            fault.end()


def parse_faults(texts: Iterable[str]) -> list[Fault]:
    return [parse_fault(text) for text in texts]

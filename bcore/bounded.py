"""Work of a plugin that must end: what takes longer than a plugin may is given up, and everything else goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Thread
from typing import Generic, TypeVar, cast

from attrs import define, field

T = TypeVar("T")
QUIET = 10.0  # seconds after which it is said whom we wait for; sooner where little patience is asked for


class TooLong(Exception):
    """It did not end in time; its thread is left behind."""


@define
class Work(Generic[T]):
    """A call in a thread of its own, so that it can be left: no Python can end another's thread.

    `seconds` is how long it took, or has taken so far.
    """

    call: Callable[[], T]
    _result: T | None = field(default=None, init=False)
    _error: BaseException | None = field(default=None, init=False)
    _began: float = field(factory=time.perf_counter, init=False)
    _ended: float | None = field(default=None, init=False)

    @property
    def seconds(self) -> float:
        return (self._ended or time.perf_counter()) - self._began

    def within(self, patience: float, waiting: Callable[[], object]) -> T:
        """What the call returns or raises; `TooLong` after so many seconds. `waiting` is called when it takes long."""
        thread = Thread(target=self._run, name="plugin", daemon=True)
        thread.start()
        quiet = min(QUIET, patience / 2)
        thread.join(quiet)
        if thread.is_alive():
            waiting()
            thread.join(patience - quiet)
        if thread.is_alive():
            raise TooLong
        if self._error is not None:
            raise self._error
        return cast(T, self._result)

    def _run(self) -> None:
        try:
            self._result = self.call()
        except BaseException as error:
            self._error = error
        finally:
            self._ended = time.perf_counter()

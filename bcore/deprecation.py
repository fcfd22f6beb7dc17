"""What is to go: it works on, says where it is used what takes its place, and names the version that it goes in.

- `@deprecated("trades_of", goes="1.3")` on a function, a method or a class;
- `__getattr__ = moved(__name__, goes="1.3", Old="bcore.records.New")` for a name that a module had;
- `@renamed(goes="1.3", old="new")` above `@frozen`, for a field of a record: given by its old name, and read by it;
- `field(metadata={"help": .., "was": Was("old", goes="1.3")})` for a key of a configuration or a parameter of a view.

The first three are for who writes programs: a `DeprecationWarning`. Keys and parameters are typed by people: theirs is
a `FutureWarning`, which Python shows. Commands and options are click's (`deprecated=`), hooks and their arguments are
pluggy's (`hookspec(warn_on_impl=.., warn_on_impl_args=..)`). `bcore.testing.overdue` finds what should be gone.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any, TypeVar

from attrs import frozen

T = TypeVar("T")


@frozen
class Was:
    """The name that a key or a parameter had before."""

    name: str
    goes: str


def warn(what: str, instead: str, goes: str, *, kind: type[Warning] = DeprecationWarning, above: int = 1) -> None:
    """Says it of the place that is so many calls `above` the one that calls this."""
    warnings.warn(f"{what} goes in version {goes}: use {instead}", kind, stacklevel=above + 2)


def deprecated(instead: str, *, goes: str) -> Callable[[T], T]:
    """Marks a function, a method or a class. `instead` completes the sentence "use ..."."""

    def change(target: T) -> T:
        thing: Any = target
        is_class = isinstance(target, type)
        called, what = thing.__init__ if is_class else thing, thing.__qualname__

        @wraps(called)
        def warning(*args: Any, **options: Any) -> Any:
            warn(what, instead, goes)
            return called(*args, **options)

        if not is_class:
            return warning  # type: ignore[return-value]  # what T is, the function that it wraps is too
        thing.__init__ = warning
        return target

    return change


def moved(module: str, *, goes: str, **names: str) -> Callable[[str], Any]:
    """The `__getattr__` of a module that has lost these names: old name -> where it is now, with its module."""

    def look_up(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        place, _, new = names[name].rpartition(".")
        warn(f"{module}.{name}", names[name], goes)
        return getattr(import_module(place), new)

    return look_up


def renamed(*, goes: str, **names: str) -> Callable[[type[T]], type[T]]:
    """For a record that has fields of other names now: old name -> new name."""

    def change(cls: type[T]) -> type[T]:
        record: Any = cls
        made = record.__init__

        @wraps(made)
        def init(self: T, *args: Any, **given: Any) -> None:
            for old, new in names.items():
                if old in given:
                    if new in given:
                        raise TypeError(f"{cls.__name__}: {old} is the old name of {new}; both were given")
                    warn(f"{cls.__name__}.{old}", new, goes)
                    given[new] = given.pop(old)
            made(self, *args, **given)

        record.__init__ = init
        for old, new in names.items():
            setattr(cls, old, _reading(cls.__name__, old, new, goes))
        return cls

    return change


def _reading(record: str, old: str, new: str, goes: str) -> property:
    def read(self: Any) -> Any:
        warn(f"{record}.{old}", new, goes)
        return getattr(self, new)

    return property(read)

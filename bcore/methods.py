"""Methods that distributions add to the client: functions of a client, entry points of the group `bcore.client`.

They are no hook: a hook declares what an archive is made of, a method only does something with what is read. One is
looked up when it is asked for, so that none costs anything at import.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from types import MethodType
from typing import Any

GROUP = "bcore.client"
PLOT = "plot_"


def names() -> list[str]:
    """Of all that are installed."""
    return sorted({each.name for each in entry_points(group=GROUP)})


def method(client: object, name: str) -> Callable[..., Any] | None:
    """The method of that name, bound to the client; None where nothing installed has it.

    Raises `AttributeError` where two distributions have it, one cannot be loaded, or it is known who would bring it.
    """
    found = list(entry_points(group=GROUP, name=name))
    if len(found) > 1:
        raise AttributeError(f"several distributions add {name!r} to clients: {', '.join(map(_home, found))}")
    if not found:
        if name.startswith(PLOT):
            raise AttributeError(f"client.{name} comes with bc-plot: pip install 'bcore[plot]'{_instead(names())}")
        return None
    try:
        return MethodType(found[0].load(), client)
    except Exception as error:
        raise AttributeError(f"client.{name} of {_home(found[0])} does not load: {error}") from error


def _home(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value


def _instead(known: list[str]) -> str:
    """What there is, for a name that is only misspelt."""
    plots = [name for name in known if name.startswith(PLOT)]
    return f"; installed: {', '.join(plots)}" if plots else ""

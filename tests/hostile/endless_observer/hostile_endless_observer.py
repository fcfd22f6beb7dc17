"""Never comes back from the first event."""

from __future__ import annotations

import threading

from bcore.events import Event
from bcore.hookspecs import hookimpl


@hookimpl
def bcore_event(event: Event) -> None:
    threading.Event().wait()

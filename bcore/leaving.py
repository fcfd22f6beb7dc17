"""Ending a process in which a thread is still at work.

A thread that hangs in a request, or in a disk that does not answer, cannot be ended: it is left behind. The interpreter
must not be taken apart around it: a library that comes back from its own code then, as pyarrow does, aborts the
process, and whoever started it hears of a crash where there was none.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from threading import Thread


def leave_behind(threads: Iterable[Thread], code: int) -> None:
    """Where one of the threads is still alive when the process ends, it ends at once, with `code`, all output written.

    To be called when everything else is closed: what else was to be done at the end of the process is not done then.
    """
    if alive := tuple(thread for thread in threads if thread.is_alive()):
        atexit.register(partial(_leave, alive, code))


def _leave(threads: tuple[Thread, ...], code: int) -> None:
    if not any(thread.is_alive() for thread in threads):
        return
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)

"""Less of Python's search for garbage in cycles, for a process that collects.

Every message becomes dozens of objects that die young and hold no cycles. By default Python looks for cycles each time
there are 700 more objects, and now and then through all that was ever imported: a quarter to a half of what reading a
message costs. What a collector does leave in cycles is small, and found all the same, only later.

A program that uses the SDK is not ours: nothing of this happens there.
"""

from __future__ import annotations

import gc

YOUNG, OLDER, OLDEST = 10_000, 20, 20  # as `gc.set_threshold` takes them


def look_seldom_for_cycles() -> None:
    """From here on. What there is already, above all modules, is never looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, OLDER, OLDEST)

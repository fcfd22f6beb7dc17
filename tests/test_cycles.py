"""A collector looks seldom for garbage in cycles, and finds it all the same."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gc, weakref
from bcore.cycles import look_seldom_for_cycles

class Node: pass

def cycle():
    node = Node()
    node.itself = node
    return weakref.ref(node)

look_seldom_for_cycles()
assert gc.get_freeze_count() > 1000, "what was imported"
looks = sum(each["collections"] for each in gc.get_stats())
short = [[str(number)] for number in range(9_000)]
assert looks == sum(each["collections"] for each in gc.get_stats())
left = cycle()
kept = [[number] for number in range(50_000)]
assert left() is None
"""


def test_what_is_left_in_a_cycle_is_found_but_not_looked_for_at_each_message() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert (0, "") == (ended.returncode, ended.stderr)

"""A process ends as it should although a thread is still at work in it."""

from __future__ import annotations

import subprocess
import sys

import pytest

# As a store reads: Arrow's code, which calls back into Python and then returns, again and again.
READING = """
import sys, time
from threading import Thread
import pyarrow as pa
from bcore.leaving import leave_behind

class Endless:
    closed = False
    def read(self, count=-1):
        time.sleep(0.0001)
        return b"x"
    def readable(self):
        return True
    def seekable(self):
        return False
    def close(self):
        pass

def work():
    file = pa.PythonFile(Endless(), mode="r")
    while True:
        file.read(1)

threads = [Thread(target=work, daemon=True) for _ in range(4)]
for thread in threads:
    thread.start()
time.sleep(0.1)
print("all is stored")
"""
ENDED = """
import atexit
from threading import Thread
from bcore.leaving import leave_behind

atexit.register(print, "the usual end")
thread = Thread(target=print, args=("worked",))
thread.start()
leave_behind([thread], 3)
thread.join()
"""


def run(code: str) -> tuple[int, str, str]:
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    return ended.returncode, ended.stdout, ended.stderr


@pytest.mark.parametrize("code", [0, 1])
def test_a_thread_that_is_left_behind_does_not_abort_the_process(code: int) -> None:
    assert (code, "all is stored\n", "") == run(f"{READING}\nleave_behind(threads, {code})")


def test_a_thread_that_has_ended_meanwhile_changes_nothing() -> None:
    assert (0, "worked\nthe usual end\n", "") == run(ENDED)

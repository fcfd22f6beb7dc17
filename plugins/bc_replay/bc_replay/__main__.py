"""`python -m bc_replay RECORDING...`: the same command as `bcore replay`."""

from __future__ import annotations

from bc_replay.cli import replay

if __name__ == "__main__":
    replay(prog_name="python -m bc_replay")

"""Readers of recordings, one module a format; `read_paths` takes any mix of them.

lines    raw stream lines with receive times, plain or gzip, cryptofeed's form included
arrays   JSON arrays of raw events, and single depth replies
tables   bulk-format and other CSV of aggTrades, trades and depth snapshots, plain, gzip or zip
archive  our own archive: Parquet files of aggregates
"""

from bc_replay.readers.files import read_paths
from bc_replay.readers.reel import Footage, Reel

__all__ = ["Footage", "Reel", "read_paths"]

"""Bulk files given in a folder, laid out as in the bucket: served as they are."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from attrs import frozen

from bc_replay.bulk.zips import Stored


@frozen
class Shelf:
    root: Path

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys of all files, CHECKSUMs included, that begin with `prefix`; in no order."""
        base = self.root / prefix.rpartition("/")[0]
        for folder, _, names in os.walk(base if self._inside(prefix) else os.devnull):
            for name in names:
                key = (Path(folder) / name).relative_to(self.root).as_posix()
                if key.startswith(prefix):
                    yield key

    def find(self, key: str) -> Stored | None:
        path = self.root / key
        if not self._inside(key) or not path.is_file():
            return None
        facts = path.stat()
        # Not an MD5, which would cost a reading: the exchange's larger files have no MD5 as their etag either.
        digest = hashlib.md5(f"{key} {facts.st_size} {facts.st_mtime_ns}".encode(), usedforsecurity=False)
        return Stored(path, facts.st_size, f'"{digest.hexdigest()}-1"', facts.st_mtime_ns // 1000)

    def _inside(self, key: str) -> bool:
        parts = PurePosixPath(key).parts
        return ".." not in parts and "\0" not in key and not key.startswith("/")

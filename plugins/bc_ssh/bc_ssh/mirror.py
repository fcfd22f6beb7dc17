"""Where the other machine has no bcore: its archive's files, which never change, copied over sftp and read here.

What a Parquet archive promises to every reader is all that is known of it here: `DATASET/SYMBOL.parquet` leads to a
folder of complete files, each of which is what it is for good. Files that are here already are not asked for again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from bc_ssh.batch import Batches, Denied
from bc_ssh.session import Session
from bcore.frames import LinkError

if TYPE_CHECKING:
    import pyarrow as pa

    from bcore.audits import Gap
    from bcore.following import Told
    from bcore.local import StoreReader
    from bcore.protocols import ViewInfo
    from bcore.query import Request
    from bcore.records import DayProof, SeriesStats

FRESH = 1.0  # seconds for which the copy is taken as it is
LOOKS = 5  # a merge over there may take files away while we fetch them
ENTRY = ".parquet"


@frozen
class Held:
    """A series over there: where its entry lies, the folder it leads to, and the files in that."""

    entry: PurePosixPath
    folder: PurePosixPath
    files: tuple[str, ...]


@define(eq=False)
class Mirror:
    """A copy of an archive, brought up to date when it is read. Reads as any folder does."""

    batches: Batches
    folder: Path
    local: StoreReader
    _checked: float = field(default=-FRESH, init=False)
    _lock: Lock = field(factory=Lock, init=False)

    @classmethod
    def of(cls, session: Session) -> Mirror:
        """Into the folder that the configuration names, else one of its own in the user's cache."""
        from bcore.app import folder_reader
        from bcore.registry import Registry

        config = session.config
        mark = hashlib.sha256(f"{config.destination}:{config.port}:{config.far_path}".encode()).hexdigest()[:16]
        cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
        folder = Path(config.mirror).expanduser() if config.mirror else cache / "bcore" / "sftp" / mark
        folder.mkdir(parents=True, exist_ok=True)
        return cls(Batches(session), folder, folder_reader(folder, Registry.load()))

    @property
    def received(self) -> int:
        """Bytes of the files that were fetched."""
        return self.batches.fetched

    def views(self) -> Mapping[str, ViewInfo]:
        return self._fresh().views()

    def symbols(self, view: str | None = None) -> list[str]:
        return self._fresh().symbols(view)

    def read(self, request: Request) -> pa.Table:
        return self._fresh().read(request)

    def scan(self, request: Request) -> pa.RecordBatchReader:
        return self._fresh().scan(request)

    def stats(self) -> list[SeriesStats]:
        return self._fresh().stats()

    def proofs(self, dataset: str, symbol: str, *, end: int | None = None) -> Sequence[DayProof]:
        return self._fresh().proofs(dataset, symbol, end=end)

    def gaps(self, dataset: str, symbol: str) -> Sequence[Gap]:
        return self._fresh().gaps(dataset, symbol)

    def follow(self, dataset: str, symbol: str, cursor: str | None = None) -> Told:
        for told in self._fresh().follow(dataset, symbol, cursor):
            yield told
            self._fresh()

    def close(self) -> None:
        self.local.close()
        self.batches.session.close()

    def _fresh(self) -> StoreReader:
        with self._lock:
            if time.monotonic() - self._checked >= FRESH:
                self._refresh()
                self._checked = time.monotonic()
        return self.local

    def _refresh(self) -> None:
        for look in range(LOOKS):
            try:
                for held in self._found():
                    self._bring(held)
                return
            except Denied as error:
                if look == LOOKS - 1:
                    raise LinkError(f"{self.batches.session.config.name}: {error}") from error

    def _found(self) -> Iterator[Held]:
        (root,) = self.batches.places([PurePosixPath(self.batches.session.config.far_path)])
        if root is None:
            raise LinkError(f"{self.batches.session.config.name}: there is no such folder")
        datasets = self.batches.names(root)
        entries = [
            root / dataset / name
            for dataset, names in self.batches.names_in([root / each for each in datasets if "." not in each]).items()
            for name in names
            if name.endswith(ENTRY)
        ]
        folders = dict(zip(entries, self.batches.places(entries), strict=True))
        kept = {entry: place for entry, place in folders.items() if place is not None and place.is_relative_to(root)}
        files = self.batches.names_in(kept.values())
        for entry, place in kept.items():
            names = tuple(name for name in files[place] if name.endswith(ENTRY))
            yield Held(entry.relative_to(root), place.relative_to(root), names)

    def _bring(self, held: Held) -> None:
        """Makes the folder complete, then lets the entry lead to it: a reader here never sees half of it."""
        there = PurePosixPath(self.batches.session.config.far_path) / held.folder
        here, link = self.folder / held.folder, self.folder / held.entry
        here.mkdir(parents=True, exist_ok=True)
        old = link.resolve() if link.is_symlink() else None
        for name in held.files:
            if old is not None and old != here and (old / name).exists() and not (here / name).exists():
                os.link(old / name, here / name)
        self.batches.fetch({there / name: here / name for name in held.files if not (here / name).exists()})
        target = os.path.relpath(here, link.parent)
        if old != here:
            staged = here.parent / "link"
            staged.unlink(missing_ok=True)
            staged.symlink_to(target)
            os.replace(staged, link)
            if old is not None:
                shutil.rmtree(old, ignore_errors=True)

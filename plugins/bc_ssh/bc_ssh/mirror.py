"""Where the other machine has no bcore: its archive's files, which never change, copied over sftp and read here.

What a Parquet archive promises to every reader is all that is known of it here: `DATASET/SYMBOL.parquet` leads to a
folder of complete files, each of which is what it is for good. Files that are here already are not asked for again. Of
larger ones only the ends come, where their footers are: those say what the archive holds, and so what of it is lacking.
Rows come when they are read, from the first group of rows that matters to the end of its file.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field, frozen

from bc_ssh.batch import Batches, Denied
from bc_ssh.ends import end_of, footer_begin, here_from
from bc_ssh.fetching import LOOKS, Fetching, Kept
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
ENTRY = ".parquet"


@frozen
class Held:
    """A series over there: where its entry lies, the folder it leads to, and the files in that."""

    entry: PurePosixPath
    folder: PurePosixPath
    files: Mapping[str, int]  # names, and how long they are


@define(eq=False)
class Mirror:
    """A copy of an archive, brought up to date when it is read. Reads as any folder does."""

    batches: Batches
    folder: Path
    local: StoreReader
    partly: bool = field(init=False)  # whether the store can tell what is in a file by its end
    _checked: float = field(default=-FRESH, init=False)
    _lock: Lock = field(factory=Lock, init=False)

    def __attrs_post_init__(self) -> None:
        stores = [store for store in self.local.stores if isinstance(store, Kept)]
        self.partly = len(stores) == len(self.local.stores)
        if self.partly:
            self.local = evolve(self.local, stores=tuple(Fetching(store, store, self._complete) for store in stores))

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

    def follow(
        self, view: str, symbol: str, cursor: str | None = None, params: Mapping[str, Any] | None = None
    ) -> Told:
        for told in self._fresh().follow(view, symbol, cursor, params):
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
            config = self.batches.session.config
            raise LinkError(f"{config.name}: there is no folder {config.far_path!r} over there")
        datasets = self.batches.names(root)
        entries = [
            root / dataset / name
            for dataset, names in self.batches.names_in([root / each for each in datasets if "." not in each]).items()
            for name in names
            if name.endswith(ENTRY)
        ]
        folders = dict(zip(entries, self.batches.places(entries), strict=True))
        kept = {entry: place for entry, place in folders.items() if place is not None and place.is_relative_to(root)}
        files = self.batches.sizes_in(kept.values())
        for entry, place in kept.items():
            sizes = {name: size for name, size in files[place].items() if name.endswith(ENTRY)}
            yield Held(entry.relative_to(root), place.relative_to(root), sizes)

    def _complete(self, files: Mapping[Path, int]) -> None:
        """Brings files of the copy, each from a byte on. Where one is gone over there, what took its place comes."""
        with self._lock:
            try:
                self.batches.fetch({self._there(path): (path, begin) for path, begin in files.items()})
            except (Denied, FileNotFoundError):  # or gone here, where another thread has seen that
                self._refresh()

    def _there(self, path: Path) -> PurePosixPath:
        return PurePosixPath(self.batches.session.config.far_path) / path.relative_to(self.folder)

    def _bring(self, held: Held) -> None:
        """Makes the folder complete, then lets the entry lead to it: a reader here never sees half of it."""
        here, link = self.folder / held.folder, self.folder / held.entry
        here.mkdir(parents=True, exist_ok=True)
        old = link.resolve() if link.is_symlink() else None
        for name in held.files:
            if old is not None and old != here and (old / name).exists() and not (here / name).exists():
                os.link(old / name, here / name)
        new = {here / name: size for name, size in held.files.items() if not (here / name).exists()}
        self._bring_ends(new)
        target = os.path.relpath(here, link.parent)
        if old != here:
            staged = here.parent / "link"
            staged.unlink(missing_ok=True)
            staged.symlink_to(target)
            os.replace(staged, link)
            if old is not None:
                shutil.rmtree(old, ignore_errors=True)

    def _bring_ends(self, files: Mapping[Path, int]) -> None:
        """Of files and their sizes what tells what they hold: small ones whole, of others at least the footers."""
        begins = {path: end_of(size) if self.partly else 0 for path, size in files.items()}
        self.batches.fetch({self._there(path): (path, begin) for path, begin in begins.items()})
        longer = {path: footer_begin(path) for path in files if footer_begin(path) < here_from(path)}
        self.batches.fetch({self._there(path): (path, begin) for path, begin in longer.items()})

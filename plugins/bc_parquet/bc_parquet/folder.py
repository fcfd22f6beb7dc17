"""The folder of one series on disk: complete files in a version folder behind a symlink that swings in one rename.

```
trades/BTCUSDT.parquet -> .BTCUSDT/v000042        what everybody opens
trades/.BTCUSDT/v000042/*.parquet                 nothing but complete parts
trades/.BTCUSDT/{lock,staging/,hot.arrow}
quarantine/trades/BTCUSDT/*                       files that were damaged, or not ours
```
A new part appears by rename. Where parts have to go as others come, a new version is made of hard links, and the
symlink swings: no moment exists at which a row is in no part or in two.

On a file system without symlinks a small text file, `trades/BTCUSDT.current`, names the version folder instead; where
there are no hard links either, a new version is made of copies.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from attrs import field, frozen

from bc_parquet.names import Part, folder_name
from bcore.errors import StoreError

log = logging.getLogger(__name__)
QUARANTINE = "quarantine"
NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
YOUNG_NS = 2 * 10**9  # longer than any file system's tick
NEVER_NS = 0  # the time of a hot file that is behind: before every part's
VERSION = re.compile(r"v(\d{6,})")


@frozen
class SeriesFolder:
    """Paths and atomic steps; knows nothing of rows."""

    dataset_path: Path
    name: str
    layout: str = "auto"  # of a series that is not there yet: "link", "pointer", or what the file system can
    link: Path = field(init=False)
    pointer: Path = field(init=False)
    home: Path = field(init=False)
    staging: Path = field(init=False)
    lock: Path = field(init=False)
    hot: Path = field(init=False)

    # Made once: an append asks for them a dozen times.
    @link.default
    def _link(self) -> Path:
        return self.dataset_path / f"{self.name}.parquet"

    @pointer.default
    def _pointer(self) -> Path:
        return self.dataset_path / f"{self.name}.current"

    @home.default
    def _home(self) -> Path:
        return self.dataset_path / f".{self.name}"

    @staging.default
    def _staging(self) -> Path:
        return self.home / "staging"

    @lock.default
    def _lock(self) -> Path:
        return self.home / "lock"

    @hot.default
    def _hot(self) -> Path:
        return self.home / "hot.arrow"

    @property
    def quarantine(self) -> Path:
        return self.dataset_path.parent / QUARANTINE / self.dataset_path.name / self.name

    @classmethod
    def of(cls, root: Path, dataset: str, symbol: str, layout: str = "auto") -> SeriesFolder:
        return cls(root / dataset, folder_name(symbol), layout)

    @classmethod
    def inside(cls, dataset_path: Path) -> list[SeriesFolder]:
        """Every series of a dataset that has a version, by name."""
        names = sorted(path.name[1:] for path in dataset_path.glob(".*") if path.is_dir())
        return [folder for name in names if (folder := cls(dataset_path, name)).held()]

    def held(self) -> bool:
        """Whether there is a version, of ours."""
        return self.link.is_symlink() or self.pointer.is_file()

    def version(self) -> Path | None:
        """The version folder that the symlink or the pointer names now; None for a series that holds nothing."""
        try:
            return self.dataset_path / os.readlink(self.link)
        except FileNotFoundError:
            return self._pointed()
        except OSError as error:
            raise StoreError(
                f"{self.link} is not one of our series: it was written by another program, and is left as it is; "
                "move it away to collect here, or take its rows over with `bcore import`"
            ) from error

    def _pointed(self) -> Path | None:
        try:
            return self.dataset_path / self.pointer.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None

    def parts(self, version: Path) -> list[Part]:
        """The parts of a version, in key order. A file that is no part is named in the log and left out."""
        parts = []
        for name in sorted(os.listdir(version)):  # names sort as their parts do, and faster
            part = Part.parsed(name)
            if part is None:
                log.warning("%s does not belong to the archive and is not read", version / name)
            else:
                parts.append(part)
        return parts

    def begin(self, staged: Path, part: Part) -> Path:
        """The first version, with its first part: an archive without rows is never there to be opened."""
        version = self.home / "v000001"
        remove(version)
        version.mkdir()
        os.rename(staged, version / part.name)
        sync(version)
        self._swing(version)
        sync(self.home)
        sync(self.dataset_path.parent)
        return version

    def clean(self, version: Path | None) -> None:
        """Removes what a killed writer left: staged files, and versions that are not current."""
        self.staging.mkdir(exist_ok=True)
        for left in self.staging.iterdir():
            remove(left)
        for path in self.home.iterdir():
            if VERSION.fullmatch(path.name) and path != version:
                remove(path)

    def foreign(self, version: Path) -> list[Path]:
        """What stands in a version and is no part."""
        return [version / name for name in os.listdir(version) if Part.parsed(name) is None]

    def set_aside(self, path: Path) -> Path:
        """Moves a file out of the archive into its quarantine; returns where it is now, never over another file."""
        self.quarantine.mkdir(parents=True, exist_ok=True)
        target, number = self.quarantine / path.name, 1
        while target.exists():
            target, number = self.quarantine / f"{path.name}.{number}", number + 1
        os.rename(path, target)
        sync(path.parent)
        return target

    def publish(self, staged: Path, version: Path, part: Part) -> None:
        """A staged file, already synced, becomes a part of the version; durable on return.

        The hot file is not believed from here on until it is replaced. Times alone could not tell that it is behind:
        the file system's clock may stand still from one append to the next.
        """
        with suppress(FileNotFoundError):
            os.utime(self.hot, ns=(NEVER_NS, NEVER_NS))
        os.rename(staged, version / part.name)
        sync(version)

    def replace(self, version: Path, gone: Iterable[Part], come: Iterable[tuple[Path, Part]]) -> Path:
        """A new version without the parts `gone` and with the staged files `come`; returns it, durable and current."""
        new, hot = self._next(version), self.hot_is_current()
        remove(new)
        new.mkdir()
        without = {part.name for part in gone}
        for part in self.parts(version):
            if part.name not in without:
                _link(version / part.name, new / part.name)
        for staged, part in come:
            os.rename(staged, new / part.name)
        sync(new)
        self._swing(new)
        sync(self.home)
        if hot:  # a new version of the same rows is no news to it
            with suppress(FileNotFoundError):
                os.utime(self.hot)
        return new

    def stamp(self) -> tuple[str, int, tuple[str, ...]]:
        """Changes with the parts. The time of their folder does too, but not twice within one tick of the file system's
        clock: while it is young, the names tell."""
        version = self.version()
        if version is None:
            return ("", 0, ())
        try:
            changed = os.stat(version).st_mtime_ns
            young = abs(time.time_ns() - changed) < YOUNG_NS
            return (version.name, changed, tuple(sorted(os.listdir(version))) if young else ())
        except FileNotFoundError:  # another version has just come
            return (version.name, time.monotonic_ns(), ())

    def hot_is_current(self) -> bool:
        """Whether the hot file is as new as the newest part: a writer may be killed between the two."""
        version = self.version()
        try:
            return version is not None and os.stat(version).st_mtime_ns <= os.stat(self.hot).st_mtime_ns
        except FileNotFoundError:
            return False

    def settle(self, version: Path | None) -> None:
        """Makes durable whatever a step that failed has left visible."""
        for folder in (version, self.home, self.dataset_path):
            if folder is not None:
                sync(folder)

    def _next(self, version: Path) -> Path:
        number = int(version.name.removeprefix("v"))
        return self.home / f"v{number + 1:06d}"

    def _swing(self, version: Path) -> None:
        fresh, target = self.staging / "link", f".{self.name}/{version.name}"
        remove(fresh)
        if self._points(fresh, target):
            remove(fresh)
            fresh.write_text(target + "\n", encoding="utf-8")
            sync_file(fresh)
            os.replace(fresh, self.pointer)
        else:
            os.replace(fresh, self.link)
        sync(self.dataset_path)

    def _points(self, fresh: Path, target: str) -> bool:
        """Whether the series has a pointer and not a symlink. It keeps what it was begun with; else tries `fresh`."""
        if self.pointer.exists() or (self.layout == "pointer" and not self.link.is_symlink()):
            return True
        try:
            os.symlink(target, fresh)
        except OSError as error:
            if self.layout == "link" or self.link.is_symlink() or error.errno not in NO_LINKS:
                raise
            log.warning("%s: no symlinks here (%s): %s names the folder to read", self.link, error, self.pointer)
            return True
        return False


def is_archive(path: Path) -> bool:
    """Whether there is a series of ours in the folder."""
    return path.is_dir() and any(SeriesFolder.inside(each) for each in path.iterdir() if each.is_dir())


def _link(held: Path, new: Path) -> None:
    """A hard link; on a file system that has none a copy, which costs what the file is long."""
    try:
        os.link(held, new)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        shutil.copyfile(held, new)
        sync_file(new)


def sync(folder: Path) -> None:
    """Makes what was renamed into the folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Removes a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)

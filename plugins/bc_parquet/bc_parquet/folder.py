"""The folder of one series on disk: complete files in a version folder behind a symlink that swings in one rename.

```
trades/BTCUSDT.parquet -> .BTCUSDT/v000042        what everybody opens
trades/.BTCUSDT/v000042/*.parquet                 nothing but complete parts
trades/.BTCUSDT/{lock,staging/,hot.arrow}
```
A new part appears by rename. Where parts have to go as others come, a new version is made of hard links, and the
symlink swings: no moment exists at which a row is in no part or in two.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from attrs import frozen

from bc_parquet.names import Part, folder_name
from bcore.errors import StoreError

log = logging.getLogger(__name__)
VERSION = re.compile(r"v(\d{6,})")


@frozen
class SeriesFolder:
    """Paths and atomic steps; knows nothing of rows."""

    dataset_path: Path
    name: str

    @classmethod
    def of(cls, root: Path, dataset: str, symbol: str) -> SeriesFolder:
        return cls(root / dataset, folder_name(symbol))

    @property
    def link(self) -> Path:
        return self.dataset_path / f"{self.name}.parquet"

    @property
    def home(self) -> Path:
        return self.dataset_path / f".{self.name}"

    @property
    def staging(self) -> Path:
        return self.home / "staging"

    @property
    def lock(self) -> Path:
        return self.home / "lock"

    @property
    def hot(self) -> Path:
        return self.home / "hot.arrow"

    def version(self) -> Path | None:
        """The version folder that the symlink names now; None for a series that holds nothing."""
        try:
            return self.dataset_path / os.readlink(self.link)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(
                f"{self.link} is not one of our series: it was written by another program, and is left as it is; "
                "move it away to collect here"
            ) from error

    def parts(self, version: Path) -> list[Part]:
        """The parts of a version, in key order. A file that is no part is named in the log and left out."""
        parts = []
        for name in os.listdir(version):
            part = Part.parsed(name)
            if part is None:
                log.warning("%s does not belong to the archive and is not read", version / name)
            else:
                parts.append(part)
        return sorted(parts)

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

    def publish(self, staged: Path, version: Path, part: Part) -> None:
        """A staged file, already synced, becomes a part of the version; durable on return."""
        os.rename(staged, version / part.name)
        sync(version)

    def replace(self, version: Path, gone: Iterable[Part], come: Iterable[tuple[Path, Part]]) -> Path:
        """A new version without the parts `gone` and with the staged files `come`; returns it, durable and current."""
        new = self._next(version)
        remove(new)
        new.mkdir()
        without = {part.name for part in gone}
        for part in self.parts(version):
            if part.name not in without:
                os.link(version / part.name, new / part.name)
        for staged, part in come:
            os.rename(staged, new / part.name)
        sync(new)
        self._swing(new)
        sync(self.home)
        return new

    def _next(self, version: Path) -> Path:
        number = int(version.name.removeprefix("v"))
        return self.home / f"v{number + 1:06d}"

    def _swing(self, version: Path) -> None:
        fresh = self.staging / "link"
        remove(fresh)
        os.symlink(f".{self.name}/{version.name}", fresh)
        os.replace(fresh, self.link)
        sync(self.dataset_path)


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

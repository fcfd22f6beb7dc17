"""From paths on the command line to footage: folders walked, kinds told apart, symbols found."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from attrs import frozen

from bc_replay.errors import RecordingError
from bc_replay.readers.archive import archived, read_archive
from bc_replay.readers.arrays import read_array
from bc_replay.readers.lines import looks_like_lines, read_lines
from bc_replay.readers.naming import symbol_of
from bc_replay.readers.opening import PARQUET, UnknownKindError, magic, text_of
from bc_replay.readers.ownership import adopt, renamed
from bc_replay.readers.reel import Footage
from bc_replay.readers.tables import read_table

FORCED = re.compile(r"(?P<symbol>[^\W_a-z][^\Wa-z]{1,49})=(?P<path>.+)", re.DOTALL)
BROKEN = (OSError, EOFError, zipfile.BadZipFile, zlib.error)


@frozen
class Source:
    """One thing to read: a file, or a folder of Parquet files. `listed` if named by the user, not found in a folder."""

    path: Path
    symbol: str | None
    listed: bool


def read_paths(paths: Iterable[str | Path]) -> Footage:
    """RecordingError names what is missing or wrong; in folders, files of other kinds are passed over."""
    whole, taken = Footage(), []
    for source in dict.fromkeys(found for path in paths for found in _sources(path)):
        footage = _read(source, whole)
        if footage is not None:
            taken.append((source, footage))
    neighbours = [(source.path, tuple(footage.reels)) for source, footage in taken]
    for source, footage in taken:
        adopt(footage, source.path, source.symbol, neighbours)
        for symbol, reel in footage.reels.items():
            whole.reel(symbol).extend(reel)
        whole.markets |= footage.markets
        for kind, count in footage.ignored.items():
            whole.ignored[kind] = whole.ignored.get(kind, 0) + count
    return whole


def _sources(given: str | Path) -> Iterator[Source]:
    path, symbol = Path(given), None
    forced = FORCED.fullmatch(str(given))
    if forced and not path.exists():
        path, symbol = Path(forced["path"]), forced["symbol"]
    if not path.exists():
        raise RecordingError(f"{path}: no such file or folder")
    if path.is_file() or archived(path):
        yield Source(path, symbol, True)
    elif (path / "trades").is_dir() and any(map(archived, (path / "trades").iterdir())):
        yield from (Source(found, symbol, True) for found in sorted((path / "trades").iterdir()) if archived(found))
    else:
        yield from _walk(path, symbol)


def _walk(folder: Path, symbol: str | None) -> Iterator[Source]:
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir() and not archived(entry):
            yield from _walk(entry, symbol)
        else:
            yield Source(entry, symbol, False)


def _read(source: Source, whole: Footage) -> Footage | None:
    try:
        footage = _read_kind(source.path, source.symbol)
    except UnknownKindError:
        if source.listed:
            raise
        whole.ignore(f"file {source.path.name}")
        return None
    except UnicodeDecodeError:
        raise RecordingError(f"{source.path}: not UTF-8 text") from None
    except BROKEN as problem:
        raise RecordingError(f"{source.path}: cannot be read: {problem}; is it complete?") from None
    return footage if source.symbol is None else renamed(footage, source.path, source.symbol)


def _read_kind(path: Path, symbol: str | None) -> Footage:
    name = str(path)
    if path.is_dir() or magic(path) == PARQUET:
        return read_archive(path, symbol)
    head = _head(path)
    opened = partial(text_of, path)
    if looks_like_lines(head) and not _whole_json(head):
        return read_lines(opened, name)
    if head[:1] in ("[", "{"):
        with opened() as file:
            return read_array(file, name)
    return read_table(opened, name, symbol, symbol_of(path))


def _head(path: Path) -> str:
    try:
        with text_of(path) as file:
            return next((line for line in file if line.strip()), "").lstrip()
    except UnicodeDecodeError:
        raise UnknownKindError(
            f"{path}: neither text nor Parquet; see `bcore replay --help` for what is read"
        ) from None


def _whole_json(head: str) -> bool:
    """One depth reply in a file of its own has no event type and no stream; so has pretty-printed JSON."""
    return head.startswith("{") and '"e"' not in head and '"stream"' not in head

"""The exchange's bulk files: found, fetched, checked, opened (protocol section 8)."""

from __future__ import annotations

import hashlib
import re
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote
from uuid import uuid4

from attrs import define, evolve, field, frozen

from bc_binance.bucket import Bucket, host_of, open_bucket
from bc_binance.bulk_files import PERIODS, BulkFile, Kind, chosen, day_text, named
from bc_binance.config import BinanceConfig
from bc_binance.errors import ChecksumError, MissingChecksumError, MissingFileError
from bc_binance.listing import Listed, Listing
from bc_binance.market import SPOT
from bc_binance.zips import open_csv
from bcore.errors import FaultyReplyError, RefusedError
from bcore.protocols import Clock

INFLATION = 16  # times `bulk_limit` that a file's rows may take
CHECKSUM_BYTES = 4096
_CHECKSUM = re.compile(r"([0-9a-fA-F]{64})[ \t]+\*?(\S+)\s*")


@frozen
class Downloaded:
    """A file that is what its CHECKSUM says. `etag` and `last_modified` name its revision, as the host gave them."""

    path: Path
    sha256: str
    size: int
    etag: str
    last_modified: str


@define(eq=False)
class BulkFiles:
    """Safe to use from several threads. Nothing here touches the request weight or waits for a ban to end.

    Every method may raise an `ExchangeError` that says what to do, and `Stopped`; faults on the way are tried again a
    few times first.
    """

    config: BinanceConfig
    clock: Clock
    root: str = SPOT.bulk  # the market's folder in the bucket
    _bucket: Bucket = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._bucket = open_bucket(self.config, self.clock)

    def files(self, kind: str, symbol: str, start: int, end: int) -> list[BulkFile]:
        """What is published for [start, end), int us UTC, in order: whole months as one file, other days as days.

        `kind` is `aggTrades`, `trades`, or `klines/1m` and the like. What is not listed is not published yet, or never.
        A month's file may reach beyond the range, where days that it holds are not published alone.
        Raises `RequestError` for a kind that there is not.
        """
        what = Kind.of(kind, self.root)
        if end <= start:
            return []
        listing = Listing(self._bucket, self.config.listing_url)
        months = named(listing.objects(what.folder(symbol, "monthly")), what, symbol, "monthly")
        stem = what.folder(symbol, "daily") + what.stem(symbol)
        daily = listing.objects(what.folder(symbol, "daily"), stem + day_text(start), f"{stem}{day_text(end - 1)}~")
        return chosen(start, end, months, named(daily, what, symbol, "daily"))

    def file(self, kind: str, symbol: str, key: str) -> BulkFile | None:
        """The file that a key in the bucket names; None where that is no file of this kind and symbol.

        Nobody is asked: of its size and revision nothing is known.
        """
        what, listed = Kind.of(kind, self.root), [Listed(key, 0, "")]
        found = [file for period in PERIODS for file in named(listed, what, symbol, period).values()]
        return found[0] if found else None

    def checksum(self, file: BulkFile) -> str:
        """The SHA-256 that the host publishes for the file now, in lower-case hex.

        Raises `MissingChecksumError` where there is only the file, `MissingFileError` where there is neither.
        """
        url = self._url(file) + ".CHECKSUM"
        try:
            body = self._bucket.persistently(lambda: self._bucket.small(url, {}, CHECKSUM_BYTES))
        except MissingFileError as error:
            self._bucket.persistently(lambda: self._is_there(file))
            raise MissingChecksumError(
                f"{host_of(url)} has {file.name} and no CHECKSUM of it: ask again in some days, or fetch these rows "
                "over REST"
            ) from error
        return _parsed(body, file)

    def download(self, file: BulkFile, folder: Path) -> Downloaded:
        """Fetches the file into `folder` under its own name, and compares it with its CHECKSUM on the way.

        Nothing is left behind on an error: `MissingFileError`, `MissingChecksumError`, `ChecksumError`; `RefusedError`
        for a file of more than `bulk_limit` bytes.
        """
        self._check_size(file, file.size)
        expected = self.checksum(file)
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f".{file.name}.{uuid4().hex}.part"
        try:
            fetched = self._bucket.persistently(lambda: self._fetch(file, part))
            self._compare(file, expected, fetched.sha256)
            return evolve(fetched, path=part.replace(folder / file.name))
        finally:
            part.unlink(missing_ok=True)

    def open_csv(self, path: Path, name: str) -> AbstractContextManager[BinaryIO]:
        """The one CSV file inside the zip at `path`; `name` is how errors call it. See `bc_binance.zips.open_csv`."""
        return open_csv(path, name, INFLATION * self.config.bulk_limit)

    def close(self) -> None:
        """Frees the connections."""
        self._bucket.session.close()

    def _url(self, file: BulkFile) -> str:
        return f"{self.config.bulk_url}/{quote(file.key)}"

    def _is_there(self, file: BulkFile) -> None:
        with self._bucket.opened(self._url(file)):
            pass

    def _check_size(self, file: BulkFile, size: int) -> None:
        limit = self.config.bulk_limit
        if size > limit:
            raise RefusedError(
                f"{file.name} has {size} bytes, more than bulk_limit = {limit} in the exchange's section: raise that "
                "if the file is wanted"
            )

    def _fetch(self, file: BulkFile, part: Path) -> Downloaded:
        """One attempt, from the beginning."""
        url, digest, size = self._url(file), hashlib.sha256(), 0
        with self._bucket.opened(url) as reply, part.open("wb") as out:
            for piece in self._bucket.pieces(reply, url):
                size += len(piece)
                self._check_size(file, size)
                digest.update(piece)
                out.write(piece)
        tag, modified = reply.headers.get("ETag", "").strip('"'), reply.headers.get("Last-Modified", "")
        if size < file.size and (tag == file.etag or "Content-Length" not in reply.headers):
            raise FaultyReplyError(f"{host_of(url)} sent {size} of the {file.size} bytes of {file.name}")
        return Downloaded(part, digest.hexdigest(), size, tag, modified)

    def _compare(self, file: BulkFile, expected: str, found: str) -> None:
        """Asks once more where they differ: the file may have been replaced between the two requests."""
        if found != expected:
            expected = self.checksum(file)
        if found != expected:
            raise ChecksumError(
                f"{file.name} is not what its CHECKSUM says: SHA-256 {found}, where {expected} is published; fetch it "
                "again later, or these rows over REST",
                expected=expected,
                found=found,
            )


def _parsed(body: bytes, file: BulkFile) -> str:
    found = _CHECKSUM.fullmatch(body.decode("utf-8", "replace"))
    if found is None or found[2] != file.name:
        raise FaultyReplyError(f"the CHECKSUM of {file.name} is none: {body[:80]!r}")
    return found[1].lower()

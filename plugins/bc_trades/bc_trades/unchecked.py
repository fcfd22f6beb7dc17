"""Files whose CHECKSUM cannot be had or believed, for those who want them all the same (protocol section 8.5)."""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import quote

from bc_binance.bucket import Bucket, host_of, open_bucket
from bc_binance.bulk import Downloaded
from bc_binance.bulk_files import BulkFile
from bc_trades.past import Bulk
from bcore.errors import FaultyReplyError, RefusedError


def as_it_is(bulk: Bulk, file: BulkFile, folder: Path) -> Downloaded:
    """Fetches the file, compared with nothing; whoever asks must look at its `sha256`. Raises `ExchangeError`."""
    bucket = open_bucket(bulk.config, bulk.clock)
    try:
        return bucket.persistently(lambda: _fetch(bucket, bulk, file, folder / file.name))
    finally:
        bucket.session.close()


def _fetch(bucket: Bucket, bulk: Bulk, file: BulkFile, target: Path) -> Downloaded:
    url, digest, size = f"{bulk.config.bulk_url}/{quote(file.key)}", hashlib.sha256(), 0
    with bucket.opened(url) as reply, target.open("wb") as out:
        for piece in bucket.pieces(reply, url):
            size += len(piece)
            if size > bulk.config.bulk_limit:
                raise RefusedError(f"{file.name} has more bytes than bulk_limit in the exchange's section")
            digest.update(piece)
            out.write(piece)
        if size < file.size:
            raise FaultyReplyError(f"{host_of(url)} sent {size} of the {file.size} bytes of {file.name}")
        headers = reply.headers
    tag, modified = headers.get("ETag", "").strip('"'), headers.get("Last-Modified", "")
    return Downloaded(target, digest.hexdigest(), size, tag, modified)

"""The files that the page is made of: ours, and the charting library as its package installed it."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from importlib.resources import files
from importlib.resources.abc import Traversable

from attrs import frozen

log = logging.getLogger(__name__)
LIBRARY = "lightweight-charts.js"
MEDIA = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@frozen
class Asset:
    """One file, as it is and compressed."""

    media: str
    body: bytes
    zipped: bytes
    tag: str

    @classmethod
    def of(cls, name: str, body: bytes) -> Asset:
        media = MEDIA[name[name.rindex(".") :]]
        return cls(media, body, gzip.compress(body, 9, mtime=0), f'"{blake2b(body, digest_size=9).hexdigest()}"')


@frozen
class Assets:
    """By name. Nothing else is ever sent: a name is looked up, never joined to a path."""

    files: Mapping[str, Asset]

    @classmethod
    def installed(cls) -> Assets:
        return cls({file.name: Asset.of(file.name, file.read_bytes()) for file in _found()})


def _found() -> Iterator[Traversable]:
    yield from (each for each in files("bc_dashboard").joinpath("static").iterdir() if each.name[0] not in "._")
    try:
        library = files("litecharts").joinpath("js", LIBRARY)
    except ModuleNotFoundError:
        log.error("the charts of the dashboard are missing: pip install litecharts")
        return
    yield library

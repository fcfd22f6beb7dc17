"""What the bucket of the bulk files holds (protocol section 8.6)."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree

from attrs import frozen

from bc_binance.bucket import Bucket, host_of
from bcore.errors import FaultyReplyError

PAGE_BYTES = 4 * 2**20  # a page of 1000 keys is about 300 kB


@frozen
class Listed:
    """One object of the bucket. `etag` without its quotes, `size` in bytes."""

    key: str
    size: int
    etag: str


@frozen
class Listing:
    """Version 1 of the bucket's listing, page by page. Raises `ExchangeError`."""

    bucket: Bucket
    url: str

    def objects(self, prefix: str, after: str = "", until: str | None = None) -> Iterator[Listed]:
        """The objects below `prefix` (not those in folders of it) with `after` < key <= `until`, by key."""
        marker: str | None = after
        while marker is not None:
            page = self._page(prefix, marker)
            for each in page.objects:
                if until is not None and each.key > until:
                    return
                yield each
            marker = self._next(page, marker)

    def _page(self, prefix: str, marker: str) -> Page:
        params = {"delimiter": "/", "prefix": prefix, **({"marker": marker} if marker else {})}
        return self.bucket.persistently(lambda: self._parsed(self.bucket.small(f"{self.url}/", params, PAGE_BYTES)))

    def _parsed(self, body: bytes) -> Page:
        try:
            return parse_page(body)
        except (ElementTree.ParseError, ValueError) as error:
            raise FaultyReplyError(
                f"{host_of(self.url)} answered with something that is no listing of files ({error}): is "
                "bulk_listing_url in the exchange's section right?"
            ) from error

    def _next(self, page: Page, marker: str) -> str | None:
        if not page.truncated:
            return None
        following = page.next_marker or (page.objects[-1].key if page.objects else "")
        if following <= marker:
            raise FaultyReplyError(f"{host_of(self.url)} lists the same files over and over")
        return following


@frozen
class Page:
    objects: tuple[Listed, ...]
    truncated: bool
    next_marker: str


def parse_page(body: bytes) -> Page:
    """Raises `ValueError` for any other document."""
    root = ElementTree.fromstring(body)
    space = root.tag.rpartition("}")[0]
    space = f"{space}}}" if space else ""
    if root.tag != f"{space}ListBucketResult":
        raise ValueError(f"a document of {root.tag.rpartition('}')[2]!r}")
    objects = tuple(_listed(each, space) for each in root.iter(f"{space}Contents"))
    truncated = root.findtext(f"{space}IsTruncated", "false").strip().lower() == "true"
    return Page(objects, truncated, root.findtext(f"{space}NextMarker", ""))


def _listed(entry: ElementTree.Element, space: str) -> Listed:
    key = entry.findtext(f"{space}Key")
    if not key:
        raise ValueError("an entry without a key")
    size = int(entry.findtext(f"{space}Size", ""))
    return Listed(key, size, entry.findtext(f"{space}ETag", "").strip('"'))

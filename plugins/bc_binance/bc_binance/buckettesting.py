"""For tests of whatever reads bulk files: the bucket that holds them, on a local server."""

from __future__ import annotations

import hashlib
import io
import zipfile
from urllib.parse import quote
from xml.sax.saxutils import escape

from attrs import define, field

from bc_binance.testing import Answer, Asked, LocalVenue

SPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


def zipped(rows: str | bytes, member: str, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip file of one member, the same bytes at every call."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        info = zipfile.ZipInfo(member, (2024, 1, 1, 0, 0, 0))
        info.compress_type = method
        archive.writestr(info, rows)
    return out.getvalue()


@define(eq=False)
class LocalBucket:
    """Serves `objects` (key to body) and their listing, `page` keys at a time, from the venue's port."""

    venue: LocalVenue
    page: int = 1000
    objects: dict[str, bytes] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.venue.on("/", self._listing)

    def put(self, key: str, body: bytes, *, checksum: bytes | None = None) -> None:
        """The object, and its CHECKSUM: `checksum`, or the right one where none is given; empty for none at all."""
        name = key.rpartition("/")[2]
        right = f"{hashlib.sha256(body).hexdigest()}  {name}".encode()
        self._put(key, body)
        if checksum != b"":
            self._put(f"{key}.CHECKSUM", checksum or right)

    def put_rows(self, key: str, rows: str) -> None:
        """A zip of one CSV file with these rows, and its CHECKSUM."""
        self.put(key, zipped(rows, key.rpartition("/")[2].replace(".zip", ".csv")))

    def _put(self, key: str, body: bytes) -> None:
        self.objects[key] = body
        headers = {"ETag": f'"{hashlib.md5(body).hexdigest()}"', "Last-Modified": "Mon, 01 Jan 2024 06:00:00 GMT"}
        self.venue.on(f"/{quote(key)}", lambda _: Answer(self.objects[key], headers=headers, kind="application/zip"))

    def _listing(self, asked: Asked) -> Answer:
        prefix, marker = asked.params.get("prefix", ""), asked.params.get("marker", "")
        keys = sorted(key for key in self.objects if key.startswith(prefix) and key > marker)
        keys = [key for key in keys if "/" not in key.removeprefix(prefix)]
        shown, more = keys[: self.page], len(keys) > self.page
        entries = "".join(self._entry(key) for key in shown)
        following = f"<NextMarker>{escape(shown[-1])}</NextMarker>" if more else ""
        text = f"<IsTruncated>{str(more).lower()}</IsTruncated>{following}{entries}"
        body = f'<?xml version="1.0"?><ListBucketResult xmlns="{SPACE}">{text}</ListBucketResult>'
        return Answer(body.encode(), kind="application/xml")

    def _entry(self, key: str) -> str:
        body = self.objects[key]
        tag = hashlib.md5(body).hexdigest()
        return (
            f"<Contents><Key>{escape(key)}</Key><LastModified>2024-01-01T06:00:00.000Z</LastModified>"
            f'<ETag>"{tag}"</ETag><Size>{len(body)}</Size></Contents>'
        )

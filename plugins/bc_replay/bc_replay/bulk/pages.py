"""The pages of a bucket's listing, and their XML (protocol section 8.6)."""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import timedelta
from urllib.parse import quote
from xml.etree import ElementTree

from attrs import field, frozen

from bc_replay.bulk.keys import EPOCH
from bc_replay.bulk.zips import Stored

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
BUCKET = "data.binance.vision"
LONGEST = 1000  # entries a page
LISTS = ("prefix", "delimiter", "list-type")  # a request with one of these asks for a listing


@frozen(kw_only=True)
class Asked:
    """`after` is the key, or the folder, behind which the page begins."""

    prefix: str = ""
    delimiter: str = ""
    after: str = ""
    most: int = LONGEST
    version: int = 1
    echo: Mapping[str, str] = field(factory=dict)  # what the reply repeats of the request
    quoted: bool = False


@frozen
class Page:
    """Keys, and folders (CommonPrefixes), each ascending by bytes; `last` is the last entry of either."""

    keys: Sequence[str]
    folders: Sequence[str]
    last: str
    truncated: bool


class BadListing(ValueError):
    """A listing that cannot be given; the message says why."""


def asked(query: Mapping[str, str]) -> Asked:
    """Raises BadListing for a value that the bucket refuses."""
    version = 2 if query.get("list-type") == "2" else 1
    try:
        most = min(int(query.get("max-keys", LONGEST)), LONGEST)
        token = base64.b64decode(query.get("continuation-token", ""), validate=True).decode()
    except (ValueError, binascii.Error):
        raise BadListing("max-keys is not a number, or the continuation token is none of ours") from None
    if most < 0:
        raise BadListing("max-keys is negative")
    names = ("continuation-token", "start-after") if version == 2 else ("marker",)
    return Asked(
        prefix=query.get("prefix", ""),
        delimiter=query.get("delimiter", ""),
        after=(token or query.get("start-after", "")) if version == 2 else query.get("marker", ""),
        most=most,
        version=version,
        echo={name: query[name] for name in names if name in query},
        quoted=query.get("encoding-type") == "url",
    )


def page(keys: Sequence[str], wanted: Asked) -> Page:
    """The page of `keys` (ascending by bytes) that was asked for; at most `most` keys and folders together."""
    found: list[str] = []
    folders: list[str] = []
    last, rows = "", range(bisect_left(keys, wanted.after.encode(), key=str.encode), len(keys))
    for key in (keys[row] for row in rows):
        folder = _folder(key, wanted)
        entry = folder or key
        if not key.startswith(wanted.prefix) or entry == last or _passed(entry, folder, wanted.after):
            continue
        if len(found) + len(folders) >= wanted.most:
            return Page(found, folders, last, bool(last))
        (folders if folder else found).append(entry)
        last = entry
    return Page(found, folders, last, False)


def xml(wanted: Asked, listed: Page, facts: Mapping[str, Stored]) -> bytes:
    """`facts` are those of the keys of the page."""
    root = ElementTree.Element("ListBucketResult", xmlns=NAMESPACE)
    for name, text in _head(wanted, listed).items():
        ElementTree.SubElement(root, name).text = text
    for key in listed.keys:
        _add(root, "Contents", {"Key": _text(key, wanted), **_facts(facts[key])})
    for folder in listed.folders:
        _add(root, "CommonPrefixes", {"Prefix": _text(folder, wanted)})
    return _document(root)


def error_xml(code: str, message: str, key: str = "") -> bytes:
    root = ElementTree.Element("Error")
    for name, text in {"Code": code, "Message": message, "Key": key}.items():
        ElementTree.SubElement(root, name).text = text
    return _document(root)


def _folder(key: str, wanted: Asked) -> str:
    """What the key is rolled up into, empty for a key of its own."""
    if not wanted.delimiter:
        return ""
    head, found, _ = key[len(wanted.prefix) :].partition(wanted.delimiter)
    return wanted.prefix + head + found if found else ""


def _passed(entry: str, folder: str, after: str) -> bool:
    """Whether an entry lies before the page. A marker inside a folder leaves the rest of that folder to be listed."""
    if folder and after.startswith(folder):
        return after == folder
    return bool(after) and entry.encode() <= after.encode()


def _head(wanted: Asked, listed: Page) -> dict[str, str]:
    head = {"Name": BUCKET, "Prefix": _text(wanted.prefix, wanted)}
    if wanted.version == 2:
        shown = {"continuation-token": "ContinuationToken", "start-after": "StartAfter"}
        head |= {shown[name]: text for name, text in wanted.echo.items()}
        head["KeyCount"] = str(len(listed.keys) + len(listed.folders))
        if listed.truncated:
            head["NextContinuationToken"] = base64.b64encode(listed.last.encode()).decode()
    else:
        head["Marker"] = _text(wanted.after, wanted)
        if listed.truncated and wanted.delimiter:
            head["NextMarker"] = _text(listed.last, wanted)
    head["MaxKeys"] = str(wanted.most)
    if wanted.delimiter:
        head["Delimiter"] = wanted.delimiter
    if wanted.quoted:
        head["EncodingType"] = "url"
    return {**head, "IsTruncated": str(listed.truncated).lower()}


def _facts(file: Stored) -> dict[str, str]:
    modified = (EPOCH + timedelta(microseconds=file.modified)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return {"LastModified": modified, "ETag": file.etag, "Size": str(file.size), "StorageClass": "STANDARD"}


def _text(text: str, wanted: Asked) -> str:
    return quote(text) if wanted.quoted else text


def _add(root: ElementTree.Element, name: str, texts: Mapping[str, str]) -> None:
    entry = ElementTree.SubElement(root, name)
    for child, text in texts.items():
        ElementTree.SubElement(entry, child).text = text


def _document(root: ElementTree.Element) -> bytes:
    body: bytes = ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return body

"""What a client would like: media types and content codings by their weights (RFC 9110 section 12)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bc_http.formats import FORMATS, Format
from bc_http.problems import Problem

CODINGS = ("zstd", "gzip")


def weights(header: str) -> dict[str, float]:
    """`text/csv;q=0.5, */*` as media range or coding -> weight; what cannot be read is left out."""
    found: dict[str, float] = {}
    for part in header.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weight = next((each[2:] for each in parameters if each.startswith("q=")), "1")
        try:
            number = float(weight)
        except ValueError:
            continue
        if name and 0 <= number <= 1:
            found[name] = number
    return found


def weight_of(media: str, wanted: dict[str, float]) -> float:
    """How much a media type is wanted: by its own name, else by its kind, else by anything."""
    ranges = (media, media.split("/")[0] + "/*", "*/*")
    return next((wanted[each] for each in ranges if each in wanted), 0.0)


def preferred(media: Sequence[str], accept: str | None) -> str | None:
    """The media type that is wanted most; the first of those that are wanted alike. None if none is."""
    wanted = weights(accept or "*/*") or {"*/*": 1.0}
    best = max(media, key=lambda each: weight_of(each, wanted))
    return best if weight_of(best, wanted) > 0 else None


def wants_page(accept: str | None) -> bool:
    """Whether a page is preferred to data: browsers ask so, programs do not."""
    return preferred(("application/json", "text/html"), accept) == "text/html"


def format_for(name: str | None, accept: str | None) -> Format:
    """By name, else by the header Accept. Raises `Problem` 406 if nothing that is offered would do."""
    if name is not None:
        return FORMATS[name]
    if not accept or accept == "*/*":
        return FORMATS["json"]
    by_media = {media: each for each in FORMATS.values() for media in each.media}
    found = preferred(tuple(by_media), accept)
    if found is None:
        raise Problem(406, f"none of these would do: {', '.join(offered(FORMATS.values()))}; or say format=")
    return by_media[found]


def offered(formats: Iterable[Format]) -> list[str]:
    """The media types of the answers."""
    return [each.media[0] for each in formats]


def coding_for(accept: str | None) -> str | None:
    """The content coding to use: zstd before gzip where both are wanted alike; None for the bytes as they are."""
    if not accept:
        return None
    wanted = weights(accept)
    best = max(CODINGS, key=lambda each: wanted.get(each, wanted.get("*", 0.0)))
    weight = wanted.get(best, wanted.get("*", 0.0))
    return best if weight > 0 and weight >= wanted.get("identity", 0.0) else None

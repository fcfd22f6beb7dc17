"""Stream names, and how many of them fit into one request (protocol sections 2, 5 and 5.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import unquote

import msgspec

from bcore.errors import RequestError

FRAME_BYTES = 3_900  # a SUBSCRIBE of more than 4096 bytes on the wire gets no answer at all
OVERHEAD = 96  # of the frame's head and of the request around the names


def stream_name(text: str) -> str:
    """The name as the exchange knows it: the symbol in lower case, percent-escapes undone.

    An upper-case symbol would be acknowledged and then stay silent. Raises `RequestError` for what is no stream name.
    """
    name = unquote(text)
    symbol, _, channel = name.partition("@")
    if not symbol or not channel or not name.isprintable() or any(letter.isspace() for letter in name):
        raise RequestError(f"{text!r} is no stream: write SYMBOL@CHANNEL, such as btcusdt@aggTrade")
    return name if symbol.startswith("!") else f"{symbol.lower()}@{channel}"


def stream_names(texts: Iterable[str]) -> tuple[str, ...]:
    """Every name once, in order. Raises `RequestError` with everything that is no stream name."""
    names: dict[str, None] = {}
    problems: list[str] = []
    for text in texts:
        try:
            names[stream_name(text)] = None
        except RequestError as error:
            problems.extend(error.problems)
    if problems:
        raise RequestError(*problems)
    return tuple(names)


def shared_out(names: Sequence[str], limit: int) -> list[tuple[str, ...]]:
    """The names in as few groups of at most `limit` as possible, of about the same size."""
    groups = -(-len(names) // limit)
    return [tuple(names[group::groups]) for group in range(groups)]


def packed(names: Sequence[str], limit: int = FRAME_BYTES) -> Iterator[tuple[str, ...]]:
    """The names in order, in runs that each fit into one request of at most `limit` bytes on the wire."""
    run: list[str] = []
    size = OVERHEAD
    for name in names:
        more = len(msgspec.json.encode(name)) + 1
        if run and size + more > limit:
            yield tuple(run)
            run, size = [], OVERHEAD
        run.append(name)
        size += more
    if run:
        yield tuple(run)

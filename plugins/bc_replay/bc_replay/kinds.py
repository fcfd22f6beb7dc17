"""The kinds of faults there are: what each is called, what it meets and what its ARG counts."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from attrs import frozen


class Meets(Enum):
    STREAMS = "stream connections"
    PORT = "new connections"
    REQUEST = "the next market-data requests"
    WINDOW = "market-data requests for a while"
    PAST = "what REST answers, for a while"
    EVENTS = "stream events"
    SUBSCRIPTIONS = "new subscriptions, for a while"
    FILES = "bulk files, for good"
    ABSENCE = "bulk files, for a while"
    DOWNLOADS = "the next downloads of bulk files"


BULK = (Meets.FILES, Meets.ABSENCE, Meets.DOWNLOADS)
COUNTED = ("events", "requests", "files")  # units of which there is a whole number, from 1


@frozen
class Kind:
    """`default` is the ARG of a fault given none; `unit` says what ARG counts, empty where there is none."""

    name: str
    meets: Meets
    unit: str
    default: float
    summary: str


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("disconnect", Meets.STREAMS, "", 0, "close every stream: close frame, then FIN"),
        Kind("reset", Meets.STREAMS, "", 0, "reset every stream connection (RST)"),
        Kind("silence", Meets.STREAMS, "", 0, "every stream goes half-open: no data, no ping, no close"),
        Kind("rotate", Meets.STREAMS, "", 0, "the 24 h cut of every stream"),
        Kind("shutdown", Meets.STREAMS, "seconds until the cut", 2, "serverShutdown, then those streams are closed"),
        Kind("refuse", Meets.PORT, "seconds", 10, "new connections are refused"),
        Kind("429", Meets.WINDOW, "seconds", 2, "over the weight limit, Retry-After ARG"),
        Kind("418", Meets.WINDOW, "seconds", 120, "the address is banned"),
        Kind("403html", Meets.REQUEST, "requests", 1, "the firewall's HTML page"),
        Kind("451", Meets.REQUEST, "requests", 1, "the restricted-location answer"),
        Kind("500", Meets.REQUEST, "requests", 1, "JSON -1000 with HTTP 500"),
        Kind("502html", Meets.REQUEST, "requests", 1, "a gateway's HTML page"),
        Kind("hang", Meets.REQUEST, "seconds", 30, "one request is accepted and never answered"),
        Kind("truncate", Meets.REQUEST, "requests", 1, "the body is cut in the middle"),
        Kind("gap", Meets.EVENTS, "events", 10, "events of every trade and depth stream are dropped"),
        Kind("duplicate", Meets.EVENTS, "events", 10, "the last events of every trade and depth stream come again"),
        Kind("reorder", Meets.EVENTS, "events", 10, "events of every trade and depth stream come backwards"),
        Kind("lag", Meets.PAST, "BEHIND[/FOR]", 2, "aggTrades, historicalTrades, klines answer as of BEHIND s ago"),
        Kind("stale", Meets.PAST, "BEHIND[/FOR]", 2, "depth answers as of BEHIND recorded seconds ago"),
        Kind("acksilent", Meets.SUBSCRIPTIONS, "seconds", 10, "subscriptions are acknowledged, nothing comes"),
        Kind("late", Meets.ABSENCE, "seconds", 10, "files that are due are not there yet"),
        Kind("missing", Meets.FILES, "files", 1, "the file is not there and never will be"),
        Kind("nosum", Meets.FILES, "files", 1, "the file has no CHECKSUM beside it"),
        Kind("wrongsum", Meets.FILES, "files", 1, "the CHECKSUM is that of something else"),
        Kind("replaced", Meets.FILES, "files", 1, "a later revision, short of one row; CHECKSUM fits"),
        Kind("header", Meets.FILES, "files", 1, "the rows begin with a header; CHECKSUM fits"),
        Kind("shuffled", Meets.FILES, "files", 1, "the rows are in no order; CHECKSUM fits"),
        Kind("shortday", Meets.FILES, "files", 1, "the last tenth of the rows is missing; CHECKSUM fits"),
        Kind("pathtrick", Meets.FILES, "files", 1, "the zip's member is called ../../x.csv; CHECKSUM fits"),
        Kind("bomb", Meets.FILES, "MiB", 1024, "one file inflates to ARG MiB; CHECKSUM fits"),
        Kind("filecut", Meets.DOWNLOADS, "requests", 1, "the body is cut in the middle of what was announced"),
        Kind("filehalf", Meets.DOWNLOADS, "requests", 1, "half of the file, announced as if it were all"),
    )
}

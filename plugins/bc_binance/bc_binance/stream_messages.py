"""What comes over a stream connection, typed (protocol sections 5 and 5.1)."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from bc_binance.messages import ErrorBody


class Envelope(Struct, gc=False):
    """An event of a combined stream; `stream` is empty for whatever else comes."""

    stream: str = ""
    data: Raw = Raw(b"")


class Notice(Struct):
    """What is no event of a subscribed stream: the answer to a request, or a message of the connection itself.

    A refusal comes flat as documented, or nested as seen on the wire; its id may be missing.
    """

    id: int | str | None = None
    result: Raw | UnsetType = UNSET
    error: ErrorBody | None = None
    code: int | None = None
    msg: str = ""
    e: str = ""

    @property
    def is_answer(self) -> bool:
        return self.result is not UNSET or self.refusal is not None

    @property
    def refusal(self) -> ErrorBody | None:
        """Why the request was refused, None where it was not."""
        if self.error is not None or self.code is None:
            return self.error
        return ErrorBody(self.code, self.msg)


envelope = msgspec.json.Decoder(Envelope)
notice = msgspec.json.Decoder(Notice)


def event_kind(data: Raw | bytes) -> str:
    """The `e` of an event, empty where it has none."""
    try:
        return notice.decode(data).e
    except msgspec.MsgspecError:
        return ""

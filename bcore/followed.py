"""New rows as the SDK hands them out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Generic, TypeVar

from attrs import define, field

if TYPE_CHECKING:
    import pyarrow as pa

    from bcore.following import Told


T = TypeVar("T")


@define
class Followed(Generic[T]):
    """Iterates frames of new rows. `cursor` says what was handed out: `follow(..., after=cursor)` goes on there.

    While the frame is in your hands it counts as handed out. `close()` ends it, as leaving a `with` does.
    """

    _told: Told
    _convert: Callable[[pa.Table], T]
    _timeout: float | None = None
    cursor: str | None = field(default=None, init=False)

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        begun = time.monotonic()
        for table, cursor in self._told:
            self.cursor = cursor
            if table is not None:
                return self._convert(table)
            if self._timeout is not None and time.monotonic() - begun >= self._timeout:
                break
        raise StopIteration

    def close(self) -> None:
        close = getattr(self._told, "close", None)
        if close is not None:
            close()

    def __enter__(self) -> Followed[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

"""The reader of an archive on another machine: by its own bcore, or by copies of its files where it has none."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

from attrs import define, field

from bc_ssh.answers import Answers
from bc_ssh.config import SshConfig, given
from bc_ssh.session import NoBcoreError, Session
from bcore.errors import ConfigError

if TYPE_CHECKING:
    import pyarrow as pa

    from bcore.audits import Gap
    from bcore.following import Told
    from bcore.protocols import ViewInfo
    from bcore.query import Request
    from bcore.records import DayProof, SeriesStats

log = logging.getLogger(__name__)
NAMED = given("command")


class Archive(Protocol):
    """What both ways give."""

    @property
    def received(self) -> int: ...
    def views(self) -> Mapping[str, ViewInfo]: ...
    def symbols(self, view: str | None = None) -> list[str]: ...
    def read(self, request: Request) -> pa.Table: ...
    def scan(self, request: Request) -> pa.RecordBatchReader: ...
    def stats(self) -> list[SeriesStats]: ...
    def proofs(self, dataset: str, symbol: str, *, end: int | None = None) -> Sequence[DayProof]: ...
    def gaps(self, dataset: str, symbol: str) -> Sequence[Gap]: ...
    def follow(
        self, view: str, symbol: str, cursor: str | None = None, params: Mapping[str, Any] | None = None
    ) -> Told: ...
    def close(self) -> None: ...


@define(eq=False)
class SshReader:
    """Connects when it is first asked. Raises `ConfigError` for what the user can mend, `LinkError` for the rest."""

    config: SshConfig
    _archive: Archive | None = field(default=None, init=False)
    _lock: Lock = field(factory=Lock, init=False)

    @property
    def received(self) -> int:
        """Bytes that came from over there so far, before ssh's own wrapping."""
        return 0 if self._archive is None else self._archive.received

    def views(self) -> Mapping[str, ViewInfo]:
        return self._there().views()

    def symbols(self, view: str | None = None) -> list[str]:
        return self._there().symbols(view)

    def read(self, request: Request) -> pa.Table:
        return self._there().read(request)

    def scan(self, request: Request) -> pa.RecordBatchReader:
        return self._there().scan(request)

    def stats(self) -> list[SeriesStats]:
        return self._there().stats()

    def proofs(self, dataset: str, symbol: str, *, end: int | None = None) -> Sequence[DayProof]:
        return self._there().proofs(dataset, symbol, end=end)

    def gaps(self, dataset: str, symbol: str) -> Sequence[Gap]:
        return self._there().gaps(dataset, symbol)

    def follow(
        self, view: str, symbol: str, cursor: str | None = None, params: Mapping[str, Any] | None = None
    ) -> Told:
        return self._there().follow(view, symbol, cursor, params)

    def close(self) -> None:
        with self._lock:
            if self._archive is not None:
                self._archive.close()

    def _there(self) -> Archive:
        with self._lock:
            if self._archive is None:
                self._archive = self._found()
            return self._archive

    def _found(self) -> Archive:
        session = Session(self.config)
        if self.config.mode == "sftp":
            return self._mirrored(session)
        answers = Answers(session)
        try:
            answers.greet()
        except NoBcoreError as error:
            answers.close()
            if self.config.mode == "bcore":
                raise ConfigError([f'{error}: name it with {NAMED}, or take mode = "sftp"']) from error
            log.warning("%s: its files come by sftp instead; one that is elsewhere is named with %s", error, NAMED)
            return self._mirrored(Session(self.config))
        except BaseException:
            answers.close()
            raise
        return answers

    def _mirrored(self, session: Session) -> Archive:
        from bc_ssh.mirror import Mirror

        return Mirror.of(session)

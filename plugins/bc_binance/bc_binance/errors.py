"""What can be wrong with a bulk file, besides what can be wrong with any reply.

ExchangeError
├── MissingFileError         not published yet, or never
├── MissingChecksumError     the file is there and its CHECKSUM is not
└── FaultyReplyError
    └── ChecksumError        the file is not what its CHECKSUM says
"""

from __future__ import annotations

from bcore.errors import ExchangeError, FaultyReplyError


class MissingFileError(ExchangeError):
    """There is no such file: it is not published yet, or never will be (protocol section 8.5)."""


class MissingChecksumError(ExchangeError):
    """The file is there, but nothing to check it by (protocol section 8.5)."""


class ChecksumError(FaultyReplyError):
    """The file is not what its CHECKSUM says; `expected` and `found` are SHA-256 in hex."""

    def __init__(self, message: str, *, expected: str, found: str) -> None:
        super().__init__(message)
        self.expected, self.found = expected, found

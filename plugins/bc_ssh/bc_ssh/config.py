"""The keys of a `[remotes.*]` section of kind "ssh", and what they mean for a command line."""

from __future__ import annotations

import re
import shlex
from typing import Any, Literal
from urllib.parse import SplitResult, unquote, urlsplit

from attrs import field, frozen, validators

from bcore.errors import ConfigError

Mode = Literal["auto", "bcore", "sftp"]
NAME = re.compile(r"[A-Za-z0-9_\[:][A-Za-z0-9._:%\]-]*")  # never begins like an option
USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@\\+-]*")


def _a_host(_: object, __: object, value: str | None) -> None:
    if value is not None and not NAME.fullmatch(value):
        raise ValueError(f"must be a host, an address or a name of your ssh configuration, not {value!r}")


def _a_user(_: object, __: object, value: str | None) -> None:
    if value is not None and not USER.fullmatch(value):
        raise ValueError(f"must be a user's name, not {value!r}")


def _no_newline(_: object, __: object, value: str | None) -> None:
    if value is not None and (not value or set(value) & {"\n", "\r", "\0"}):
        raise ValueError(f"must be one line of text, not {value!r}")


def _some_words(_: object, __: object, value: str) -> None:
    try:
        if shlex.split(value):
            return
    except ValueError as error:
        raise ValueError(f"cannot be read as a command: {error}") from None
    raise ValueError("must name a program")


@frozen
class SshConfig:
    """Where the archive is, and how to get there. Everything else is your ssh configuration's."""

    url: str | None = field(
        default=None, metadata={"help": "ssh://user@host:port/path, in place of the four keys below"}
    )
    host: str | None = field(
        default=None, validator=_a_host, metadata={"help": "machine, or a Host of your ssh configuration"}
    )
    user: str | None = field(
        default=None, validator=_a_user, metadata={"help": "user there; ssh's choice if not given"}
    )
    port: int | None = field(
        default=None,
        validator=validators.optional([validators.ge(1), validators.le(65535)]),
        metadata={"help": "TCP port; ssh's choice if not given"},
    )
    path: str | None = field(
        default=None,
        validator=_no_newline,
        metadata={"help": "archive folder there, from the user's home; its own configuration's if not given"},
    )
    command: str = field(
        default="bcore",
        validator=_some_words,
        metadata={"help": "bcore there, where it is not on the PATH of ssh: .venv/bin/bcore"},
    )
    mode: Mode = field(
        default="auto",
        metadata={"help": '"bcore" asks the bcore there, "sftp" copies files, "auto" takes sftp where there is none'},
    )
    config: str | None = field(
        default=None, validator=_no_newline, metadata={"help": "another ssh configuration file (ssh -F)"}
    )
    key: str | None = field(
        default=None,
        validator=_no_newline,
        metadata={"help": "a private key file besides those that ssh tries (ssh -i)"},
    )
    mirror: str | None = field(
        default=None,
        validator=_no_newline,
        metadata={"help": "folder for files that come by sftp; in ~/.cache if not given"},
    )
    connect_timeout: int = field(
        default=20, validator=validators.ge(1), metadata={"help": "seconds for reaching the machine"}
    )

    def placed(self) -> SshConfig:
        """With what the URL says in the keys. Raises `ConfigError` where no host is told, or two are."""
        if self.url is None and self.host is None:
            raise ConfigError(
                ['an ssh remote needs a host: host = "collector.example", or url = "ssh://user@host/path"']
            )
        return self if self.url is None else self._from_url(self.url)

    def _from_url(self, url: str) -> SshConfig:
        from attrs import evolve

        from bcore.fields import FieldsError, parse

        parts = urlsplit(url)
        try:
            told: dict[str, Any] = {"host": _host(parts), "port": parts.port}
        except ValueError as error:
            raise ConfigError([f"{url}: {error}"]) from None
        if parts.scheme != "ssh" or not parts.hostname or parts.query or parts.fragment:
            raise ConfigError([f"{url}: an address reads ssh://user@host:port/path"])
        if parts.password is not None:
            raise ConfigError(["an ssh address takes no password: let a key or an agent speak for you"])
        told |= {"user": parts.username and unquote(parts.username), "path": _path(unquote(parts.path))}
        given = {name: value for name, value in told.items() if value is not None}
        if twice := [name for name in given if getattr(self, name) not in (None, given[name])]:
            raise ConfigError([f"{', '.join(twice)}: told by the address and by a key, and differently"])
        try:
            parse(SshConfig, given)
        except FieldsError as error:
            raise ConfigError([f"{url}: {name} {sentence}" for name, sentence in error.problems]) from error
        return evolve(self, url=None, **given)

    @property
    def name(self) -> str:
        """The address, for people."""
        at, port = f"{self.user}@" if self.user else "", f":{self.port}" if self.port else ""
        path = self.path or ""
        return f"ssh://{at}{self.host}{port}{path if not path or path.startswith('/') else f'/~/{path}'}"

    @property
    def destination(self) -> str:
        return f"{self.user}@{self.host}" if self.user else str(self.host)

    def by_hand(self, program: str = "ssh") -> str:
        """What a person types to get there; `program` is ssh, or ssh-keyscan, which knows no configuration."""
        scans = program == "ssh-keyscan"
        words = [program, *(["-p", str(self.port)] if self.port else [])]
        words += ["-F", self.config] if self.config and not scans else []
        words += ["-i", self.key] if self.key and not scans else []
        return shlex.join([*words, str(self.host) if scans else self.destination])

    @property
    def far_command(self) -> str:
        """What the login shell over there is given: every word quoted."""
        words = [_homeless(word) for word in shlex.split(self.command)]
        data = [] if self.path is None else ["--data", _homeless(self.path)]
        return shlex.join([*words, "answer", *data])

    @property
    def far_path(self) -> str:
        return _homeless(self.path or "data")


def given(key: str) -> str:
    """How a key of the section is told, wherever one may be."""
    return f'{key} = "..." in Python or a [remotes] section, BCORE_REMOTE_{key.upper()}=... on the command line'


def _host(parts: SplitResult) -> str | None:
    """As it is written: names in an ssh configuration know small and capital letters."""
    written = parts.netloc.rpartition("@")[2]
    return parts.hostname if written.startswith("[") else written.partition(":")[0]


def _path(path: str) -> str | None:
    """`/srv/data` stays; `/~/data` is in the user's home, where commands begin; nothing is told by `` and `/`."""
    return _homeless(path[1:]) if path.startswith("/~/") else path.rstrip("/") or None


def _homeless(path: str) -> str:
    """Commands begin in the user's home, and quoted words are not expanded."""
    return path.removeprefix("~/") or "." if path.startswith("~/") else path

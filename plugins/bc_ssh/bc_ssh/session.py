"""The user's own ssh and sftp: their command lines, one shared connection, and what their complaints mean."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections import deque
from contextlib import suppress
from pathlib import Path
from threading import Lock, Thread
from typing import IO
from weakref import finalize

from attrs import define, field

from bc_ssh.config import SshConfig, given
from bcore.errors import BcoreError, ConfigError
from bcore.frames import LinkError

ALIVE = ("-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=3")
LONGEST_SOCKET = 90  # a path of a socket has 104 to 108 bytes, and ssh adds some while it makes one


class NoBcoreError(BcoreError):
    """There is no bcore to ask over there."""


@define(eq=False)
class Session:
    """Starts programs that share one connection. Its socket lies in a folder that only this user may enter.

    The first one to come opens the connection and keeps it for as long as any of them runs; nothing stays behind.
    """

    config: SshConfig
    _folder: Path | None = field(default=None, init=False)
    _lock: Lock = field(factory=Lock, init=False)

    def ssh(self, command: str) -> Running:
        """Runs `command`, which is already quoted for the shell over there."""
        return self._start([_program("ssh"), *self._options(), "-T", "-x", "--", self.config.destination, command])

    def sftp(self) -> Running:
        """Takes a batch of commands on its standard input; the first that fails ends it."""
        host = self.config.host or ""
        place = f"[{host}]" if ":" in host else host
        user = f"{self.config.user}@" if self.config.user else ""
        return self._start([_program("sftp"), *self._options(), "-q", "-b", "-", "--", user + place])

    def close(self) -> None:
        with self._lock:
            folder, self._folder = self._folder, None
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def _start(self, words: list[str]) -> Running:
        pipe = subprocess.PIPE
        return Running(subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0), self.config)

    def _options(self) -> list[str]:
        config = self.config
        words = ["-F", str(Path(config.config).expanduser())] if config.config else []
        words += ["-i", str(Path(config.key).expanduser())] if config.key else []
        words += ["-o", f"Port={config.port}"] if config.port else []
        words += ["-o", f"ConnectTimeout={config.connect_timeout}", *ALIVE, *self._shared()]
        words += ["-o", "ClearAllForwardings=yes", "-o", "LogLevel=ERROR"]
        # Without a terminal nobody could answer a question.
        return words if sys.stdin is not None and sys.stdin.isatty() else [*words, "-o", "BatchMode=yes"]

    def _shared(self) -> list[str]:
        with self._lock:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="bc-ssh-"))
                finalize(self, shutil.rmtree, self._folder, True)  # of a client that nobody closed, too
            socket = self._folder / "s"
        if len(str(socket)) > LONGEST_SOCKET:
            return ["-o", "ControlMaster=no", "-o", "ControlPath=none"]
        return ["-o", "ControlMaster=auto", "-o", f"ControlPath={socket}", "-o", "ControlPersist=no"]


@define(eq=False)
class Running:
    """An ssh or sftp at work. What it says on standard error is kept, the newest of it."""

    process: subprocess.Popen[bytes]
    config: SshConfig
    _said: deque[bytes] = field(factory=lambda: deque(maxlen=200), init=False)
    _listener: Thread = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._listener = Thread(target=self._listen, name="ssh-stderr", daemon=True)
        self._listener.start()

    @property
    def stdin(self) -> IO[bytes]:
        assert self.process.stdin is not None
        return self.process.stdin

    @property
    def stdout(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout

    def end(self) -> None:
        """Closes its input, which ends what runs over there; then it has a moment to go by itself."""
        for pipe in (self.stdin, self.stdout):
            pipe.close()
        try:
            self.process.wait(2.0)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            self.process.wait()
        self._listener.join(1.0)
        if self.process.stderr is not None:
            self.process.stderr.close()

    def why(self, noise: bytes = b"") -> BcoreError:
        """Why it ended, or will, as an error that says what to do; `noise` is what it said in place of an answer."""
        status = self.process.wait()
        self._listener.join(1.0)
        return explained(self.config, status, f"{noise.decode(errors='replace')}\n{self.said}")

    def communicate(self, text: bytes) -> bytes:
        """What it prints to the end, given this."""
        writer = Thread(target=self._write, args=(text,), name="ssh-stdin", daemon=True)
        writer.start()
        out = self.stdout.read()
        self.process.wait()
        writer.join()
        self.end()
        return out

    @property
    def said(self) -> str:
        return b"".join(self._said).decode(errors="replace")

    def _write(self, text: bytes) -> None:
        with suppress(OSError):
            self.stdin.write(text)
            self.stdin.close()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        try:
            for line in self.process.stderr:
                self._said.append(line[:2000])
        except (OSError, ValueError):  # closed under us: nothing more is of interest
            return


def explained(config: SshConfig, status: int, said: str) -> BcoreError:
    """What ssh's exit status and words mean."""
    name = config.name
    far = next((line.strip() for line in reversed(said.splitlines()) if line.strip()), f"ssh ended with {status}")
    if "IDENTIFICATION HAS CHANGED" in said or "REVOKED HOST KEY" in said:
        return ConfigError(
            [
                f"{name}: the machine's host key is not the one you know. Either it was set up anew, or somebody stands"
                f" between. Ask who runs it for its new fingerprint. Only if that is what "
                f"`{config.by_hand('ssh-keyscan')} | ssh-keygen -lf -` shows: {_forget(config, said)}, then "
                f"{config.by_hand()}"
            ]
        )
    if "Host key verification failed" in said or "host key is known for" in said:
        return ConfigError(
            [
                f"{name}: you have not met this machine yet. Connect once with `{config.by_hand()}`, compare the "
                "fingerprint that it shows, and answer yes"
            ]
        )
    if "Permission denied" in said and status == 255:
        return ConfigError(
            [
                f"{name}: it does not let you in ({far}). What makes `{config.by_hand()}` work works here too: "
                "a key of yours in its authorized_keys, an agent (ssh-add), or the file of a key: "
                f"{given('key')}"
            ]
        )
    if status == 127 or ("only" in said and "sftp" in said):
        return NoBcoreError(f"{name}: there is no {config.command!r} on the PATH of ssh there ({far})")
    if status == 255:
        return LinkError(f"{name} cannot be reached: {far}")
    return LinkError(f"{name}: the bcore there ended: {far.removeprefix('bcore: ')}")


def _forget(config: SshConfig, said: str) -> str:
    """The command that forgets the old key; ssh itself knows best how the machine is called in known_hosts."""
    told = re.search(r"ssh-keygen .*-R .*", said)
    return told[0].strip() if told else f"ssh-keygen -R {config.host}"


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise ConfigError([f"{name} is not installed here: it comes with OpenSSH (apt install openssh-client)"])
    return found

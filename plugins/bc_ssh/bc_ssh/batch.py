"""The user's sftp, by batches of commands."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from attrs import define, field

from bc_ssh.ends import begun, leftovers, mark
from bc_ssh.session import Session
from bcore.errors import BcoreError
from bcore.frames import LinkError

PROMPT = "sftp> "
AT_ONCE = 50  # files of one batch


class Denied(BcoreError):
    """A command was refused over there: what it named is gone, or is not for us."""


@define(eq=False)
class Batches:
    """Runs commands and reads what they print. `fetched` counts the bytes of files."""

    session: Session
    fetched: int = field(default=0, init=False)

    def names(self, folder: PurePosixPath) -> list[str]:
        return self.names_in([folder])[folder]

    def names_in(self, folders: Iterable[PurePosixPath]) -> dict[PurePosixPath, list[str]]:
        """What is in each folder, nothing hidden; nothing for what is no folder, or is gone."""
        asked = list(folders)
        told = self._said([f"-ls -1 {quoted(folder)}/" for folder in asked])
        return {
            folder: [PurePosixPath(line).name for line in lines if line.strip()]
            for folder, lines in zip(asked, told, strict=True)
        }

    def sizes_in(self, folders: Iterable[PurePosixPath]) -> dict[PurePosixPath, dict[str, int]]:
        """The files in each folder with their sizes in bytes."""
        asked = list(folders)
        told = self._said([f"-ls -n {quoted(folder)}/" for folder in asked])
        found = (dict(_sized(line) for line in lines if line.startswith("-")) for lines in told)
        return dict(zip(asked, found, strict=True))

    def places(self, folders: Sequence[PurePosixPath]) -> list[PurePosixPath | None]:
        """Where each folder really is, symlinks resolved; None for what is no folder."""
        commands = [word for folder in folders for word in ("cd /", f"-cd {quoted(folder)}", "pwd")]
        if folders and not folders[0].is_absolute():  # from where one is set down
            commands = [f"-cd {quoted(folders[0])}", "pwd"]
        told = [lines[0].partition(": ")[2] for lines in self._said(commands) if lines]
        return [PurePosixPath(place) if place not in ("/", "") else None for place in told]

    def fetch(self, files: Mapping[PurePosixPath, tuple[Path, int]]) -> None:
        """Copies files, each to a path and from a byte on. One appears when that is complete, and says from where it
        is; what was cut off goes on where it was."""
        wanted = list(files.items())
        for start in range(0, len(wanted), AT_ONCE):
            some = [(there, here, begin, begun(here, begin)) for there, (here, begin) in wanted[start:][:AT_ONCE]]
            before = sum(part.stat().st_size for *_, part in some)
            try:
                self._said([f"get -a {quoted(there)} {quoted(PurePosixPath(part))}" for there, *_, part in some])
            finally:
                self.fetched += sum(part.stat().st_size for *_, part in some) - before
            for _, here, begin, part in some:
                mark(part, begin)
                os.replace(part, here)
                for left in leftovers(here):
                    left.unlink()

    def _said(self, commands: list[str]) -> list[list[str]]:
        """What each of the commands printed. Raises `Denied` for one that failed, `LinkError`, `ConfigError`."""
        if not commands:
            return []
        running = self.session.sftp()
        out = running.communicate("".join(f"{command}\n" for command in commands).encode())
        status = running.process.returncode
        if status == 1:
            raise Denied(running.said.strip().splitlines()[-1] if running.said.strip() else "sftp failed")
        if status:
            raise running.why()
        return _by_command(out.decode(errors="surrogateescape"), commands)


def _sized(line: str) -> tuple[str, int]:
    """The name and the size in a line of a long listing: mode, links, owner, group, size, three words of time, name."""
    words = line.split(None, 8)
    return PurePosixPath(words[8]).name, int(words[4])


def _by_command(text: str, commands: list[str]) -> list[list[str]]:
    """The lines behind each command, which a batch repeats."""
    found: list[list[str]] = []
    for line in text.splitlines():
        if len(found) < len(commands) and line == PROMPT + commands[len(found)]:
            found.append([])
        elif found:
            found[-1].append(line)
    if len(found) != len(commands):
        raise LinkError("sftp broke off")
    return found


def quoted(path: PurePosixPath) -> str:
    """As sftp reads words: between quotes, where nothing is a pattern."""
    text = str(path)
    if re.search(r"[\n\r\0]", text):
        raise Denied(f"a path may not have a line break: {text!r}")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

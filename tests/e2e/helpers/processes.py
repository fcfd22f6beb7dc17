"""The collector as a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from attrs import define, field


def command(*args: object) -> list[str]:
    return [sys.executable, "-m", "bcore", *map(str, args)]


@define
class Collector:
    """`bcore ...` as a child process in `folder`; ends with the test at the latest."""

    folder: Path
    process: subprocess.Popen[str] | None = field(default=None, init=False)
    log: Path = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.log = self.folder / "collector.log"

    def start(self, *args: object) -> None:
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                command(*args), cwd=self.folder, stdout=log, stderr=log, text=True, env=environment()
            )

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(10)

    def said(self) -> str:
        return self.log.read_text()


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("BCORE_")}

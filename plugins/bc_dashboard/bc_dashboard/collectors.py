"""`/collectors`: the heartbeats that collectors leave in the archive's folder, as `bcore status` reads them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import asdict, define

from bc_dashboard.pages import Answering, Asking, refused
from bcore.heartbeat import Found, beats
from bcore.protocols import KeepsFolder, Reader


@define(eq=False)
class Collectors:
    """`seen` is false where no store of the archive keeps a folder: then nothing is known of its collectors."""

    folders: tuple[Path, ...]
    now: Callable[[], int] = lambda: time.time_ns() // 1000

    @classmethod
    def of(cls, reader: Reader) -> Collectors:
        stores = getattr(reader, "stores", ())
        return cls(tuple(each.path for each in stores if isinstance(each, KeepsFolder)))

    async def on_get(self, req: Asking, resp: Answering) -> None:
        if refused(req, resp):
            return
        told = await asyncio.to_thread(self.told)
        resp.set_header("Cache-Control", "no-store")
        resp.content_type, resp.data = "application/json", json.dumps(told).encode()

    on_head = on_get

    def told(self) -> dict[str, Any]:
        """Instants are int us UTC, ages and lags seconds. Places on this machine are nobody's business."""
        now = self.now()
        found = [each for folder in self.folders for each in beats(folder, now)]
        return {"now": now, "seen": bool(self.folders), "collectors": [_plain(each) for each in found]}


def _plain(found: Found) -> dict[str, Any]:
    told: dict[str, Any] = {"state": found.state, "age": found.age}
    if found.beat is None:
        return told
    status = asdict(found.beat.status)
    for disk in status["disks"]:
        del disk["path"]
    return {**told, "pid": found.beat.pid, "version": found.beat.version, "written": found.beat.written, **status}

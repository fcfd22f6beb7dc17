"""The archive as the resources see it: its reader, the threads that read, whether it has changed, who follows it."""

from __future__ import annotations

from concurrent.futures import Executor, ThreadPoolExecutor

from attrs import define, field

from bc_http.completeness import Completeness
from bc_http.config import HttpConfig
from bc_http.live.hub import Hub
from bc_http.pulse import Pulse
from bcore.protocols import Reader


@define(eq=False)
class Archive:
    """Made in each worker process, after it was forked: threads do not survive that."""

    reader: Reader
    config: HttpConfig
    pool: Executor = field(init=False)
    pulse: Pulse = field(init=False)
    completeness: Completeness = field(init=False)
    hub: Hub = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.pool = ThreadPoolExecutor(self.config.threads, thread_name_prefix="reading")
        self.pulse = Pulse(self.reader, self.pool, self.config.fresh)
        self.completeness = Completeness(self.reader)
        self.hub = Hub(self.reader, self.config)

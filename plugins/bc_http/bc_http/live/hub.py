"""What is followed in this worker: channels and watches, for as long as somebody wants them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Hashable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from functools import partial

import msgspec
from attrs import define, field
from prometheus_client.core import CounterMetricFamily as Counter
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from bc_http.config import HttpConfig
from bc_http.held import stamp_of
from bc_http.live.asking import Followed
from bc_http.live.channel import Channel, Client, Left, Message, Watch
from bcore.protocols import Reader
from bcore.records import Dataset, Series

THREADS = 2  # that read for live push, so that long answers do not keep it waiting


@define(eq=False)
class Hub:
    """One in each worker."""

    reader: Reader
    config: HttpConfig
    noted: Callable[[], None] = lambda: None  # called whenever something was counted
    begun: int = field(default=0, init=False)
    ended: int = field(default=0, init=False)
    sent: int = field(default=0, init=False)
    dropped: int = field(default=0, init=False)
    _pool: Executor = field(init=False)
    _channels: dict[Followed, Channel] = field(factory=dict, init=False)
    _watches: dict[Hashable, Watch] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="live")

    def channel(self, followed: Followed, datasets: dict[str, Dataset]) -> Channel:
        """The channel, made if nobody follows it yet. Call `follow` at once, or nobody will ever put it away."""
        channel = self._channels.get(followed)
        if channel is None or channel.ended:
            watch = self._watch(followed.made_of(datasets))
            feed, room = followed.feed(self.reader), self.config.live_buffer
            channel = Channel((followed.name, followed.symbol), feed, watch, self._pool, room, self._overfull)
            self._channels[followed] = channel
        return channel

    async def follow(
        self, followed: Followed, channel: Channel, cursor: str | None
    ) -> AsyncGenerator[Message | None, None]:
        """Messages until the client is dropped or the server goes; None every `live_heartbeat` seconds of silence.

        Raises `RequestError` before the first for a cursor that is none.
        """
        channel.users += 1
        self.begun += 1
        client: Client | None = None
        try:
            await channel.begin()
            async for message in channel.missed(cursor):
                yield self._sent(message)
            if channel.ended:
                return  # what was missed may not have been told to its end: they come back with the cursor they have
            client = channel.join()
            with suppress(Left):
                while True:
                    told = await client.next(self.config.live_heartbeat)
                    yield None if told is None else self._sent(told)
            if client.dropped:
                yield _dropped(client)
        finally:
            self._left(followed, channel, client)

    def close(self) -> None:
        """Lets everybody go: they come back with their cursors, to whoever serves then."""
        for channel in list(self._channels.values()):
            channel.end()

    def _overfull(self) -> None:
        self.dropped += 1
        self.noted()

    def _sent(self, message: Message) -> Message:
        self.sent += 1
        self.noted()
        return message

    def _left(self, followed: Followed, channel: Channel, client: Client | None) -> None:
        channel.users -= 1
        self.ended += 1
        self.noted()
        if client is not None:
            channel.clients.discard(client)
        if not channel.users:
            channel.end()
            if self._channels.get(followed) is channel:
                del self._channels[followed]
            if not any(each.watch is channel.watch for each in self._channels.values()):
                self._watches = {key: watch for key, watch in self._watches.items() if watch is not channel.watch}

    def _watch(self, series: tuple[Series, ...]) -> Watch:
        key = frozenset(series)
        if key not in self._watches:
            stamp = partial(stamp_of, self.reader, series)
            self._watches[key] = Watch(stamp, self._pool, self.config.live_interval)
        return self._watches[key]


@define(eq=False)
class Counts(Collector):
    """The hub's counts, for Prometheus; who is there now is the difference of the first two."""

    hub: Hub

    def collect(self) -> Iterator[Metric]:
        hub = self.hub
        yield Counter("bcore_http_live_begun", "Live clients that came", value=hub.begun)
        yield Counter("bcore_http_live_ended", "Live clients that left", value=hub.ended)
        yield Counter("bcore_http_live_dropped", "Live clients that did not read and were dropped", value=hub.dropped)
        yield Counter("bcore_http_live_messages", "Messages sent to live clients", value=hub.sent)

    def describe(self) -> Iterable[Metric]:
        """Nothing: the names are nobody else's."""
        return ()


def _dropped(client: Client) -> Message:
    detail = f"more than {client.room} bytes were waiting to be read; go on from the cursor in last"
    return Message(
        "dropped", msgspec.json.encode({"type": "dropped", "last": client.cursor, "detail": detail}).decode()
    )

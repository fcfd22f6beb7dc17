from __future__ import annotations

import socket
import time
from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
from attrs import evolve
from prometheus_client import CollectorRegistry, generate_latest

from bc_prometheus import plugin
from bc_prometheus.gauges import ArchiveGauges, StatusGauges
from bcore.errors import ConfigError, UnreachableError
from bcore.events import (
    BatchStored,
    Event,
    GapFound,
    RowsRejected,
    SourceFailed,
    SourcePassed,
    StreamClosed,
    StreamOpened,
    WeightUsed,
)
from bcore.fields import FieldsError, parse
from bcore.instants import SECOND
from bcore.protocols import Accompanies, Server, Watches
from bcore.spans import Spans
from bcore.status import DiskStatus, PluginStatus, Status

Bench = Any  # the one of conftest.py, which tests cannot import
Value = Callable[..., float | None]
AT = 1_600_000_000 * SECOND
STORED = BatchStored("feed", "ticks", "AAA", 100, 3, AT, AT + 2 * SECOND, "101.5")
AAA = {"dataset": "ticks", "symbol": "AAA"}


def test_rows_are_counted_by_series(bench: Bench, value: Value) -> None:
    bench.start()
    for event in (STORED, evolve(STORED, rows=50), RowsRejected("feed", "ticks", "AAA", "why", ("a", "b"))):
        bench.emit(event)
    assert 150 == value("bcore_rows_stored_total", **AAA, source="feed")
    assert 6 == value("bcore_rows_known_total", **AAA, source="feed")
    assert 2 == value("bcore_rejected_rows_total", **AAA, source="feed")


def test_missing_ids_are_counted_by_what_became_of_them(bench: Bench, value: Value) -> None:
    bench.start()
    gap = GapFound("feed", "ticks", "AAA", 5, 9, "open", "missing")
    for event in (gap, evolve(gap, last=7, state="filled")):
        bench.emit(event)
    assert (5, 3) == tuple(value("bcore_gap_ids_total", **AAA, state=state) for state in ("open", "filled"))
    assert (1, 2) == (value("bcore_gaps_open", **AAA), value("bcore_gap_ids_open", **AAA))


def test_failures_are_counted_by_kind_and_shown_as_a_state(bench: Bench, value: Value) -> None:
    bench.start()
    bench.emit(SourcePassed("feed", 1))
    bench.emit(SourceFailed("feed", UnreachableError("no network to 10.0.0.1"), 1.0, 1))
    assert 1 == value("bcore_source_failures_total", source="feed", error="UnreachableError")
    assert 1 == value("bcore_source_passes_total", source="feed")
    assert (0, 1) == tuple(value("bcore_source_state", source="feed", state=state) for state in ("ok", "failing"))
    assert "10.0.0.1" not in bench.text()


def test_a_rotation_is_told_from_a_lost_connection(bench: Bench, value: Value) -> None:
    bench.start()
    for event in (StreamOpened("toy", 1, 9), StreamOpened("toy", 2, 9), StreamClosed("toy", 1, "24 h", planned=True)):
        bench.emit(event)
    assert 1 == value("bcore_stream_reconnects_total", exchange="toy", planned="true")
    assert None is value("bcore_stream_reconnects_total", exchange="toy", planned="false")
    assert (1, 9) == (value("bcore_stream_connections", exchange="toy"), value("bcore_streams", exchange="toy"))
    assert 2 == value("bcore_stream_connections_opened_total", exchange="toy")


def test_lag_is_a_gauge_of_each_series_and_a_histogram_of_the_dataset(bench: Bench, value: Value) -> None:
    bench.start()
    bench.emit(STORED)
    assert (2.0, AT / 1e6) == (value("bcore_lag_seconds", **AAA), value("bcore_last_event_timestamp_seconds", **AAA))
    assert 0 == value("bcore_batch_lag_seconds_bucket", dataset="ticks", le="1.0")
    assert 1 == value("bcore_batch_lag_seconds_bucket", dataset="ticks", le="2.5")


def test_weight_and_disk_are_gauges_and_what_is_unknown_is_absent(bench: Bench, value: Value) -> None:
    bench.start()
    bench.emit(WeightUsed("toy", 5, 6000))
    bench.board.measure(DiskStatus("main", "data", 7, 10, None, low=True))
    assert 5 == value("bcore_request_weight_used", exchange="toy")
    assert 6000 == value("bcore_request_weight_limit", exchange="toy")
    assert (7, 1) == (value("bcore_disk_free_bytes", store="main"), value("bcore_disk_low", store="main"))
    assert None is value("bcore_disk_days_left", store="main")
    bench.board.measure(DiskStatus("main", "data", 7, 10, 2.5))
    assert (2.5, 0) == (value("bcore_disk_days_left", store="main"), value("bcore_disk_low", store="main"))


def test_what_the_archive_holds_is_told_without_any_event(bench: Bench, value: Value) -> None:
    bench.hold(1, 2, 5)
    bench.start()
    assert (3, 1) == (value("bcore_archive_rows", **AAA), value("bcore_archive_gaps", **AAA))


def test_the_archive_is_looked_at_once_a_minute_however_often_it_is_scraped(bench: Bench) -> None:
    looked: list[int] = []

    class Reader:
        def stats(self) -> list[Any]:
            looked.append(1)
            return []

    now = [0.0]
    gauges = ArchiveGauges(Reader(), monotonic=lambda: now[0])  # type: ignore[arg-type]
    for second in range(121):
        now[0] = float(second)
        list(gauges.collect())
    assert 3 == len(looked)


def test_what_the_board_learns_from_the_store_shows(bench: Bench, value: Value) -> None:
    bench.start()
    bench.board.look_up("ticks", "AAA", "feed", 42, Spans(((1, 4), (9, 9))))
    assert (2, 5) == (value("bcore_gaps_open", **AAA), value("bcore_gap_ids_open", **AAA))


def test_two_servers_count_each_for_itself(bench: Bench, value: Value) -> None:
    bench.start()
    bench.emit(STORED)
    other = bench.make("servers.other")
    other.start(bench.reader())
    try:
        bench.emit(STORED)
        assert 200 == value("bcore_rows_stored_total", **AAA, source="feed")
        bench.server, first = other, bench.server
        assert 100 == value("bcore_rows_stored_total", **AAA, source="feed")
        bench.server = first
    finally:
        other.close()


def test_after_closing_nothing_is_heard_and_the_port_is_free(bench: Bench) -> None:
    server = bench.start()
    port = server.port
    server.close()
    assert [] == [
        each for each in bench.registry.manager.hook.bcore_event.get_hookimpls() if each.plugin_name != "core"
    ]
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
    server.close()


def test_without_a_server_no_event_is_listened_to(bench: Bench) -> None:
    bench.registry.manager.register(plugin, name="prometheus")
    bench.make()
    assert [] == bench.registry.manager.hook.bcore_event.get_hookimpls()


def test_a_taken_port_is_a_mistake_in_the_configuration_and_leaves_nothing(bench: Bench) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = bench.make(port=taken.getsockname()[1])
        with pytest.raises(ConfigError, match=r"servers\.metrics: cannot listen on 127\.0\.0\.1:\d+: .*choose another"):
            server.start(bench.reader())
    assert [] == bench.registry.manager.hook.bcore_event.get_hookimpls()


def test_only_this_machine_is_served_unless_the_configuration_says_otherwise(bench: Bench) -> None:
    server = bench.start()
    assert "127.0.0.1" == server.config.host
    with socket.socket() as client:
        client.settimeout(2)
        assert 0 != client.connect_ex(("127.0.0.2", server.port))


@pytest.mark.parametrize("values", [{"port": 70000}, {"port": -1}, {"host": ""}, {"prot": 9100}])
def test_a_mistake_in_the_section_is_found(values: dict[str, Any]) -> None:
    from bc_prometheus.config import MetricsConfig

    with pytest.raises(FieldsError):
        parse(MetricsConfig, values)


def test_the_plugin_offers_a_server_that_accompanies_a_collector(bench: Bench) -> None:
    (transport,) = plugin.bcore_transports()
    assert ("prometheus", None) == (transport.name, transport.remote)
    server: Server = bench.make()
    assert isinstance(server, Accompanies)
    assert isinstance(server, Watches)


def test_alone_it_serves_the_archive_until_it_is_asked_to_stop(bench: Bench, value: Value) -> None:
    bench.hold(1, 2)
    server = bench.server = bench.make()
    serving = Thread(target=server.serve, args=(bench.reader(),))
    serving.start()
    try:
        deadline = time.monotonic() + 60
        while not server.port and time.monotonic() < deadline:
            time.sleep(0.005)
        assert 2 == value("bcore_archive_rows", **AAA)
        assert None is value("bcore_start_time_seconds")
    finally:
        bench.clock.stopping.set()
        serving.join(10)
    assert not serving.is_alive()


def test_the_number_of_time_series_follows_the_configuration_and_not_what_happens(bench: Bench) -> None:
    bench.start()

    def tell(number: int) -> None:
        events: list[Event] = [
            evolve(STORED, highlight=str(number), last_time=AT + number),
            SourceFailed("feed", UnreachableError(f"failure {number}"), 1.0, number),
            StreamOpened("toy", number, number),
            StreamClosed("toy", number, f"reason {number}", planned=False),
            GapFound("feed", "ticks", "AAA", number, number, "open", f"because {number}"),
        ]
        for event in events:
            bench.emit(event)

    tell(1)
    before = len(bench.scrape())
    for number in range(2, 50):
        tell(number)
    assert before == len(bench.scrape())


def test_scrapers_that_ask_for_openmetrics_get_it(bench: Bench) -> None:
    bench.start()
    assert bench.text("application/openmetrics-text; version=1.0.0").endswith("# EOF\n")


def test_what_plugins_cost_is_told() -> None:
    plugins = (
        PluginStatus("trades", "0.1.0", "ok", load_seconds=0.25, hook_seconds=1.5, events=40),
        PluginStatus("mine", "3.2", "hangs"),
    )
    registry = CollectorRegistry()
    registry.register(StatusGauges(lambda: Status(0, 0, plugins=plugins)))
    told = generate_latest(registry).decode().splitlines()
    assert 'bcore_plugin_state{plugin="mine",state="hangs",version="3.2"} 1.0' in told
    assert 'bcore_plugin_load_seconds{plugin="trades"} 0.25' in told
    assert 'bcore_plugin_hook_seconds_total{plugin="trades"} 1.5' in told
    assert 'bcore_plugin_events_total{plugin="trades"} 40.0' in told

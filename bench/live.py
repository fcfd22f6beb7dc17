"""What a live trade costs from the socket to the disk: many symbols, one collector, one replay exchange on loopback.

    python bench/live.py [--symbols 500] [--rate 20000] [--seconds 60]

The collector is `bcore run`, a process of its own; its processor time (user and system, threads and merges included)
from the tenth second on is divided by the trades that were stored meanwhile. The baseline is a process that does
nothing but receive the same stream over a bare socket, split its frames and parse each event: what no collector can do
without. Prints the growth of the collector's memory over the same time, and the holes in what it holds.
"""

from __future__ import annotations

import argparse
import base64
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import numpy as np
from attrs import define, field, frozen

import bcore
from bc_replay.testing import ReplayServer

WARM = 10.0
TICKS = os.sysconf("SC_CLK_TCK")


class Event(msgspec.Struct):
    """What a collector has to know of an aggTrade event."""

    a: int
    p: str
    q: str
    f: int
    l: int  # noqa: E741 - the exchange's name
    T: int
    m: bool
    s: str


class Envelope(msgspec.Struct):
    stream: str
    data: Event


def processor_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident(pid: int) -> float:
    """MB of memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


@define
class Watch:
    """Looks at a process once a second: processor time, memory, and what it has stored."""

    pid: int
    data: Path
    samples: list[tuple[float, float, float]] = field(factory=list)

    def follow(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.samples.append((time.monotonic(), processor_seconds(self.pid), resident(self.pid)))
            time.sleep(1.0)

    @property
    def slope(self) -> float:
        """MB of memory gained in a minute, by least squares over the second half."""
        rows = np.array(self.samples[len(self.samples) // 2 :])
        return float(np.polyfit(rows[:, 0] / 60, rows[:, 2], 1)[0])


@frozen
class Measured:
    """Microseconds of processor time for a trade, trades a second, and the memory's slope in MB a minute."""

    cost: float
    rate: float
    slope: float
    memory: float


@contextmanager
def collector(folder: Path, exchange: ReplayServer, symbols: list[str]) -> Iterator[int]:
    (folder / "bcore.toml").write_text(
        f"""
symbols = {symbols}
[exchanges.binance]
rest_url = "{exchange.url}"
stream_url = "{exchange.ws_url}"
[stores.main]
kind = "parquet"
path = "archive"
[sources.trades]
"""
    )
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([sys.executable, "-m", "bcore", "run"], cwd=folder, stdout=log, stderr=log)
        try:
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def rows(data: Path) -> int:
    with bcore.open(data) as client:
        return sum(stats.rows for stats in client.reader.stats() if stats.series.dataset.name == "trades")


def measured(exchange: ReplayServer, folder: Path, seconds: float) -> Measured:
    symbols = exchange.status()["symbols"]
    data = folder / "archive"
    with collector(folder, exchange, symbols) as pid:
        Watch(pid, data).follow(WARM)
        before, began, used = rows(data), time.monotonic(), processor_seconds(pid)
        watch = Watch(pid, data)
        watch.follow(seconds)
        stored, took, spent = rows(data) - before, time.monotonic() - began, processor_seconds(pid) - used
        memory = resident(pid)
    return Measured(spent / stored * 1e6, stored / took, watch.slope, memory)


def counted(data: Path) -> tuple[int, int]:
    """Trades held, and holes between the first and the last of each symbol."""
    with bcore.open(data) as client:
        stats = [each for each in client.reader.stats() if each.series.dataset.name == "trades"]
    return sum(each.rows for each in stats), sum(each.gaps or 0 for each in stats)


def baseline(exchange: ReplayServer, seconds: float) -> float:
    """Microseconds of processor time for a trade that is received and parsed, in a process of its own."""
    command = [sys.executable, __file__, "--parse-only", exchange.ws_url, "--seconds", str(seconds)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def parse_only(url: str, seconds: float, symbols: list[str]) -> float:
    """Receives and parses for so long; see `baseline`."""
    connection = _opened(url, [f"{symbol.lower()}@aggTrade" for symbol in symbols])
    decoder, buffer, count = msgspec.json.Decoder(Envelope), bytearray(), 0
    until, used = time.monotonic() + seconds, time.process_time()
    while time.monotonic() < until:
        buffer += connection.recv(1 << 18)
        begin = 0
        while (end := _frame(buffer, begin)) is not None:
            start, begin = end
            if buffer[start : start + 1] == b"{" and buffer[start + 2 : start + 8] == b"stream":
                decoder.decode(memoryview(buffer)[start:begin])
                count += 1
        del buffer[:begin]
    return (time.process_time() - used) / count * 1e6


def _frame(buffer: bytearray, begin: int) -> tuple[int, int] | None:
    """Where the payload of the frame at `begin` starts and ends; None if it has not all come."""
    if len(buffer) < begin + 4:
        return None
    length, start = buffer[begin + 1] & 127, begin + 2
    if length == 126:
        length, start = int.from_bytes(buffer[begin + 2 : begin + 4], "big"), begin + 4
    return (start, start + length) if len(buffer) >= start + length else None


def _opened(url: str, streams: list[str]) -> socket.socket:
    address = urlsplit(url)
    connection = socket.create_connection((address.hostname or "", address.port or 80))
    key = base64.b64encode(os.urandom(16)).decode()
    head = f"GET /stream?timeUnit=MICROSECOND HTTP/1.1\r\nHost: {address.netloc}\r\nUpgrade: websocket\r\n"
    head += f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    connection.sendall(head.encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(1)
    for begin in range(0, len(streams), 100):
        asked = {"method": "SUBSCRIBE", "params": streams[begin : begin + 100], "id": begin}
        payload = msgspec.json.encode(asked)
        connection.sendall(b"\x81\xfe" + len(payload).to_bytes(2, "big") + b"\0\0\0\0" + payload)
        time.sleep(0.3)
    return connection


def main() -> None:
    parser = argparse.ArgumentParser(description="What a live trade costs from the socket to the disk.")
    parser.add_argument("--symbols", type=int, default=500)
    parser.add_argument("--rate", type=int, default=20_000, help="trades a second, of all symbols together")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--parse-only", metavar="URL", help="(the baseline's own process)")
    options = parser.parse_args()
    symbols = [f"SYN{number:04d}USDT" for number in range(options.symbols)]
    if options.parse_only:
        print(parse_only(options.parse_only, options.seconds, symbols))
        return
    each = options.rate / options.symbols
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with ReplayServer(f"synthetic:{options.symbols}x{each:g}", wait=True) as exchange:
            ours = measured(exchange, folder, options.seconds)
        held, gaps = counted(folder / "archive")
        with ReplayServer(f"synthetic:{options.symbols}x{each:g}", wait=True) as exchange:
            theirs = baseline(exchange, min(options.seconds, 20.0))
    what = f"{options.symbols} symbols, {ours.rate:,.0f} trades/s stored for {options.seconds:g} s"
    print(f"{what}: {held:,} in all, {gaps} gaps")
    print(f"processor time for a trade, socket to disk: {ours.cost:.1f} us (bound 15)")
    print(f"baseline, received and parsed only:          {theirs:.1f} us, ratio {ours.cost / theirs:.1f}")
    print(f"memory: {ours.memory:.0f} MB at the end, slope {ours.slope:+.1f} MB/min")


if __name__ == "__main__":
    main()

"""Draws docs/pictures/proof.svg: what a replay exchange sent, what it did to us meanwhile, and what the archive holds.

python docs/pictures/proof.py. Ten recorded minutes of BTCUSDT at ten times their speed, with a real exchange server, a
real `bcore run` and real faults; takes about eighty seconds. The counts in the title are a comparison of the archive
with the recording, id by id and field by field.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from matplotlib.figure import Figure

from bc_parquet import ParquetStore
from bc_replay.proof import prove
from bc_replay.recording import read_recording
from bc_replay.sample import paths
from bc_replay.testing import ReplayServer
from bc_trades import TRADES
from bcore.records import Series

HERE = Path(__file__).parent
INK, SENT, HELD, FAULT = "#22272e", "#9aa3b0", "#16867a", "#d1603d"
SPEED = 10.0
FAULTS = [
    (8, "reset", None),
    (14, "429", 2),
    (15, "gap", 20),
    (23, "500", 2),
    (24, "disconnect", None),
    (50, "reset", None),
]
KILL, RESTART = 35.0, 36.0
SERIES = Series(TRADES, "BTCUSDT")


def collector(folder: Path, url: str) -> subprocess.Popen[bytes]:
    env = {
        **os.environ,
        "BCORE_EXCHANGES__BINANCE__REST_URL": url,
        "BCORE_SOURCES__TRADES__START": "2024-08-08T23:54:15",
    }
    command = [sys.executable, "-m", "bcore", "run", "--symbol", "BTCUSDT", "--data", str(folder / "data")]
    return subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main() -> None:
    recording = read_recording(paths())
    ids = [(trade.time, trade.id) for trade in recording.tapes["BTCUSDT"].agg_trades]
    samples, marks = [], []
    with tempfile.TemporaryDirectory() as place, ReplayServer(speed=SPEED, wait=True) as server:
        folder = Path(place)
        store, process = ParquetStore(folder / "data"), collector(folder, server.url)
        while not server.status()["sent"]:
            time.sleep(0.05)
        began, due, killed = time.monotonic(), list(FAULTS), False
        while True:
            at = time.monotonic() - began
            if due and at >= due[0][0]:
                _, kind, arg = due.pop(0)
                server.fault(kind, arg)
                marks.append((at, kind))
            if not killed and at >= KILL:
                process.kill()
                process.wait()
                killed = True
                marks.append((at, "kill -9"))
            if killed and process.poll() is not None and at >= RESTART:
                process = collector(folder, server.url)
            status = server.status()
            happened = sum(when <= status["now"] for when, _ in ids)
            samples.append((at, happened, len(store.spans(SERIES))))
            if status["ended"] and (samples[-1][1] == samples[-1][2] or at > 90):
                break
            time.sleep(0.1)
        process.terminate()
        process.wait()
        proof = prove(recording, store, TRADES)
        told = "; ".join(proof.lines())
    print(told)
    draw(samples, marks, told)


def draw(samples: list[tuple[float, int, int]], marks: list[tuple[float, str]], told: str) -> None:
    figure = Figure(figsize=(10, 4.2), layout="constrained", facecolor="white")
    axes = figure.subplots()
    at, sent, held = zip(*samples, strict=True)
    axes.fill_between(at, held, sent, color=FAULT, alpha=0.25, linewidth=0, label="not held yet")
    axes.plot(at, sent, color=SENT, linewidth=2.4, label="happened on the exchange")
    axes.plot(at, held, color=HELD, linewidth=1.4, label="durable in the archive")
    for when, what in marks:
        axes.axvline(when, color=FAULT, linewidth=0.8, linestyle=":")
        axes.text(when + 0.3, max(sent) * 0.98, what, fontsize=8, color=FAULT, rotation=90, va="top")
    axes.set_xlabel("seconds (ten times the recorded speed)", fontsize=8)
    axes.set_ylabel("trades of BTCUSDT", fontsize=8)
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    axes.grid(color="#c9ced6", linewidth=0.5, alpha=0.6)
    axes.tick_params(labelsize=8, length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    figure.suptitle(told, fontsize=10, x=0.01, ha="left", color=INK)
    figure.savefig(HERE / "proof.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()

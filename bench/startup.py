"""How long the first answer takes, start included, beside what no program of its kind can do without.

`python bench/startup.py [--times 10] [--data DIR]`. Wall time of whole processes, best and median. Without an archive
one with a few thousand trades is made first.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bcore.app import App
from bcore.testing.samples import trades

BARE, ARROW, SDK, HELP, READ = (
    "python -c pass",
    "python -c 'import pyarrow'",
    "python -c 'import bcore'",
    "bcore --help",
    "bcore read trades BTCUSDT --limit 10",
)


def commands(data: Path) -> dict[str, list[str]]:
    def bcore(*words: str) -> list[str]:
        return [sys.executable, "-m", "bcore", *words]

    archive = ("--data", str(data))
    return {
        BARE: [sys.executable, "-c", "pass"],
        ARROW: [sys.executable, "-c", "import pyarrow"],
        "python -c 'import pandas'": [sys.executable, "-c", "import pandas"],
        SDK: [sys.executable, "-c", "import bcore"],
        HELP: bcore("--help"),
        READ: bcore("read", "trades", "BTCUSDT", "--limit", "10", *archive),
        "bcore read ohlcv BTCUSDT --limit 10": bcore("read", "ohlcv", "BTCUSDT", "--limit", "10", *archive),
        "bcore status": bcore("status", *archive),
        "bcore verify": bcore("verify", *archive),
        "bcore plugins": bcore("plugins"),
    }


def seconds(command: list[str], folder: Path) -> float:
    began = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    taken = time.perf_counter() - began
    if done.returncode not in (0, 1):  # `status` says with 1 that no collector runs
        sys.exit(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return taken


def filled(data: Path) -> Path:
    app = App.of({"stores": {"main": {"kind": "parquet", "path": str(data)}}})
    app.stores()["main"].append(trades(range(5000)))
    app.close()
    return data


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--data", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = asked.data.absolute() if asked.data else filled(Path(folder) / "data")
        taken: dict[str, list[float]] = {}
        for _ in range(asked.times):  # in turn, so that what else the machine does meets all alike
            for name, command in commands(data).items():
                taken.setdefault(name, []).append(seconds(command, Path(folder)))
    best = {name: min(each) for name, each in taken.items()}
    print(f"| what | best | median | x {BARE} | x {ARROW} |\n|---|---|---|---|---|")
    for name, each in taken.items():
        ratios = " | ".join(f"{best[name] / best[base]:.1f}" for base in (BARE, ARROW))
        print(f"| `{name}` | {best[name] * 1000:.0f} ms | {statistics.median(each) * 1000:.0f} ms | {ratios} |")


if __name__ == "__main__":
    main()

"""A model fitted to a history that need not fit into memory: one pass, batch by batch, oldest row first.

python train_on_a_month.py [DATA [SYMBOL [TIMEFRAME]]]. Does the taker flow of a bar tell where the next one goes? (It
hardly does. The point is the pass: bars are computed from the trades as they are read, and memory does not grow with
the history.)
"""

import resource
import sys

import numpy as np

import bcore
from bcore.query import Request

DATA, SYMBOL, TIMEFRAME = (sys.argv[1:] + ["data", "BTCUSDT", "1m"][len(sys.argv) - 1 :])[:3]
COLUMNS = ("open", "close", "volume", "taker_buy_volume", "complete")
RATE, FEATURES = 0.05, 3


def features(bars: dict[str, np.ndarray]) -> np.ndarray:
    """Of each bar: a constant, its return in basis points, and who took more, from -1 (sellers) to 1 (buyers)."""
    moved = 1e4 * (bars["close"] / bars["open"] - 1)
    flow = 2 * bars["taker_buy_volume"] / np.maximum(bars["volume"], 1e-12) - 1
    return np.column_stack([np.ones_like(moved), np.tanh(moved / 10), flow])


weights, seen, right, largest = np.zeros(FEATURES), 0, 0, 0
with bcore.open(DATA) as client:
    asked = Request("ohlcv", SYMBOL, columns=COLUMNS, params={"timeframe": TIMEFRAME})
    for batch in client.reader.scan(asked):
        bars = {name: batch.column(name).to_numpy(zero_copy_only=False) for name in COLUMNS}
        largest = max(largest, batch.num_rows)
        rows, up = features(bars)[:-1], bars["close"][1:] > bars["close"][:-1]
        proven = bars["complete"][:-1] & bars["complete"][1:]  # bars that may lack a trade teach nothing
        for row, rises in zip(rows[proven], up[proven], strict=True):  # logistic regression, one step a bar
            chance = 1 / (1 + np.exp(-row @ weights))
            right += (chance > 0.5) == rises
            weights += RATE * (rises - chance) * row
            seen += 1

peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(f"{seen:,} proven bars of {TIMEFRAME}, at most {largest:,} at once; weights {np.round(weights, 3).tolist()}")
print(f"guessed {right / max(seen, 1):.1%} before learning from each; memory at its peak {peak:,.0f} MB")

"""What becomes of a bulk file that a fault has met (protocol section 8.5)."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from itertools import repeat
from pathlib import Path

from bc_replay.bulk.keys import Key
from bc_replay.bulk.zips import rows_of, write_zip

MIB = 1 << 20
OUTSIDE = "../../x.csv"
Rows = list[bytes]
HEADERS = {
    "aggTrades": "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker,is_best_match",
    "trades": "id,price,qty,quote_qty,time,is_buyer_maker,is_best_match",
    "klines": "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore",
}


def damage(kind: str, amount: float, key: Key, source: Path, target: Path) -> None:
    """Write `source` anew as the fault of this kind leaves it. Only the kinds of DAMAGES change a file's bytes."""
    if kind == "bomb":
        write_zip(target, key.member, _zeros(int(amount)), size=int(amount) * MIB)
    elif kind == "pathtrick":
        write_zip(target, OUTSIDE, rows_of(source))
    else:
        write_zip(target, key.member, ROWS[kind](key, rows_of(source)))


def _zeros(count: int) -> Iterator[bytes]:
    return repeat(b"0" * MIB, count)


def _headed(key: Key, rows: Rows) -> Rows:
    if not rows[0][:1].isdigit():
        return rows
    return [f"{HEADERS[key.kind]}\n".encode(), *rows]


def _shuffled(key: Key, rows: Rows) -> Rows:
    """In an order that depends on the file's name alone, and is not that of before."""
    head, rows = (rows[:1], rows[1:]) if rows and not rows[0][:1].isdigit() else ([], rows)
    mixed = random.Random(key.path).sample(rows, len(rows))
    return head + (mixed if mixed != rows else rows[::-1])


def _short(key: Key, rows: Rows) -> Rows:
    return rows[: len(rows) - max(1, len(rows) // 10)]


def _one_fewer(key: Key, rows: Rows) -> Rows:
    return rows[: len(rows) // 2] + rows[len(rows) // 2 + 1 :]


ROWS: Mapping[str, Callable[[Key, Rows], Rows]] = {
    "header": _headed,
    "shuffled": _shuffled,
    "shortday": _short,
    "replaced": _one_fewer,
}
DAMAGES = (*ROWS, "bomb", "pathtrick")

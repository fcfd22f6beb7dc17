"""Every row against a second, slow and plain computation in decimals that shares no code with the first."""

from __future__ import annotations

from decimal import Context, Decimal, localcontext
from fractions import Fraction
from math import isnan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bc_orderbook import ORDERBOOK, Book, Snapshot, orderbook_dataset

Levels = list[tuple[str, str]]
NAN = float("nan")


def reference_side(levels: Levels, tick: Decimal, count: int, *, ask: bool) -> list[tuple[float, float, float, float]]:
    """price, qty, cum_qty, cum_usd per bucket."""
    buckets: dict[Decimal, tuple[Decimal, Decimal]] = {}
    for price_text, quantity_text in levels:
        price, quantity = Decimal(price_text), Decimal(quantity_text)
        whole, rest = divmod(price, tick)
        bucket = (whole + 1 if ask and rest else whole) * tick
        held, money = buckets.get(bucket, (Decimal(0), Decimal(0)))
        buckets[bucket] = (held + quantity, money + price * quantity)
    found, total, total_money = [], Decimal(0), Decimal(0)
    for bucket in sorted(buckets, reverse=not ask)[:count]:
        quantity, money = buckets[bucket]
        total, total_money = total + quantity, total_money + money
        found.append((float(bucket), float(quantity), float(total), float(total_money)))
    return found + [(NAN, NAN, NAN, NAN)] * (count - len(found))


def reference_total(levels: Levels, tick: Decimal, count: int, *, ask: bool) -> Fraction:
    """The quantity in the best `count` buckets."""
    sums: dict[int, Fraction] = {}
    for price, quantity in levels:
        ratio = Fraction(price) / Fraction(tick)
        bucket = -(-ratio.numerator // ratio.denominator) if ask else ratio.numerator // ratio.denominator
        sums[bucket] = sums.get(bucket, Fraction(0)) + Fraction(quantity)
    return sum((sums[bucket] for bucket in sorted(sums, reverse=not ask)[:count]), Fraction(0))


def reference_row(bids: Levels, asks: Levels, tick_size: float, count: int) -> dict[str, float]:
    tick = Decimal(str(tick_size))
    bid, ask = (Fraction(side[0][0]) if side else None for side in (bids, asks))
    row = {"tick_size": tick_size, "best_bid": NAN, "best_ask": NAN, "spread": NAN, "spread_pct": NAN}
    row |= {"imbalance": NAN, "depth_ratio": NAN}
    if bid is not None:
        row["best_bid"] = float(bid)
    if ask is not None:
        row["best_ask"] = float(ask)
    if bid is not None and ask is not None:
        row["spread"] = float(ask - bid)
        row["spread_pct"] = float((ask - bid) / ((ask + bid) / 2) * 100)
    below, above = reference_total(bids, tick, count, ask=False), reference_total(asks, tick, count, ask=True)
    if below + above:
        row["imbalance"] = float((below - above) / (below + above))
    if above:
        row["depth_ratio"] = float(below / above)
    for side, levels in (("bid", bids), ("ask", asks)):
        for level, values in enumerate(reference_side(levels, tick, count, ask=side == "ask"), 1):
            names = (
                f"{side}_price_{level}",
                f"{side}_qty_{level}",
                f"{side}_cum_qty_{level}",
                f"{side}_cum_usd_{level}",
            )
            row |= dict(zip(names, values, strict=True))
    return row


def assert_as_reference(bids: Levels, asks: Levels, ticks: list[float], count: int) -> None:
    table = Snapshot("X", 0, Book.of(bids, asks)).table(ticks, orderbook_dataset(count))
    with localcontext(Context(prec=400)):
        for tick, row in zip(ticks, table.drop_columns(["timestamp", "symbol"]).to_pylist(), strict=True):
            expected = reference_row(bids, asks, tick, count)
            assert expected.keys() == row.keys()
            wrong = {
                name: (value, row[name])
                for name, value in expected.items()
                if value != row[name] and not (isnan(value) and isnan(row[name]))
            }
            assert {} == wrong


def decimal_text(units: int, places: int, *, trimmed: bool) -> str:
    text = f"{units // 10**places}.{units % 10**places:0{places}d}"
    return text.rstrip("0").rstrip(".") if trimmed else text


@st.composite
def books(draw: st.DrawFn) -> tuple[Levels, Levels]:
    """Sorted, uncrossed, of any size and grid; some quantities at the exchange's cap; decimals padded or not."""
    step = draw(st.sampled_from([1, 10, 25, 1000, 10**6, 10**8]))
    mid = draw(st.integers(2, 10**6))
    near = draw(st.sampled_from([5, 60, 3000]))
    below = draw(st.sets(st.integers(max(1, mid - near), mid - 1), max_size=25))
    above = draw(st.sets(st.integers(mid, mid + near), max_size=25))
    quantity = st.one_of(st.integers(1, 10**12), st.integers(1, 50).map(lambda n: n * 10**7), st.just(2**63 - 1))
    trimmed = draw(st.booleans())

    def side(prices: list[int]) -> Levels:
        texts = (decimal_text(price * step, 8, trimmed=trimmed) for price in prices)
        return [(text, decimal_text(draw(quantity), 8, trimmed=trimmed)) for text in texts]

    return side(sorted(below, reverse=True)), side(sorted(above))


tick_sizes = st.one_of(
    st.sampled_from(
        [1.2345678901234566e-9, 1e-8, 3e-8, 1e-5, 0.015, 0.1, 0.3, 0.7, 1.0, 2.5, 10.0, 50.0, 1e6, 1e16, 1e22]
    ),
    st.floats(1e-9, 1e7, allow_nan=False),
)


@settings(max_examples=300, deadline=None)
@given(books(), st.lists(tick_sizes, min_size=1, max_size=3), st.integers(1, 20))
def test_any_book_at_any_ticks_equals_the_reference(book: tuple[Levels, Levels], ticks: list[float], n: int) -> None:
    assert_as_reference(*book, ticks, n)


def test_the_reference_can_tell_a_wrong_row() -> None:
    bids, asks = [("100.3", "1.0")], [("100.4", "5.0")]
    with pytest.raises(AssertionError):
        assert reference_row(bids, asks, 1.0, 1) == reference_row(bids, [("100.4", "5.1")], 1.0, 1)


@pytest.mark.parametrize("part", [1e-6, 1e-4, 3e-4, 1e-2, 1.0])
def test_recorded_books_equal_the_reference(recorded_books: list[tuple[Levels, Levels]], part: float) -> None:
    for bids, asks in recorded_books[:3]:
        tick = float(f"{float(bids[0][0]) * part:.3g}")
        assert_as_reference(bids, asks, [tick], 15)


def test_the_reference_has_the_dataset_s_columns() -> None:
    assert ORDERBOOK.schema.names[2:9] == list(reference_row([], [], 1.0, 15))[:7]
    assert set(ORDERBOOK.schema.names[2:]) == set(reference_row([], [], 1.0, 15))

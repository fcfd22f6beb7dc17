"""What the archive says of its files: proofs, origins and checksums, and every byte that is not what was written."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from attrs import evolve
from conftest import BEGIN, BOOKS, TRADES, books, trades
from hypothesis import given, settings
from hypothesis import strategies as st

from bc_parquet import ParquetStore, staging
from bc_parquet.examining import disorder
from bc_parquet.folder import SeriesFolder
from bc_parquet.metadata import PROOFS, described, summed
from bc_parquet.names import Part, crc_of
from bcore.instants import DAY
from bcore.memory import MemoryStore
from bcore.proof import combined, day_proofs
from bcore.protocols import Audits, Mends, Remembers, Store
from bcore.query import Query
from bcore.records import Batch, DayProof, FileProof, Origin, Series
from bcore.schema import conform
from bcore.spans import Spans

BTC = Series(TRADES, "BTCUSDT")
REST, BULK = Origin("rest"), Origin("bulk", "BTCUSDT-2024-01-01.zip", "ab" * 32, 40)


def filled(path: Path, *batches: Batch) -> list[Path]:
    """An archive of these batches; its files, oldest first."""
    with closing(ParquetStore(path)) as store:
        for batch in batches:
            store.append(batch)
    return files(path)


def files(path: Path) -> list[Path]:
    return sorted((path / "trades/BTCUSDT.parquet").resolve().iterdir())


def audit(path: Path, *, deep: bool = False) -> list[FileProof]:
    return list(ParquetStore(path).audit(BTC, deep=deep))


def problems(path: Path, *, deep: bool = True) -> dict[str, str]:
    return {proof.name: "; ".join(proof.problems) for proof in audit(path, deep=deep) if proof.problems}


def held(store: Audits, series: Series = BTC) -> tuple[DayProof, ...]:
    """What is proven of a series, in whatever files it is."""
    return combined(day for proof in store.audit(series) for day in proof.days)


def named(path: Path) -> Path:
    """The file under the name that its bytes ask for now, as one has it that was written so."""
    part = Part.parsed(path.name)
    assert part is not None
    return path.rename(path.with_name(evolve(part, crc=crc_of(path)).name))


def without_crc(path: Path) -> Path:
    part = Part.parsed(path.name)
    assert part is not None
    return path.rename(path.with_name(evolve(part, crc=None).name))


def rewritten(path: Path, table: pa.Table) -> Path:
    """A file with other rows under the footer and the name of this one, its checksum made to fit."""
    metadata = pq.read_schema(path).metadata
    pq.write_table(table.replace_schema_metadata(metadata), path)
    return named(path)


def test_both_stores_can_prove_what_they_hold(tmp_path: Path) -> None:
    assert all(isinstance(store, Audits) for store in (ParquetStore(tmp_path), MemoryStore()))
    assert isinstance(ParquetStore(tmp_path), (Mends, Remembers))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sets(st.integers(0, 300), min_size=1, max_size=40), min_size=1, max_size=8), st.randoms())
def test_the_same_rows_in_other_files_and_orders_have_the_same_proofs(batches: list, chance: object) -> None:
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        stores: list[Store] = [ParquetStore(one), ParquetStore(other), MemoryStore()]
        for ids in batches:
            stores[0].append(trades(ids))
        chance.shuffle(batches)  # type: ignore[attr-defined]
        for ids in batches:
            stores[1].append(trades(ids))
        stores[2].append(trades(set().union(*batches)))
        stores[1].compact(BTC)  # type: ignore[attr-defined]
        proven = [held(store) for store in stores]  # type: ignore[arg-type]
        assert proven[2] == proven[0]
        assert proven[2] == proven[1]
        deep = list(stores[0].audit(BTC, deep=True))  # type: ignore[attr-defined]
        assert proven[2] == combined(day for proof in deep for day in proof.days)
        assert [()] * len(deep) == [proof.problems for proof in deep]
        for store in stores:
            store.close()


def test_proofs_of_rows_without_a_sequence_are_kept_too(store: ParquetStore) -> None:
    series, model = Series(BOOKS, "BTCUSDT"), MemoryStore()
    for begin in (0, 40, 20):
        store.append(books(range(begin, begin + 20)))
        model.append(books(range(begin, begin + 20)))
    assert held(model, series) == held(store, series)
    assert {()} == {proof.problems for proof in store.audit(series, deep=True)}


def test_an_audit_reads_no_rows_unless_it_is_deep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path, trades(range(10)), trades(range(20, 30)))

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("rows were read")

    monkeypatch.setattr(pq.ParquetFile, "read_row_groups", refuse)
    monkeypatch.setattr(pq.ParquetFile, "read_row_group", refuse)
    assert [10, 10] == [proof.rows for proof in audit(tmp_path)]
    assert {} == problems(tmp_path, deep=False)


def test_every_flipped_byte_of_a_file_is_found_and_the_file_named(tmp_path: Path) -> None:
    first, second = filled(tmp_path, trades(range(10)), trades(range(10, 20)))
    assert {} == problems(tmp_path)
    content = second.read_bytes()
    store = ParquetStore(tmp_path)
    for place in range(len(content)):
        second.write_bytes(content[:place] + bytes([content[place] ^ (1 << place % 8)]) + content[place + 1 :])
        sound, damaged = store.audit(BTC, deep=True)
        assert ((first.name, ()), second.name) == ((sound.name, sound.problems), damaged.name)
        assert "not those that were written" in damaged.problems[0]
        assert () == damaged.days
    print(f"{len(content)} bytes flipped, {len(content)} found")


def test_a_damaged_file_whose_footer_or_length_is_hit_is_no_exception_even_without_a_crc(tmp_path: Path) -> None:
    """Names of earlier versions have no CRC32: what the pages' checksums and the proofs cover is found all the same."""
    (path,) = (without_crc(each) for each in filled(tmp_path, trades(range(40))))
    assert {} == problems(tmp_path)
    content, found = path.read_bytes(), 0
    for place in range(0, len(content), 3):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])
        found += bool(problems(tmp_path))
        problems(tmp_path, deep=False)
    assert found > len(content) // 3 * 0.5


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("length", [0, 3, 100, -1])
def test_a_truncated_file_is_named(tmp_path: Path, length: int, deep: bool) -> None:
    path = filled(tmp_path, trades(range(10)), trades(range(10, 20)))[0]
    path.write_bytes(path.read_bytes()[:length])
    assert [path.name] == list(problems(tmp_path, deep=deep))


@pytest.mark.parametrize("deep", [False, True])
def test_files_that_are_not_ours_are_named(tmp_path: Path, deep: bool) -> None:
    path = filled(tmp_path, trades(range(10)))[0]
    (path.parent / "notes.txt").write_text("mine")
    theirs = path.parent / Part(50, 60, 2, 0, 0).name
    pq.write_table(pa.table({"x": [1, 2]}), theirs)
    (path.parent / Part(70, 80, 1, 0, 0).name).symlink_to(path.parent / "nowhere")
    (path.parent / Part(90, 95, 1, 0, 0).name).mkdir()
    found = problems(tmp_path, deep=deep)
    assert 4 == len(found)
    assert "does not belong" in found["notes.txt"]
    assert "not one that bcore wrote" in found[theirs.name]


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may read everything: a user without rights may not."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("deep", [False, True])
def test_a_file_that_may_not_be_read_is_named(deep: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = filled(Path(folder), trades(range(10)), trades(range(10, 20)))[1]
        path.chmod(0)
        with as_nobody():
            found = problems(Path(folder), deep=deep)
    assert [path.name] == list(found)
    assert "Permission denied" in found[path.name]


def test_rows_other_than_the_footer_proves_are_found_though_the_checksums_fit(tmp_path: Path) -> None:
    path = filled(tmp_path, trades(range(10)))[0]
    table = pq.read_table(path)
    prices = table["price"].to_pylist()
    prices[3], prices[4] = prices[4], prices[3]
    path = rewritten(path, table.set_column(3, "price", pa.array(prices)))
    assert {} == problems(tmp_path, deep=False)
    assert "not those that its footer proves: 2024-08-08" in problems(tmp_path)[path.name]


def test_a_file_of_another_symbol_is_found(tmp_path: Path) -> None:
    source = filled(tmp_path / "other", *[evolve(trades(range(10)), symbol="BTCUSDT")])[0]
    filled(tmp_path, trades([99]))
    table = pq.read_table(source)
    changed = rewritten(source, table.set_column(2, "symbol", pa.array(["ETHUSDT"] * 10)))
    target = files(tmp_path)[0].parent / changed.name
    shutil.copy(changed, target)
    assert "it holds rows of ETHUSDT" in problems(tmp_path)[target.name]


def test_keys_out_of_order_or_twice_are_found(tmp_path: Path) -> None:
    path = filled(tmp_path, trades(range(10)))[0]
    table = pq.read_table(path)
    path = rewritten(path, table.take([0, 1, 2, 4, 3, 5, 6, 7, 8, 9]))
    assert "not in order, or one is there twice: 3" in problems(tmp_path)[path.name]
    path = rewritten(path, table.take([0, 1, 2, 3, 3, 5, 6, 7, 8, 9]))
    assert "not in order, or one is there twice: 3" in problems(tmp_path)[path.name]


def test_keys_of_several_columns_are_compared_in_turn() -> None:
    rising = pa.table({"a": [1, 1, 2], "b": [1, 2, 0]})
    assert disorder(rising) is None
    assert 2 == disorder(rising.take([0, 2, 1]))
    assert 1 == disorder(rising.take([0, 0, 1]))
    assert disorder(rising.slice(0, 1)) is None


@pytest.mark.parametrize("deep", [False, True])
def test_files_whose_keys_overlap_are_named(tmp_path: Path, deep: bool) -> None:
    """As a second writer that no lock stopped would leave them."""
    other = filled(tmp_path / "other", trades(range(5, 15)))[0]
    path = filled(tmp_path, trades(range(10)))[0]
    shutil.copy(other, path.parent)
    assert {other.name: f"its keys begin at 5, within {path.name}"} == problems(tmp_path, deep=deep)


def test_a_name_that_says_something_else_than_its_file_is_found(tmp_path: Path) -> None:
    path = filled(tmp_path, trades(range(10)))[0]
    part = Part.parsed(path.name)
    assert part is not None
    for wrong in (evolve(part, last=20), evolve(part, rows=9), evolve(part, first_time=part.first_time - 1)):
        path = path.rename(path.with_name(wrong.name))
        assert [path.name] == list(problems(tmp_path)), wrong
    path.rename(path.with_name(evolve(part, last=20).name))
    assert 1 == len(problems(tmp_path, deep=False))


def test_files_of_earlier_versions_are_read_and_proven_from_their_rows(tmp_path: Path) -> None:
    filled(tmp_path, trades(range(10)), trades(range(10, 20)))
    expected = held(ParquetStore(tmp_path))
    for path in files(tmp_path):
        table = pq.read_table(path).replace_schema_metadata(None)
        metadata = dict(pq.read_schema(path).metadata)
        del metadata[PROOFS]
        pq.write_table(table.replace_schema_metadata(metadata), path)
        without_crc(path)
    assert expected == held(ParquetStore(tmp_path))
    assert {} == problems(tmp_path)
    with closing(ParquetStore(tmp_path)) as store:
        store.append(trades(range(20, 30), "BTCUSDT"))
        store.compact(BTC)
        assert list(range(30)) == store.read(Query(TRADES, "BTCUSDT"))["agg_trade_id"].to_pylist()
        assert [True] == [part.crc is not None for path in files(tmp_path) if (part := Part.parsed(path.name))]


def test_proofs_of_a_dataset_that_has_learnt_of_its_chain_are_made_anew(tmp_path: Path) -> None:
    chained = evolve(TRADES, chain=("agg_trade_id", "agg_trade_id"))
    filled(tmp_path, trades(range(10)))
    store = ParquetStore(tmp_path)
    (proof,) = store.audit(Series(chained, "BTCUSDT"))
    assert [Spans(((0, 9),))] == [day.chain for day in proof.days]


def test_origins_are_counted_of_new_rows_only_and_survive_merges(tmp_path: Path) -> None:
    with closing(ParquetStore(tmp_path)) as store:
        store.append(evolve(trades(range(0, 60, 2)), origin=REST))
        store.append(evolve(trades(range(40)), origin=BULK))  # 20 of them are known
        store.append(trades(range(100, 110)))
        store.append(evolve(trades(range(110, 115)), origin=REST))
        expected = {REST: 35, BULK: 20}
        assert expected == dict(store.origins(BTC))
        store.compact(BTC)
        assert expected == dict(store.origins(BTC))
        assert 65 == store.stats(BTC).rows
    assert expected == dict(summed(proof.origins for proof in audit(tmp_path, deep=True)))


def test_the_model_counts_origins_as_the_archive_does(store: ParquetStore) -> None:
    model = MemoryStore()
    for batch in (evolve(trades(range(10)), origin=REST), evolve(trades(range(5, 30)), origin=BULK), trades([40])):
        store.append(batch)
        model.append(batch)
    assert sorted(model.origins(BTC), key=str) == sorted(store.origins(BTC), key=str)


def test_origins_of_a_series_that_is_not_there_are_none(store: ParquetStore) -> None:
    assert ([], []) == (store.origins(BTC), list(store.audit(BTC)))
    assert ([], []) == (MemoryStore().origins(BTC), list(MemoryStore().audit(BTC)))


@pytest.mark.parametrize("place", [5, 500, -3, -40])
def test_what_is_damaged_is_set_aside_and_known_as_lost_until_it_is_held_again(tmp_path: Path, place: int) -> None:
    batches = [trades(range(begin, begin + 100)) for begin in (0, 100, 200)]
    for which in range(3):
        folder = tmp_path / str(which)
        path = filled(folder, *batches)[which]
        content = bytearray(path.read_bytes())
        content[place] ^= 4
        path.write_bytes(content)
        with closing(ParquetStore(folder)) as store:
            assert [path.name] == store.set_aside_damaged(BTC)
            assert [path.name] == [each.name for each in store.quarantined(BTC)]
            assert Spans(((which * 100, which * 100 + 99),)) == store.lost(BTC)
            assert [] == store.set_aside_damaged(BTC)
            assert 100 == store.append(batches[which]).rows
            assert Spans() == store.lost(BTC)
            assert list(range(300)) == store.read(Query(TRADES, "BTCUSDT"))["agg_trade_id"].to_pylist()
        assert {} == problems(folder)


def test_a_truncated_file_is_among_those_that_were_set_aside(tmp_path: Path) -> None:
    """The writer moves it when it opens the series, before it is asked to."""
    path = filled(tmp_path, trades(range(10)), trades(range(10, 20)))[1]
    path.write_bytes(path.read_bytes()[:50])
    (path.parent / "notes.txt").write_text("mine")
    with closing(ParquetStore(tmp_path)) as store:
        assert {path.name, "notes.txt"} == set(store.set_aside_damaged(BTC))
        assert Spans(((10, 19),)) == store.lost(BTC)
        (store.location(BTC) / "later.txt").write_text("mine too")
        assert ["later.txt"] == store.set_aside_damaged(BTC)
        assert Spans(((0, 9),)) == store.spans(BTC)


def test_a_merge_that_would_lose_or_change_a_row_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that are lost between reading and writing, where reading back what was written shows nothing."""
    filled(tmp_path, trades(range(10)), trades(range(10, 20)))
    expected = held(ParquetStore(tmp_path))
    real = staging.Held.together

    def careless(several: list, key: tuple = ()) -> staging.Held:
        whole = real(several, key)
        return evolve(whole, table=whole.table.filter(pc.field("agg_trade_id") != 13))

    monkeypatch.setattr(staging.Held, "together", careless)
    with closing(ParquetStore(tmp_path)) as store:
        with pytest.raises(Exception, match="not those that were stored: 2024-08-08; the old files are kept"):
            store.compact(BTC)
        assert expected == held(store)


def test_a_part_that_is_not_what_it_proves_is_set_aside_by_a_merge_and_the_rest_merged(tmp_path: Path) -> None:
    path = filled(tmp_path, *[trades(range(begin, begin + 10)) for begin in range(0, 40, 10)])[1]
    table = pq.read_table(path)
    changed = rewritten(path, table.set_column(3, "price", pa.array([1.0] * 10)))
    with closing(ParquetStore(tmp_path)) as store:
        store.compact(BTC)
        assert [changed.name] == [each.name for each in store.quarantined(BTC)]
        assert Spans(((10, 19),)) == store.spans(BTC).gaps()
    assert {} == problems(tmp_path)


def test_an_append_into_a_damaged_part_is_refused_and_says_what_to_do(tmp_path: Path) -> None:
    path = filled(tmp_path, trades([*range(10), *range(11, 20)]))[0]
    content = bytearray(path.read_bytes())
    content[-6] ^= 1 << 7  # the footer's length: Arrow could not even find it
    with closing(ParquetStore(tmp_path)) as store:
        store.append(trades([50]))
        path.write_bytes(content)
        with pytest.raises(Exception, match=r"bcore compact"):
            store.append(trades([10]))


@pytest.mark.parametrize("deep", [False, True])
def test_an_audit_beside_a_merge_tells_every_row_once(tmp_path: Path, deep: bool) -> None:
    with closing(ParquetStore(tmp_path)) as store:
        for begin in range(0, 100, 10):
            store.append(trades(range(begin, begin + 10)))
        expected = held(store)
        going = ParquetStore(tmp_path).audit(BTC, deep=deep)
        told = [next(going), next(going), next(going)]
        old = files(tmp_path)[0].parent
        store.compact(BTC)
        shutil.rmtree(old)  # as when its time has come
        told += list(going)
        assert 4 == len(told)
        assert expected == combined(day for proof in told for day in proof.days)
        assert 100 == sum(proof.rows for proof in told)
        assert [()] * 4 == [proof.problems for proof in told]


def test_a_series_of_another_program_is_named_by_an_audit(tmp_path: Path) -> None:
    (tmp_path / "trades").mkdir()
    (tmp_path / "trades/BTCUSDT.parquet").write_bytes(b"theirs")
    with pytest.raises(Exception, match="another program"):
        audit(tmp_path)


def test_a_checksum_has_no_say_in_the_order_of_parts() -> None:
    low, high = (Part(1, 2, 2, 5, 6, crc) for crc in (0, 2**32 - 1))
    assert (False, False, True) == (low < high, high < low, low != high)
    assert [high, Part(3, 4, 2, 5, 6, 0)] == sorted([Part(3, 4, 2, 5, 6, 0), high])
    assert [low, high, Part(1, 2, 2, 5, 6)] == [Part.parsed(each.name) for each in (low, high, Part(1, 2, 2, 5, 6))]


def test_names_tell_the_checksum_of_every_file_also_after_merges(store: ParquetStore) -> None:
    for begin in range(0, 400, 10):
        store.append(trades(range(begin, begin + 10)))
    store.append(trades([*range(395, 410)]))
    for path in files(store.path):
        part = Part.parsed(path.name)
        assert part is not None
        assert crc_of(path) == part.crc


def test_a_quarantined_name_is_lost_once_however_often_it_was_set_aside(tmp_path: Path) -> None:
    folder = SeriesFolder.of(tmp_path, "trades", "BTCUSDT")
    for _ in range(2):
        path = filled(tmp_path, trades(range(10)), trades(range(20, 30)))[0]
        folder.set_aside(path)
    assert 2 == len(ParquetStore(tmp_path).quarantined(BTC))
    assert Spans(((0, 9),)) == ParquetStore(tmp_path).lost(BTC)


@given(st.lists(st.tuples(st.integers(-(2**40), 2**40), st.integers(0, 9), st.integers(0, 9)), max_size=6))
def test_proofs_come_back_from_a_footer_as_they_went_in(runs: list) -> None:
    from bc_parquet.metadata import proofs_of, spans_of

    spans = Spans.of((first, first + length) for first, length, _ in runs)
    chain = Spans.of((abs(first), abs(first) + more) for first, _, more in runs)
    proofs = tuple(DayProof(day * DAY, 3, spans, chain, 2**128 - 1 - day, len(chain) + day) for day in (-1, 0, 1))
    schema = described(TRADES.schema.empty_table(), TRADES, proofs).schema
    assert proofs == proofs_of(schema, TRADES)
    assert spans == spans_of(schema)


def test_a_footer_that_holds_nonsense_is_a_problem_and_no_exception(tmp_path: Path) -> None:
    path = filled(tmp_path, trades(range(10)))[0]
    table = conform(trades(range(10))).table
    good = described(table, TRADES, day_proofs(table, TRADES)).schema.metadata
    for nonsense in (b"", b"{", b"1", b"[1]", b'[["x"]]', b'[[1,2,"zz",[],[]]]', b'[[1,2,"ff",[1],[]]]', b'{"a":1}'):
        for key in (PROOFS, b"bcore.origins", b"bcore.dataset"):
            pq.write_table(table.replace_schema_metadata({**good, key: nonsense}), path)
            path = named(path)
            told = problems(tmp_path, deep=False)
            assert told or key == b"bcore.origins", (key, nonsense)
            problems(tmp_path)


def test_times_of_the_tests_are_of_the_day_that_they_name() -> None:
    assert 19943 == BEGIN // DAY  # 2024-08-08

"""Sources that bring what no source may: no batch, no table, another symbol, rows that do not fit, nothing at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from attrs import frozen

from bcore.hookspecs import hookimpl
from bcore.records import Batch, Dataset, Factory


@frozen
class Config:
    """No keys."""


@frozen
class Rubbish:
    datasets: tuple[Dataset, ...]
    symbols: tuple[str, ...]
    bring: Callable[[Dataset], Any]
    interval: float = 0.05

    def catch_up(self, after: Any) -> Any:
        return self.bring(self.datasets[0])


def no_batch(dataset: Dataset) -> Iterator[Any]:
    yield {"price": 1.0}


def no_table(dataset: Dataset) -> Iterator[Any]:
    yield Batch(dataset, "AAA", [{"price": 1.0}])  # type: ignore[arg-type]


def other_symbol(dataset: Dataset) -> Iterator[Any]:
    yield Batch(dataset, "ZZZ", dataset.schema.empty_table())


def other_dataset(dataset: Dataset) -> Iterator[Any]:
    from attrs import evolve

    yield Batch(evolve(dataset, name="unheard_of"), "AAA", dataset.schema.empty_table())


def other_rows(dataset: Dataset) -> Iterator[Any]:
    import pyarrow as pa

    yield Batch(dataset, "AAA", pa.table({"nonsense": ["x"]}))


def nothing(dataset: Dataset) -> None:
    return None


def dataset_called(name: str) -> Dataset:
    import pyarrow as pa

    schema = pa.schema({"id": pa.int64(), "timestamp": pa.timestamp("us", tz="UTC"), "symbol": pa.string()})
    return Dataset(name, schema, key=("id",), sequence="id")


def kind(bring: Callable[[Dataset], Any]) -> Factory[Any]:
    dataset = dataset_called(bring.__name__)
    build = lambda config, context: Rubbish((dataset,), context.symbols, bring)  # noqa: E731
    return Factory(bring.__name__, Config, build, datasets=(dataset,))


@hookimpl
def bcore_sources() -> Iterator[Factory[Any]]:
    yield from map(kind, (no_batch, no_table, other_symbol, other_dataset, other_rows, nothing))

"""Nothing is wrong with it: a source, a derivation, a command and an observer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click
from attrs import frozen

from bcore.hookspecs import hookimpl
from bcore.records import Batch, Context, Dataset, Derivation, Factory

SEEN: list[Any] = []


@frozen
class Config:
    """A source and a view without settings."""


@frozen
class Beats:
    """Three beats of every symbol."""

    datasets: tuple[Dataset, ...]
    symbols: tuple[str, ...]
    interval: float = 1.0

    def catch_up(self, after: Mapping[str, Any]) -> Iterator[Batch]:
        import pyarrow as pa

        for symbol in self.symbols:
            rows = pa.table({"id": [1, 2, 3], "timestamp": [1, 2, 3], "price": [1.0, 2.0, 3.0]})
            yield Batch(self.datasets[0], symbol, rows)


def _beats() -> Dataset:
    import pyarrow as pa

    schema = {"id": pa.int64(), "timestamp": pa.timestamp("us", tz="UTC"), "symbol": pa.string(), "price": pa.float64()}
    return Dataset("beats", pa.schema(schema), key=("id",), sequence="id", highlight="price")


@hookimpl
def bcore_sources() -> Iterator[Factory[Beats]]:
    dataset = _beats()

    def build(config: Config, context: Context) -> Beats:
        return Beats((dataset,), context.symbols)

    yield Factory("beats", Config, build, datasets=(dataset,))


@hookimpl
def bcore_derivations() -> Iterator[Derivation]:
    import pyarrow as pa

    schema = pa.schema({"timestamp": pa.timestamp("us", tz="UTC"), "price": pa.float64()})
    yield Derivation(
        "some_beats",
        "beats",
        schema,
        Config,
        needs=lambda query, params: query,
        apply=lambda table, params: table.select(schema.names),
        summary="Beats, by price alone",
    )


@hookimpl
def bcore_commands() -> Iterator[click.Command]:
    yield click.Command("greet", callback=lambda: click.echo("greetings"))


@hookimpl
def bcore_event(event: Any) -> None:
    SEEN.append(event)

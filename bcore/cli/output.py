"""Printing tables: for eyes, for programs, for files."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = ("table", "json", "csv", "arrow", "parquet")
WIDE = 12  # columns of a table for eyes; more would wrap on every terminal

ENDINGS = {".txt": "table", ".json": "json", ".csv": "csv", ".arrow": "arrow", ".parquet": "parquet"}

format_option = click.option(
    "--format", "form", type=click.Choice(FORMATS), help="How to print rows.  [default: table]"
)


def form_of(form: str | None, to: Path | None = None) -> str:
    """The format that was asked for, or that the file's ending tells; else a table for eyes."""
    if form or to is None:
        return form or "table"
    if to.suffix.lower() not in ENDINGS:
        known = ", ".join(ENDINGS)
        raise click.UsageError(f"the ending of {to} tells no format: name it with --format, or use one of {known}")
    return ENDINGS[to.suffix.lower()]


def write(table: pa.Table, form: str, to: Path | None = None) -> None:
    """Writes the table to a file or to standard output in one of FORMATS.

    json is one array of row objects, times as ISO 8601 UTC and NaN as null.
    """
    if form in ("arrow", "parquet", "csv"):
        _write_binary(_binary(table, form), form, to)
        return
    text = as_json(table) if form == "json" else as_text(table)
    if to:
        to.write_text(text + "\n", encoding="utf-8")
    else:
        click.echo(text)


def _write_binary(content: bytes, form: str, to: Path | None) -> None:
    if to:
        to.write_bytes(content)
    elif form != "csv" and sys.stdout.isatty():
        raise click.UsageError(f"--format {form} is not for a terminal: redirect it, or name a file with -o")
    else:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()


def _binary(table: pa.Table, form: str) -> bytes:
    import pyarrow as pa

    sink = io.BytesIO()
    if form == "parquet":
        import pyarrow.parquet as pq

        pq.write_table(table, sink, compression="zstd")
    elif form == "csv":
        import pyarrow.csv as csv

        csv.write_csv(_times_as_text(table), sink)
    else:
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    return sink.getvalue()


def _times_as_text(table: pa.Table) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    for index, column in enumerate(table.schema):
        if pa.types.is_timestamp(column.type):
            naive = table.column(index).cast(pa.timestamp(column.type.unit))
            text = pc.binary_join_element_wise(pc.strftime(naive, "%Y-%m-%dT%H:%M:%S"), "Z", "")
            table = table.set_column(index, column.name, text)
    return table


def as_json(table: pa.Table) -> str:
    """The rows as a JSON array of objects, one row a line."""
    lines = [json.dumps({name: _plain(value) for name, value in row.items()}) for row in table.to_pylist()]
    return "[\n" + ",\n".join(lines) + "\n]" if lines else "[]"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, float) and value != value:
        return None
    return value


def as_text(table: pa.Table) -> str:
    """The rows in aligned columns; the rest of a very wide table is named in a last line."""
    names = table.column_names[:WIDE]
    rows = [[_cell(row[name]) for name in names] for row in table.select(names).to_pylist()]
    lines = aligned(names, rows)
    if len(table.column_names) > WIDE:
        lines.append(f"... and {len(table.column_names) - WIDE} more columns: choose some with --columns")
    if not rows:
        lines.append("(no rows)")
    return "\n".join(lines)


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of columns as wide as their widest cell."""
    widths = [max(len(row[index]) for row in [head, *rows]) for index in range(len(head))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in [head, *rows]
    ]


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.%f")
    if isinstance(value, float):
        return f"{value:.10g}"
    return str(value)

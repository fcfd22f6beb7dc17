"""Printing rows: for eyes, for programs, for files."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from bcore.cli.formats import BINARY, as_json, as_table
from bcore.cli.formats import aligned as aligned

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = ("table", "json", "csv", "arrow", "parquet")
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


def write(rows: pa.Table | pa.RecordBatchReader, form: str, to: Path | None = None) -> int:
    """Writes the rows to a file or to standard output in one of FORMATS, batch by batch as they come; how many.

    json is one array of row objects, times as ISO 8601 UTC and NaN as null. A file appears when it is complete.
    """
    import pyarrow as pa

    count = 0

    def counted() -> Iterator[pa.RecordBatch]:
        nonlocal count
        for batch in rows if hasattr(rows, "read_next_batch") else rows.to_batches():
            count += batch.num_rows
            yield batch

    _put(pa.RecordBatchReader.from_batches(rows.schema, counted()), form, to)
    return count


def _put(reader: pa.RecordBatchReader, form: str, to: Path | None) -> None:
    if to is not None:
        with _appearing(to) as file:
            _write(reader, form, file)
    elif form in BINARY:
        if form != "csv" and sys.stdout.isatty():
            raise click.UsageError(f"--format {form} is not for a terminal: redirect it, or name a file with -o")
        _write(reader, form, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    else:
        for text in _texts(reader, form):
            click.echo(text, nl=False)


def _write(reader: pa.RecordBatchReader, form: str, sink: IO[bytes]) -> None:
    if form in BINARY:
        BINARY[form](reader, sink)
        return
    for text in _texts(reader, form):
        sink.write(text.encode())


def _texts(reader: pa.RecordBatchReader, form: str) -> Iterator[str]:
    return as_json(reader) if form == "json" else as_table(reader)


@contextmanager
def _appearing(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes the place of `path` once it is written; what is no plain file (a pipe) is written directly."""
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            yield file
        return
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with _opened(staged, path) as file:
            yield file
        os.replace(staged, path)
    finally:
        with suppress(OSError):
            staged.unlink(missing_ok=True)


def _opened(staged: Path, path: Path) -> IO[bytes]:
    try:
        return staged.open("wb")
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error

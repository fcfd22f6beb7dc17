"""Writes docs/schema.md from what the installed plugins declare: python docs/schema.py."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bcore.app import reader_of
from bcore.fields import fields_of
from bcore.registry import Registry

PAGE = Path(__file__).with_name("schema.md")
HEAD = """\
# Schema

Written by `python docs/schema.py` from what the plugins declare. Times are UTC, microseconds since 1970. Prices and
quantities are floats that print as the exchange's text; `NaN` stands where there is no number. What each view means is
told by its plugin: [bc_trades](../plugins/bc_trades/README.md), [bc_orderbook](../plugins/bc_orderbook/README.md).

What is stored stands as Parquet in `data/DATASET/SYMBOL.parquet`; beside each dataset that has ids stands its ledger,
as `trades_gaps` beside `trades`. Everything else is computed when it is read. With `dataset = "us_trades"` in its
section a source writes a dataset of another name, and views of it begin with the same prefix.
"""
LEVEL = re.compile(r"(.*)_1$")


def page(registry: Registry) -> str:
    reader = reader_of([], registry)
    stored = {each.name: each for kind in registry.of("sources").values() for each in kind.datasets}
    lines = [line for name, view in sorted(reader.views().items()) for line in _view(name, view, stored.get(name))]
    return HEAD + "\n".join(lines) + "\n"


def _view(name: str, view: Any, dataset: Any) -> Iterator[str]:
    yield from ("", f"## {name}", "", f"{view.summary.rstrip('.')}.")
    if dataset is not None:
        yield from ("", f"Stored. Key: {', '.join(f'`{each}`' for each in dataset.key)}.")
    params = [*view.facets, *([] if view.params is None else [each.name for each in fields_of(view.params)])]
    if params:
        yield from ("", f"Parameters: {', '.join(f'`{each}`' for each in params)}.")
    yield from ("", "| column | type |", "|---|---|")
    names = set(view.schema.names)
    for field in view.schema:
        level = LEVEL.match(field.name)
        if level and f"{level[1]}_2" in names:
            most = max(int(each.rsplit("_", 1)[1]) for each in names if re.fullmatch(rf"{level[1]}_\d+", each))
            yield f"| `{level[1]}_1` to `{level[1]}_{most}` | {field.type} |"
        elif not re.fullmatch(r".*_([2-9]|\d\d)", field.name):
            yield f"| `{field.name}` | {field.type} |"


if __name__ == "__main__":
    PAGE.write_text(page(Registry.load()))

"""A dataset as text, for stores that keep it beside the rows: an archive is read without the plugin that wrote it."""

from __future__ import annotations

import base64
import json

from attrs import asdict, filters

from bcore.records import Dataset


def text_of(dataset: Dataset) -> str:
    """One line of JSON; the schema is in it as Arrow's own message, in base64."""
    told = asdict(dataset, filter=filters.exclude("schema"))
    return json.dumps({**told, "schema": base64.b64encode(dataset.schema.serialize().to_pybytes()).decode()})


def dataset_of(text: str) -> Dataset:
    """The dataset that `text_of` told of. Raises `ValueError` for other text."""
    import pyarrow as pa

    try:
        told = json.loads(text)
        schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(told.pop("schema"))))
        return Dataset(schema=schema, **told)
    except (KeyError, TypeError, AttributeError, pa.ArrowException) as error:
        raise ValueError(f"this text describes no dataset: {error}") from error

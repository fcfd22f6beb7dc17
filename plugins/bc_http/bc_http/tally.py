"""What this server did, for Prometheus; with several worker processes, all of them together."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import define, field
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
EVERY = 1.0  # seconds between two writings
METHODS = ("GET", "HEAD", "OPTIONS")


@define(eq=False)
class Tally:
    """Counts the requests of one process. `routes` are the first words of paths that have a count of their own."""

    routes: frozenset[str] = frozenset()
    registry: CollectorRegistry = field(factory=CollectorRegistry)
    requests: Counter = field(init=False)
    seconds: Histogram = field(init=False)
    _of: dict[tuple[str, str, int], tuple[Any, Any]] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        what = "Requests answered, by the first word of the path"
        self.requests = Counter("bcore_http_requests", what, ("route", "method", "status"), registry=self.registry)
        took = "Time from a request's headers to the end of its answer"
        self.seconds = Histogram("bcore_http_seconds", took, ("route",), registry=self.registry, buckets=SECONDS)

    def count(self, path: str, method: str, status: int, took: float) -> None:
        route = path[1:].split("/", 1)[0]
        key = (route if route in self.routes else "-", method if method in METHODS else "-", status)
        found = self._of.get(key)
        if found is None:
            made = self.requests.labels(key[0], key[1], str(status)), self.seconds.labels(key[0])
            found = self._of[key] = made
        found[0].inc()
        found[1].observe(took)


@define(eq=False)
class Shared:
    """The counts of all workers: each writes its own into `folder`, whoever is scraped adds them up.

    The file of a worker that ended stays, so that no count ever goes down.
    """

    tally: Tally
    folder: Path | None = None
    _due: bool = field(default=False, init=False)

    def count(self, path: str, method: str, status: int, took: float) -> None:
        """Counts a request; what was counted is written within a second."""
        self.tally.count(path, method, status, took)
        self.changed()

    def changed(self) -> None:
        """Something was counted."""
        if self.folder is not None and not self._due:
            self._due = True
            asyncio.get_running_loop().call_later(EVERY, self.write)

    def write(self) -> None:
        """What this process counted so far, for the others; nothing where it is alone."""
        self._due = False
        if self.folder is None or not self.folder.is_dir():
            return
        mine = self.folder / f"{os.getpid()}.prom"
        staged = mine.with_suffix(".new")
        staged.write_bytes(generate_latest(self.tally.registry))
        staged.replace(mine)

    def families(self) -> Iterator[Metric]:
        if self.folder is None:
            yield from self.tally.registry.collect()
            return
        self.write()
        together: dict[str, Metric] = {}
        for file in sorted(self.folder.glob("*.prom")):
            for family in text_string_to_metric_families(file.read_text()):
                _add(together, family)
        yield from together.values()


def _add(together: dict[str, Metric], family: Metric) -> None:
    total = together.setdefault(family.name, Metric(family.name, family.documentation, family.type))
    known = {_identity(each.name, each.labels): index for index, each in enumerate(total.samples)}
    for sample in family.samples:
        if sample.name.endswith("_created"):
            continue
        index = known.get(_identity(sample.name, sample.labels))
        if index is None:
            total.samples.append(sample)
        else:
            held = total.samples[index]
            total.samples[index] = held._replace(value=held.value + sample.value)


def _identity(name: str, labels: Mapping[str, str]) -> tuple[Any, ...]:
    return name, *sorted(labels.items())

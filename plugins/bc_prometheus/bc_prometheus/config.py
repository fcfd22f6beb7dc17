"""The keys of a `[servers.*]` section of kind "prometheus"."""

from __future__ import annotations

from attrs import field, frozen, validators


@frozen
class MetricsConfig:
    host: str = field(
        default="127.0.0.1",
        validator=validators.min_len(1),
        metadata={"help": "address to listen on; anyone who reaches it can read the metrics"},
    )
    port: int = field(
        default=9100,
        validator=[validators.ge(0), validators.le(65535)],
        metadata={"help": "TCP port; 0 takes a free one"},
    )

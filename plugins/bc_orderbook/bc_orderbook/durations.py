"""Steps of time as people write them: `100ms`, `1s`, `5m`, `1h`."""

from __future__ import annotations

import re

from bcore.instants import DAY, HOUR, MINUTE, SECOND

UNITS = {"ms": 1000, "s": SECOND, "m": MINUTE, "min": MINUTE, "h": HOUR, "d": DAY}
_WRITTEN = re.compile(r"([1-9][0-9]{0,8}) ?(ms|s|min|m|h|d)")


def microseconds(text: str) -> int:
    """Raises `ValueError` for anything else."""
    written = _WRITTEN.fullmatch(text.strip())
    if written is None:
        raise ValueError(f"must be a number and a unit ({', '.join(UNITS)}), such as 100ms, 1s or 5m, not {text!r}")
    return int(written[1]) * UNITS[written[2]]

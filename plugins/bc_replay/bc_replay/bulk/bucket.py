"""What the bucket holds at an instant: given files, else those made of the recording, as the faults leave them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from hashlib import sha256 as sha256_of
from pathlib import Path

from attrs import define, field

from bc_replay.bulk.damage import DAMAGES, damage
from bc_replay.bulk.keys import CHECKSUM, Key
from bc_replay.bulk.pages import Asked, page, xml
from bc_replay.bulk.press import Press
from bc_replay.bulk.shelf import Shelf
from bc_replay.bulk.zips import Stored, sha256, stored
from bc_replay.candles import DAY
from bc_replay.faults import Fault, Faults

Met = Sequence[Fault]
NOWHERE = ("late", "missing")


@define(eq=False)
class Bucket:
    """`now` is the exchange's time in us UTC; `folder` takes what is made: damaged revisions and CHECKSUMs.

    Work on files is done in threads, one piece at a time; faults are met in the event loop.
    """

    faults: Faults
    now: Callable[[], int]
    folder: Path
    press: Press | None = None
    shelf: Shelf | None = None
    _made: dict[Hashable, Stored] = field(factory=dict)
    _making: threading.Lock = field(factory=threading.Lock)

    async def fetch(self, name: str) -> Stored | None:
        """The file of this key, a CHECKSUM too; None where there is none now."""
        if not self._there(name):
            return None
        met = self.faults.file(name.removesuffix(CHECKSUM))
        return await asyncio.to_thread(self._produce, name, met) if _shown(name, met) else None

    async def listing(self, asked: Asked) -> bytes:
        """A page of the bucket's listing as XML."""
        names = {name for name in self._names(asked.prefix) if name.startswith(asked.prefix)}
        met = {name: self.faults.file(name) for name in {name.removesuffix(CHECKSUM) for name in names}}
        shown = [name for name in names if _shown(name, met[name.removesuffix(CHECKSUM)])]
        listed = page(sorted(shown, key=str.encode), asked)

        def work() -> bytes:
            facts = {name: self._produce(name, met[name.removesuffix(CHECKSUM)]) for name in listed.keys}
            return xml(asked, listed, facts)

        return await asyncio.to_thread(work)

    def _names(self, prefix: str) -> set[str]:
        given = set(self.shelf.keys(prefix)) if self.shelf else set()
        made = {key.path for key in self.press.keys(prefix, self.now())} if self.press else set()
        return given | {name + end for name in made - given for end in ("", CHECKSUM)}

    def _there(self, name: str) -> bool:
        """A given zip has the CHECKSUM that was given with it, or none."""
        plain = name.removesuffix(CHECKSUM)
        if self._given(name) is not None:
            return True
        key = Key.parse(plain)
        if self._given(plain) is not None or key is None or self.press is None:
            return False
        return self.press.published(key, self.now())

    def _given(self, name: str) -> Stored | None:
        return None if self.shelf is None else self.shelf.find(name)

    def _produce(self, name: str, met: Met) -> Stored:
        """A file that is there, as the faults that it has met leave it. It may take its time."""
        plain = name.removesuffix(CHECKSUM)
        kinds = [fault.kind.name for fault in met]
        given = self._given(name)
        if name != plain and given is not None and not {"wrongsum", *DAMAGES} & set(kinds):
            return given
        file = self._revision(plain, [fault for fault in met if fault.kind.name in DAMAGES])
        return file if name == plain else self._checksum(plain, file, wrong="wrongsum" in kinds)

    def _revision(self, name: str, damages: Met) -> Stored:
        key, file = Key.parse(name), self._given(name)
        if file is None and key is not None and self.press is not None:
            file = self._once(name, partial(self.press.make, key))
        if file is None:
            raise FileNotFoundError(name)
        if key is not None:
            for fault in damages:
                file = self._damaged(key, fault, file)
        return file

    def _damaged(self, key: Key, fault: Fault, file: Stored) -> Stored:
        kind = fault.kind.name
        target = self.folder / f"{kind}-{fault.amount:g}-{_word(file)}" / key.path
        modified = file.modified + (DAY if kind == "replaced" else 0)

        def make() -> Stored:
            damage(kind, fault.amount, key, file.path, target)
            return stored(target, modified)

        return self._once(target, make)

    def _checksum(self, name: str, file: Stored, *, wrong: bool) -> Stored:
        """64 hex digits, two spaces and the name; no line end (protocol section 8.2)."""
        target = self.folder / f"{'wrongsum' if wrong else 'sum'}-{_word(file)}" / f"{name}{CHECKSUM}"

        def make() -> Stored:
            digest = sha256_of(b"something else").hexdigest() if wrong else sha256(file.path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(f"{digest}  {name.rpartition('/')[2]}")
            return stored(target, file.modified)

        return self._once(target, make)

    def _once(self, token: Hashable, make: Callable[[], Stored]) -> Stored:
        if token not in self._made:
            with self._making:
                if token not in self._made:
                    self._made[token] = make()
        return self._made[token]


def _shown(name: str, met: Met) -> bool:
    """Whether faults leave the file where it is."""
    kinds = {fault.kind.name for fault in met}
    return not kinds & set(NOWHERE) and not ("nosum" in kinds and name.endswith(CHECKSUM))


def _word(file: Stored) -> str:
    return file.etag.strip('"')

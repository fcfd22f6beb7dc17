"""The protocol against a `bcore answer` that runs here, in place of ssh: tests that need no sshd."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pytest

from bc_ssh.answers import Answers
from bc_ssh.batch import Denied, quoted
from bc_ssh.config import SshConfig
from bc_ssh.reader import SshReader
from bc_ssh.session import NoBcoreError, Session, explained
from bcore.errors import ConfigError, NotFoundError, RequestError
from bcore.frames import LinkError, Question
from bcore.query import Request

FAR = """
import os, sys
import pyarrow as pa
from bcore.answering import Answering
from bcore.local import StoreReader
from bcore.memory import MemoryStore
from bcore.records import Batch, Dataset
INSTANT = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema({{"id": pa.int64(), "timestamp": INSTANT, "symbol": pa.string()}})
TICKS = Dataset("ticks", SCHEMA, key=("id",), sequence="id")
store = MemoryStore()
def add(first, last):
    ids = list(range(first, last))
    table = pa.table({{"id": ids, "timestamp": ids, "symbol": ["AAA"] * len(ids)}}).cast(SCHEMA)
    store.append(Batch(TICKS, "AAA", table))
add(0, 50_000); add(50_010, 60_000)
{extra}
Answering(StoreReader((store,)), 0, 1).serve()
"""
Far = Callable[..., Answers]


@pytest.fixture
def far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Far]:
    """A machine whose `ssh` runs this Python: with `extra` lines before it answers, or another `script`."""
    made: list[Answers] = []

    def start(extra: str = "", script: str | None = None) -> Answers:
        (tmp_path / "far.py").write_text(FAR.format(extra=extra) if script is None else script)
        ssh = tmp_path / "ssh"
        ssh.write_text(f"#!/bin/sh\nexec {sys.executable} {tmp_path}/far.py\n")
        ssh.chmod(ssh.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        made.append(Answers(Session(SshConfig(host="far"))))
        return made[-1]

    yield start
    for each in made:
        each.close()


def test_what_a_login_shell_prints_does_no_harm(far: Far) -> None:
    answers = far("print('Welcome!\\\\n' * 100, flush=True)")
    assert ["ticks"] == list(answers.views())
    assert 59_990 == answers.read(Request("ticks", "AAA")).num_rows


def test_a_shell_that_only_prints_is_no_bcore(far: Far) -> None:
    with pytest.raises(LinkError, match="the bcore there ended"):
        far(script="print('This account is not available')").views()


def test_another_protocol_is_named_with_both_numbers(far: Far) -> None:
    with pytest.raises(ConfigError, match=r"9\.9.*speaks another protocol \(7, here 1\)"):
        far("import bcore.answering as a; a.PROTOCOL = 7; a.__version__ = '9.9'").views()


def test_errors_over_there_are_the_same_here_and_the_link_goes_on(far: Far) -> None:
    answers = far()
    for _ in range(2):
        with pytest.raises(NotFoundError, match="there is no view 'tix'"):
            answers.read(Request("tix", "AAA"))
    with pytest.raises(RequestError, match="knows no question 'dance'"):
        answers._asked(Question("dance"))
    assert 1 == answers.read(Request("ticks", "AAA", limit=1)).num_rows


def test_proofs_gaps_and_stats_come_whole(far: Far) -> None:
    answers = far()
    (stats,) = answers.stats()
    (day,) = answers.proofs("ticks", "AAA")
    (gap,) = answers.gaps("ticks", "AAA")
    assert (59_990, 59_990, (50_000, 50_009), "ticks") == (
        stats.rows,
        day.rows,
        (gap.first, gap.last),
        stats.series.dataset.name,
    )
    assert ["AAA"] == answers.symbols("ticks")


def test_an_answer_that_breaks_off_is_an_error_and_never_a_short_table(far: Far) -> None:
    answers = far(
        "import bcore.frames as f, os\n"
        "whole = f.Outgoing.send\n"
        "def send(self, kind, content):\n"
        "    if kind == f.DONE: os._exit(0)\n"
        "    whole(self, kind, content)\n"
        "f.Outgoing.send = send"
    )
    with pytest.raises(LinkError):
        answers.read(Request("ticks", "AAA"))


def test_rows_are_counted(far: Far) -> None:
    answers = far(
        "import bcore.frames as f\n"
        "whole = f.Outgoing.send\n"
        "less = lambda content: content.replace(b'\"rows\": 59', b'\"rows\": 58')\n"
        "f.Outgoing.send = lambda self, kind, content: whole(self, kind, less(content))"
    )
    with pytest.raises(LinkError, match="59990 rows arrived of 58990"):
        answers.read(Request("ticks", "AAA"))


def test_new_rows_are_followed_and_a_broken_link_is_taken_up_behind_the_last_one(far: Far) -> None:
    """The far side dies after it has told five new rows; the next one holds five more."""
    answers = far(
        "import threading\n"
        "again = os.path.exists(__file__ + '.seen')\n"
        "open(__file__ + '.seen', 'w').close()\n"
        "add(60_000, 60_010) if again else threading.Timer(0.2, lambda: add(60_000, 60_005)).start()\n"
        "again or threading.Timer(1.0, lambda: os._exit(0)).start()"
    )
    found: list[int] = []
    for table, _ in answers.follow("ticks", "AAA", "59995"):
        found += table.column("id").to_pylist() if table is not None else []
        if len(found) >= 14:
            break
    assert [*range(59_996, 60_010)] == found


def test_a_reader_tells_what_is_missing_over_there(far: Far) -> None:
    far(script="import sys; sys.exit(127)")
    with pytest.raises(ConfigError, match=r"no 'bcore' on the PATH.*command ="):
        SshReader(SshConfig(host="far", mode="bcore")).views()


@pytest.mark.parametrize(
    ("status", "said", "kind", "why"),
    [
        (255, "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\n", ConfigError, "Ask who runs it"),
        (255, "Host key verification failed.\n", ConfigError, "compare the fingerprint"),
        (255, "me@far: Permission denied (publickey).\n", ConfigError, "does not let you in"),
        (255, "me@far: Permission denied (publickey).\n", ConfigError, "BCORE_REMOTE_KEY=... on the command line"),
        (255, "me@far: Permission denied (publickey).\n", ConfigError, 'key = "..." in Python'),
        (255, "ssh: connect to host far port 22: Connection refused\n", LinkError, "cannot be reached: ssh: connect"),
        (127, "sh: 1: bcore: not found\n", NoBcoreError, "there is no 'bcore'"),
        (2, "bcore: there is no archive 'dta' (did you mean data?)\n", LinkError, "ended: there is no archive"),
        (-9, "", LinkError, "ssh ended with -9"),
    ],
)
def test_what_ssh_complains_of_becomes_advice(status: int, said: str, kind: type[Exception], why: str) -> None:
    error = explained(SshConfig(host="far"), status, said)
    assert (kind, True) == (type(error), why in str(error)), str(error)


def test_names_are_quoted_for_sftp() -> None:
    assert '"/a \\"b\\" \\\\c*"' == quoted(PurePosixPath('/a "b" \\c*'))
    with pytest.raises(Denied):
        quoted(PurePosixPath("/a\nrm b"))


def test_batches_of_an_answer_come_as_they_are_made(far: Far) -> None:
    reader = far().scan(Request("ticks", "AAA"))
    assert isinstance(reader, pa.RecordBatchReader)
    assert 59_990 == sum(batch.num_rows for batch in reader)

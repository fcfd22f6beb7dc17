"""Commands without pandas: pyarrow finds none while it looks for it, and all that wants pandas has it."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata

import pytest

pytest.importorskip("pandas", reason="there is nothing to be spared")

ARROW = int(metadata.version("pyarrow").split(".")[0])
USES = {
    "a frame comes out": "assert [1, 2] == pa.table({'a': [1, 2]}).to_pandas()['a'].tolist()",
    "a frame goes in": "import pandas; assert 2 == pa.Table.from_pandas(pandas.DataFrame({'a': [1, 2]})).num_rows",
    "a table of a frame": "import pandas; assert 2 == pa.table(pandas.DataFrame({'a': [1, 2]})).num_rows",
    "a series goes in": "import pandas; assert [1, 2] == pa.array(pandas.Series([1, 2])).to_pylist()",
    "pandas is imported": "import pandas; assert pandas.__version__",
}


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert 0 == done.returncode, done.stderr
    return done.stdout.strip()


@pytest.mark.skipif(ARROW < 18, reason="pyarrow 17 looks again and again")
def test_values_of_every_kind_are_converted_without_it() -> None:
    code = (
        "import sys, pyarrow as pa\nfrom bcore.sparing import spare_pandas\nspare_pandas()\n"
        "table = pa.table({'a': pa.array([1.5, None]), 't': pa.array([0, 1], pa.timestamp('us', tz='UTC'))})\n"
        "assert 1970 == table.to_pylist()[0]['t'].year and 0 == table.schema.empty_table().num_rows\n"
        "assert pa.repeat('x', 2).to_pylist() == ['x', 'x'] and 2 == len(table['a'].to_numpy())\n"
        "print('pandas' in sys.modules)"
    )
    assert "False" == python(code)


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_whoever_wants_pandas_has_it_afterwards(use: str) -> None:
    code = f"import sys, pyarrow as pa\nfrom bcore.sparing import spare_pandas\nspare_pandas()\n{use}\n"
    assert "True" == python(f"{code}print('pandas' in sys.modules)")


def test_where_it_is_imported_already_nothing_changes() -> None:
    code = "import sys, pandas, pyarrow as pa\nbefore = list(sys.meta_path)\nfrom bcore.sparing import spare_pandas\n"
    after = "spare_pandas()\nimport pandas as again\nassert before == sys.meta_path and again is pandas\n"
    assert "int64" == python(code + after + "print(pa.array(pandas.Series([1])).type)")


def test_nothing_is_left_behind() -> None:
    code = "import sys\nfrom bcore.sparing import spare_pandas\nbefore = list(sys.meta_path)\nspare_pandas()\n"
    assert "True" == python(code + "print(before == sys.meta_path)")

"""`bcore plugins`: the list, the doctor, and new packages, whose own tests `nox -s thirdparty` runs."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from bcore.cli.scaffolding import KINDS
from bcore.doctor import diagnosed
from bcore.errors import ConfigError
from bcore.registry import Registry
from bcore.scaffold import files_of, write

HERE = Path(__file__).parent
HOSTILE, TOYS = HERE / "hostile", (HERE / "toysite", HERE / "toys")
EXAMPLES = HERE.parent / "examples"
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def plugins(bcore: Run) -> Run:
    """`bcore plugins ...` beside these hostile plugins."""

    def run(*args: str, cases: tuple[str, ...] = (), **env: str) -> subprocess.CompletedProcess[str]:
        names = ",".join(["toy", *cases])
        return bcore("plugins", *args, sites=(*TOYS, *(HOSTILE / case for case in cases)), plugins=names, **env)

    return run


def install(site: Path, metadata: str, entry_points: str = "") -> None:
    name, version = re.findall(r"^(?:Name|Version): (.*)$", metadata, re.MULTILINE)
    folder = site / f"{name.replace('-', '_')}-{version}.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(metadata)
    if entry_points:
        (folder / "entry_points.txt").write_text(f"[bcore]\n{entry_points}\n")


def test_nothing_wrong_is_said_in_one_line(plugins: Run) -> None:
    ended = plugins("doctor")
    said = ended.stdout.splitlines()
    assert (0, True) == (ended.returncode, said[-1].endswith("plugins: nothing is wrong")), ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("case", "what", "advice"),
    [
        ("import_error", "No module named 'a_module_that_nobody_has'", "pip install --force-reinstall hostile-import-"),
        ("typo_hook", "bcore_sorces", "update it (pip install -U hostile-typo-hook)"),
        ("raising_hook", "its bcore_sources raised RuntimeError: out of order", "BCORE_DISABLE_PLUGINS=raising_hook"),
        (
            "clash_command",
            "it offers the command 'run', which is one of bcore's own",
            "BCORE_DISABLE_PLUGINS=clash_com",
        ),
        ("endless_hook", "its bcore_sources has not come back within 3 s", "BCORE_PLUGIN_PATIENCE=600"),
    ],
)
def test_the_doctor_says_what_is_wrong_and_what_to_do(plugins: Run, case: str, what: str, advice: str) -> None:
    ended = plugins("doctor", cases=(case,), BCORE_PLUGIN_PATIENCE="3" if case == "endless_hook" else "60")
    assert 1 == ended.returncode
    error, told = ended.stdout.splitlines()[:2]
    assert error.startswith(f"error: {case} (hostile-{case.replace('_', '-')} 1.0): ")
    assert what in error
    assert advice in told


def test_clashes_are_listed_and_do_not_hide_what_else_is_there(plugins: Run) -> None:
    for command in (("doctor",), ()):
        ended = plugins(*command, cases=("clash_a", "clash_b"))
        told = ended.stdout + ended.stderr
        assert 1 == ended.returncode
        assert "two plugins offer the store kind 'clash': hostile-clash-a 1.2 and hostile-clash-b 3.4" in told
    assert "derivation bars" in ended.stdout


def test_who_left_a_plugin_out_is_said(plugins: Run, tmp_path: Path) -> None:
    (tmp_path / "bcore.toml").write_text('[plugins]\ndisable = ["good", "tpyo"]\n')
    ended = plugins(
        "doctor", "--format", "json", cases=("good", "slow_import"), BCORE_DISABLE_PLUGINS="slow_import,toyz"
    )
    told = [(each["level"], each["plugin"], each["what"]) for each in json.loads(ended.stdout)]
    assert ("note", "good (hostile-good 1.0)", "it is left out: the configuration says so: [plugins] disable") in told
    assert ("note", "slow_import (hostile-slow-import 1.0)", "it is left out: BCORE_DISABLE_PLUGINS names it") in told
    assert ("warning", "BCORE_DISABLE_PLUGINS", "there is no plugin 'toyz' (did you mean toy?)") in told
    assert "[plugins] disable" in [plugin for _, plugin, _ in told]
    assert 0 == ended.returncode


def test_what_a_plugin_needs_and_does_not_get_is_named(tmp_path: Path, plugins: Run, bcore: Run) -> None:
    head = "Metadata-Version: 2.1\nName: bc-needy\nVersion: 2.0\n"
    needs = ["bcore>=99", "a-thing-nobody-has>=1", "click>=8; python_version<'3'", "pytest; extra == 'tests'"]
    install(tmp_path / "site", head + "".join(f"Requires-Dist: {each}\n" for each in needs), "needy = bc_needy")
    (tmp_path / "site" / "bc_needy.py").write_text("")
    forgotten = "Metadata-Version: 2.1\nName: bc-forgotten\nVersion: 0.1\nRequires-Dist: bcore\n"
    install(tmp_path / "site", forgotten)
    ended = bcore("plugins", "doctor", sites=(*TOYS, tmp_path / "site"), plugins="toy,needy")
    lines = ended.stdout.splitlines()
    assert 1 == ended.returncode
    assert "error: bc-needy 2.0: it needs bcore>=99, and 0.1.0 is installed" in lines
    assert "error: bc-needy 2.0: it needs a-thing-nobody-has>=1, which is not installed" in lines
    assert "  pip install 'a-thing-nobody-has>=1'" in lines
    assert "warning: bc-forgotten 0.1: it needs bcore and offers no plugin" in lines
    assert [] == [line for line in lines if "click" in line or "pytest" in line]


def test_a_slow_import_is_taken_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "Metadata-Version: 2.1\nName: bc-slow\nVersion: 1.0\n", "slow = bc_slow_plugin")
    (tmp_path / "bc_slow_plugin.py").write_text("import bc_slow_helper\n")
    (tmp_path / "bc_slow_helper.py").write_text("import time\ntime.sleep(0.7)\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    registry = Registry.load({"BCORE_PLUGINS": "slow"})
    (found,) = (each for each in diagnosed(registry, {}) if each.plugin == "slow (bc-slow 1.0)")
    assert "warning" == found.level
    assert "importing bc_slow_plugin takes" in found.what
    assert "bc_slow_helper 0." in found.advice


def test_the_list_has_times_and_reasons(plugins: Run) -> None:
    rows = {row["name"]: row for row in json.loads(plugins("--format", "json", cases=("good",)).stdout)}
    assert ["source beats", "derivation some_beats", "command greet"] == rows["good"]["offers"]
    assert all(re.fullmatch(r"\d+ ms", rows["good"][name]) for name in ("load", "hooks"))


@pytest.mark.parametrize("name", ["Bad", "x", "1st", "class", "a-b", "a__b", "end_", "../up"])
def test_a_name_that_cannot_be_one_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be a plugin's name"):
        write(name, "store", tmp_path)
    assert [] == list(tmp_path.iterdir())


def test_nothing_is_written_over(tmp_path: Path) -> None:
    write("mine", "store", tmp_path)
    with pytest.raises(ConfigError, match="exists already; nothing was written"):
        write("mine", "derivation", tmp_path)


def test_a_kind_that_is_taken_is_said(bcore: Run, tmp_path: Path) -> None:
    ended = bcore("plugins", "new", "shelf", "--kind", "store", "--to", str(tmp_path / "new"))
    assert 0 == ended.returncode, ended.stderr
    assert "offers a store 'shelf' already" in ended.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_package_has_nothing_of_the_example_s_name(kind: str) -> None:
    files = files_of("my_own", kind)
    words = {
        "derivation": "notional",
        "source": "csvfolder",
        "store": "sqlite",
        "transport": "wire",
        "exchange": "venue",
    }
    left = [path for path, text in files.items() if re.search(rf"(?i)(?<![a-z]){words[kind]}(?![a-z0-9])", path + text)]
    assert [] == [path for path in left if "SQLite" not in files[path]]
    assert {"pyproject.toml", "README.md", "tests/test_my_own.py", ".github/workflows/tests.yml"} <= set(files)
    project = tomllib.loads(files["pyproject.toml"])
    assert {"my_own": "bc_my_own.plugin"} == project["project"]["entry-points"]["bcore"]
    assert "bc-my-own" == project["project"]["name"]
    for path, text in files.items():
        if path.endswith(".py"):
            compile(text, path, "exec")

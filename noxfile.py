"""Every check of the project, from nothing but Python: `nox` runs what a change must pass, `nox -l` lists all.

With uv, which the documented commands install beside nox, environments are built in seconds; nothing needs it.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import tomllib
from pathlib import Path

import nox

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["lint", "types", "tests", "alone", "minimums", "package", "thirdparty", "examples", "site"]
nox.options.error_on_missing_interpreters = False

ROOT = Path(__file__).parent
PROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
PLUGINS = sorted(folder.parent.name for folder in ROOT.glob("plugins/*/pyproject.toml"))
# Most tests wait for processes and sockets: two for each core keep a machine busy.
SIDE_BY_SIDE = ("-q", "-n", "4", "--dist", "worksteal", "--durations", "15")
# What tells nothing of versions that other tests do not: every fault, kill and recording, what a browser and documents
# show, and tests of tests.
TIMELESS = (
    "plugins/bc_http/tests/test_http_hostile.py",
    "plugins/bc_orderbook/tests/test_bookviews_replay.py",
    "plugins/bc_orderbook/tests/test_depth_oracles.py",
    "plugins/bc_orderbook/tests/test_depth_replay.py",
    "plugins/bc_parquet/tests/test_crash.py",
    "plugins/bc_replay/tests/test_fixtures.py",
    "plugins/bc_replay/tests/test_tape_recordings.py",
    "plugins/bc_trades/tests/test_trades_stream_replay.py",
    "tests/e2e/test_books_faults.py",
    "tests/e2e/test_books_numbers.py",
    "tests/e2e/test_candles.py",
    "tests/e2e/test_contract.py",
    "tests/e2e/test_dashboard.py",
    "tests/e2e/test_demo.py",
    "tests/e2e/test_deploy.py",
    "tests/e2e/test_fault_matrix.py",
    "tests/e2e/test_full_disk.py",
    "tests/e2e/test_live.py",
    "tests/e2e/test_prove.py",
    "tests/e2e/test_same_everywhere.py",
    "tests/e2e/test_um.py",
    "tests/kit",
    "tests/test_docs_blocks.py",
    "tests/test_never_rules.py",
    "tests/test_plugin_docs.py",
    "tests/test_plugins_command.py",
    "tests/test_status_command.py",
)
OLD_VERSIONS = (*SIDE_BY_SIDE, *(f"--ignore={path}" for path in TIMELESS))
KINDS = ("derivation", "source", "store", "transport", "exchange")
PAGE = "from bc_dashboard.assets import *; assert {'index.html', LIBRARY} <= set(Assets.installed().files)"
LIBRARIES = {
    "bc_binance_um": ["bc_binance"],
    "bc_dashboard": ["bc_http"],
    "bc_plot": ["bc_binance", "bc_orderbook", "bc_parquet", "bc_trades"],
    "bc_trades": ["bc_binance"],
    "bc_orderbook": ["bc_binance"],
    "bc_replay": [],
    "binance_collector": ["bc_binance", "bc_http", "bc_orderbook", "bc_parquet", "bc_replay", "bc_ssh", "bc_trades"],
}


def group(name: str) -> list[str]:
    return list(nox.project.dependency_groups(PROJECT, name))


def sources(*plugins: str) -> list[str]:
    """pip arguments that install the core and the plugins from this checkout."""
    return ["-e", ".", *(word for plugin in plugins for word in ("-e", f"plugins/{plugin}"))]


def built(session: nox.Session, *plugins: str) -> list[str]:
    """Arguments that install wheels of the core and the plugins, as users get them, made of what is here now."""
    words = [".", *(f"./plugins/{plugin}" for plugin in plugins)]
    if session.venv_backend == "uv":  # it would take the wheel of an older checkout while pyproject.toml is the same
        words += [f"--refresh-package={name.replace('_', '-')}" for name in ("bcore", *plugins)]
    return words


@nox.session
def demo(session: nox.Session) -> None:
    """Watch the collector work on a bundled recording: nox -s demo [-- --speed 5 --data DIR]."""
    session.install(*sources(*PLUGINS), *group("pandas"))
    session.run("bcore", "demo", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """The whole test suite: the core, every plugin, end to end."""
    session.install(*sources(*PLUGINS), *group("tests"))
    session.run("pytest", *SIDE_BY_SIDE, *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    session.install(*group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    session.install(*sources(*PLUGINS), *group("types"))
    session.run("mypy", "bcore")
    session.run("mypy", "tests/typing")
    for plugin in PLUGINS:
        session.run("mypy", f"plugins/{plugin}/{plugin}")
    session.run("mypy", *(str(folder) for name in ("bc_*", "tests") for folder in ROOT.glob(f"examples/bc_*/{name}")))
    folder = Path(session.create_tmp()) / "new"
    shutil.rmtree(folder, ignore_errors=True)
    for kind in KINDS:  # what authors start from, as it is written for them
        session.run("bcore", "plugins", "new", f"my_{kind}", "--kind", kind, "--to", str(folder), silent=True)
        package = folder / f"bc_my_{kind}"
        session.run("mypy", "--config-file", f"{package}/pyproject.toml", f"{package}/bc_my_{kind}")


@nox.session
@nox.parametrize("plugin", PLUGINS)
def alone(session: nox.Session, plugin: str) -> None:
    """A plugin's own tests with only the core, that plugin and what it declares, at the oldest versions it claims."""
    session.install(*built(session, plugin, *LIBRARIES.get(plugin, [])), *group("tests"), "-c", oldest(session))
    session.run("pytest", *OLD_VERSIONS, f"plugins/{plugin}/tests", *session.posargs)


@nox.session
def minimums(session: nox.Session) -> None:
    """The tests of the core and of all plugins together with the oldest versions that the distributions claim.

    `alone` has shown each plugin's own tests to pass with them.
    """
    session.install(*built(session, *PLUGINS), *group("tests"), "-c", oldest(session))
    session.run("pytest", *OLD_VERSIONS, "tests", *session.posargs)


def oldest(session: nox.Session) -> str:
    """A file of constraints that hold every dependency to its lower bound."""
    pins = Path(session.create_tmp()) / "oldest.txt"
    pins.write_text("\n".join(lower_bounds()) + "\n")
    return str(pins)


def lower_bounds() -> list[str]:
    """`name==version` for every `name>=version` that the distributions declare."""
    found: dict[str, str] = {}
    for file in [ROOT / "pyproject.toml", *ROOT.glob("plugins/*/pyproject.toml")]:
        for requirement in tomllib.loads(file.read_text())["project"]["dependencies"]:
            if match := re.match(r"([A-Za-z0-9_.-]+)(?:\[[^]]*\])?>=([0-9.]+)", requirement):
                found[match[1]] = max(found.get(match[1], "0"), match[2], key=version)
    return [
        f"{name}=={number}"
        for name, number in sorted(found.items())
        if not name.startswith(("bcore", "bc-", "binance-collector"))
    ]


def version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def wheels(session: nox.Session) -> list[str]:
    """Builds every distribution as users get it: a wheel made from its source archive."""
    session.install(*group("package"))
    folder = Path(session.create_tmp()) / "dist"
    for project in (".", *(f"plugins/{plugin}" for plugin in PLUGINS)):
        session.run("python", "-m", "build", "--installer", "uv", "--outdir", str(folder), project, silent=True)
    return [str(wheel) for wheel in sorted(folder.glob("*.whl"))]


def split(made: list[str]) -> tuple[str, list[str]]:
    """The core's wheel and the others, so that the core can be asked for its extras."""
    core = next(wheel for wheel in made if Path(wheel).name.startswith("bcore-"))
    return core, [wheel for wheel in made if wheel != core]


@nox.session
def package(session: nox.Session) -> None:
    """Wheels build, install together into a clean environment, and the commands work outside the checkout."""
    core, plugins = split(wheels(session))
    session.install(f"{core}[all]", *plugins)
    with session.chdir(session.create_tmp()):
        session.run("bcore", "plugins")
        session.run("python", "-c", PAGE)
        session.run("bcore", "demo", "--for", "6", "--speed", "20", "--data", "package-demo")


@nox.session
def thirdparty(session: nox.Session) -> None:
    """Strangers' plugins, built and installed against our wheels as outsiders would, pass their own tests.

    The examples, and what `bcore plugins new` of the wheel writes, in a folder outside the checkout. Beside them pip
    installs from a git repository, as the page of the original has it.
    """
    packages = sorted(str(file.parent) for file in ROOT.glob("examples/bc_*/pyproject.toml"))
    session.install(*wheels(session), *packages, *group("tests"))
    beside = ("tests/test_from_git.py", *(f"{folder}/tests" for folder in packages))
    session.run("pytest", *SIDE_BY_SIDE, *beside, *session.posargs, env={"BCORE_FROM_GIT": "1"})
    outside = Path(tempfile.mkdtemp(prefix="bcore-new-"))
    with session.chdir(outside):
        for kind in KINDS:
            session.run("bcore", "plugins", "new", f"my_{kind}", "--kind", kind)
        session.install(*(str(outside / f"bc_my_{kind}") for kind in KINDS))
        session.run("bcore", "plugins", "doctor")
        tests = [f"bc_my_{kind}/tests" for kind in KINDS]
        quick = ("-k", "not killed and not reader_beside and not history")  # of a store: the example's have just run
        session.run("pytest", *SIDE_BY_SIDE, "-p", "no:cacheprovider", "--import-mode=importlib", *quick, *tests)
    shutil.rmtree(outside)


@nox.session
def examples(session: nox.Session) -> None:
    """Every example and the notebook, each run as it stands against a replay exchange."""
    session.install(*sources(*PLUGINS), *group("tests"), *group("examples"))
    session.run("pytest", "examples/test_examples.py", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measures the archive and the candles beside other tools: nox -s bench [-- --rows N --huge --write]."""
    session.install(*sources(*PLUGINS), *group("tests"))
    session.run("python", "bench/storage.py", *session.posargs)


@nox.session
def contract(session: nox.Session) -> None:
    """The HTTP server beside its OpenAPI document, as schemathesis finds it, twice for five minutes."""
    viewed = ("-e", "examples/bc_example", "-e", "examples/bc_csvfolder", "-e", "examples/bc_venue")
    session.install(*sources(*PLUGINS), *viewed, *group("tests"), "schemathesis>=4.0")
    session.run("pytest", "tests/e2e/test_contract.py", *session.posargs, env={"BCORE_CONTRACT_SECONDS": "300"})


@nox.session
def site(session: nox.Session) -> None:
    """The documents as a site in site/; a link that leads nowhere ends it."""
    session.install(*group("docs"))
    session.run("python", "docs/site.py", "site")


@nox.session
def docs(session: nox.Session) -> None:
    """The documents: generated pages anew, every link, command and code block tried, and a site of them in site/."""
    session.install(*sources(*PLUGINS), *group("tests"), *group("docs"))
    with Path("docs/configuration.md").open("w") as page:
        session.run("bcore", "config", "reference", stdout=page)
    session.run("python", "docs/schema.py")
    session.run("pytest", "tests/test_docs.py", "tests/test_docs_blocks.py", *session.posargs)
    session.run("python", "docs/site.py", "site")


@nox.session
def nightly(session: nox.Session) -> None:
    """What takes too long for every change: two hundred kills of a writer at random instants."""
    session.install(*sources("bc_parquet"), *group("tests"))
    session.run("pytest", "plugins/bc_parquet/tests/test_crash.py", "-s", *session.posargs, env={"BCORE_KILLS": "200"})


@nox.session
def soak(session: nox.Session) -> None:
    """The fault matrix for long: every fault ten times in each run, and every pair; about an hour."""
    session.install(*sources(*PLUGINS), *group("tests"))
    matrix = ("tests/e2e/test_fault_matrix.py", "tests/e2e/test_live.py")
    session.run("pytest", *matrix, *session.posargs, env={"BCORE_ROUNDS": "10", "BCORE_PAIRS": "all"})


@nox.session
def load(session: nox.Session) -> None:
    """What a live trade and a back-filled row cost: nox -s load [-- --seconds 60]; some minutes."""
    session.install(*sources(*PLUGINS), *group("tests"))
    session.run("python", "bench/live.py", *session.posargs)
    session.run("python", "bench/history.py")

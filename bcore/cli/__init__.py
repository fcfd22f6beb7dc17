"""The command line. Modules here import only click at the top, so that `bcore --help` stays quick."""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from typing import Any

import click

from bcore import __version__
from bcore.cli.options import Options, with_globals
from bcore.errors import BcoreError, ConfigError, RequestError

OWN = {
    "run": "collecting",
    "read": "reading",
    "stats": "reading",
    "compact": "maintaining",
    "verify": "verifying",
    "repair": "repairing",
    "backfill": "backfilling",
    "plan": "backfilling",
    "views": "reading",
    "sync": "syncing",
    "serve": "serving",
    "answer": "answering",
    "status": "watching",
    "plugins": "inspecting",
    "config": "configuring",
}

# Which of the plugins that are kept with bcore brings a command.
BROUGHT = {"demo": "bc_replay", "import": "bc_parquet", "plot": "bc_plot", "replay": "bc_replay"}


class Commands(click.Group):
    """The core's own commands and those of plugins. Errors of bcore become one line and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*OWN, *self._of_plugins(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in OWN:
            command: click.Command = getattr(import_module(f"bcore.cli.{OWN[cmd_name]}"), cmd_name)
            return command
        return self._of_plugins(ctx).get(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise click.UsageError(f"there is no command {args[0]!r}{self._instead(args[0], ctx)}", ctx)
        return super().resolve_command(ctx, args)

    def _instead(self, name: str, ctx: click.Context) -> str:
        from bcore.naming import near

        if plugin := BROUGHT.get(name):
            install = f"pip install {plugin.replace('_', '-')}"
            return f": it comes with {plugin}, which is not here or left out ({install}; `bcore plugins` tells)"
        return near(name, self.list_commands(ctx))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_epilog(ctx, formatter)
        if "demo" in self.list_commands(ctx):
            with formatter.indentation():
                formatter.write_text("Try: bcore demo")

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (ConfigError, RequestError) as error:
            _say(error)
            raise click.exceptions.Exit(2) from error
        except BcoreError as error:
            _say(error)
            raise click.exceptions.Exit(1) from error
        except BrokenPipeError:
            # Whoever read our output has had enough; say nothing, not even at interpreter exit.
            sys.stderr.close()
            raise click.exceptions.Exit(0) from None
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            click.echo(f"bcore: {where}{error.strerror or error}", err=True)
            raise click.exceptions.Exit(1) from error

    def _of_plugins(self, ctx: click.Context) -> dict[str, click.Command]:
        options = ctx.obj if isinstance(ctx.obj, Options) else Options()
        try:
            offered = options.plugins().of("commands")
            owned = {name: options.plugins().owner("commands", name) for name in offered if name in OWN}
        except BcoreError as error:
            # Help must still come up, and a plugin's mistake or a broken file must not take the others' commands.
            logging.getLogger(__name__).warning("%s", error)
            return {}
        for name, plugin in owned.items():
            plugin.fail(f"it offers the command {name!r}, which is one of bcore's own")
        return {name: command for name, command in offered.items() if name not in OWN}


def _say(error: BcoreError) -> None:
    lines = getattr(error, "problems", None) or [str(error)]
    for line in lines:
        click.echo(f"bcore: {line}", err=True)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 failed, 2 misused.",
)
@with_globals
@click.version_option(__version__, prog_name="bcore")
def main() -> None:
    """bcore: a market-data collector that can prove it lost nothing."""

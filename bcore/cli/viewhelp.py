"""Help for a command whose options depend on a view: bcore read ohlcv --help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from bcore.protocols import ViewInfo

WORDS = "bcore.words"


class ViewCommand(click.Command):
    """Tells in its help what the view takes that is named beside --help."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[WORDS] = [word for word in args if not word.startswith("-")]
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_options(ctx, formatter)
        view = _named(ctx)
        if view is not None and (rows := parameters(view)):
            with formatter.section(f"Parameters of {view.name}"):
                formatter.write_dl([(name, meaning) for name, meaning in rows])


def parameters(view: ViewInfo) -> list[list[str]]:
    """What a view takes, each as it is typed, and what it means."""
    from bcore.fields import fields_of

    facets = [[f"--{facet.replace('_', '-')}", "only rows with this value, or several: 10,50"] for facet in view.facets]
    return facets + [[typed(each), each.help] for each in (() if view.params is None else fields_of(view.params))]


def columns(view: ViewInfo) -> list[list[str]]:
    """Each column with its type; those of levels (`bid_price_1`, `bid_price_2`, ...) in one line for all of them."""
    from bcore.catalogue import NUMBERED

    found: dict[tuple[str, str], list[str]] = {}
    for each in view.schema:
        numbered = NUMBERED.fullmatch(each.name)
        stem = each.name[: numbered.start(1)] if numbered else each.name
        found.setdefault((stem, str(each.type)), []).append(each.name)
    return [[names[0] if len(names) == 1 else f"{names[0]} .. {names[-1]}", kind] for (_, kind), names in found.items()]


def typed(parameter: Any) -> str:
    """`--levels` where nothing is the default, `--timeframe=1m` otherwise; in brackets what must not be left out."""
    name = f"--{parameter.name.replace('_', '-')}"
    if parameter.required:
        return f"<{name}>"
    return name if parameter.default is None else f"{name}={parameter.default}"


def _named(ctx: click.Context) -> ViewInfo | None:
    """The first word that is a view. Help is given whatever is wrong with a configuration."""
    from bcore.cli.options import Options
    from bcore.errors import BcoreError

    words = ctx.meta.get(WORDS, [])
    if not words:
        return None
    from bcore.cli.choosing import archive

    try:
        app = archive(ctx.find_object(Options) or Options())
        try:
            known = app.reader().views()
        finally:
            app.close()
    except (BcoreError, OSError):
        return None
    return next((known[word] for word in words if word in known), None)

"""Groups of commands whose help shows every summary whole."""

from __future__ import annotations

import click

WHOLE = 1000  # letters of a summary; click cuts at what fits into a line


class Group(click.Group):
    """A group of commands that lists each with its whole first sentence, on as many lines as it takes."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, one.get_short_help_str(WHOLE)) for name, one in found if one and not one.hidden]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

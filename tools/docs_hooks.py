"""MkDocs hook: the pages of commands and of a run's tables are what the program says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

COMMANDS, TABLES = "reference/commands.md", "reference/tables.md"


def on_page_markdown(markdown: str, page: Any, **_kwargs: Any) -> str:
    """Put the help of every command, or every table, in place of the page's marker."""
    if page.file.src_uri == COMMANDS:
        return markdown.replace("<!-- commands -->", "\n".join(_pages()))
    if page.file.src_uri == TABLES:
        from samgraph.run.table_registry import document

        return markdown.replace("<!-- tables -->", document())
    return markdown


def _pages() -> Iterator[str]:
    from samgraph.cli import COMMANDS, cli

    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        yield from _help(command, f"samgraph {name}")


def _help(command: click.Command, called: str) -> Iterator[str]:
    context = click.Context(command, info_name=called, terminal_width=90)
    yield f"## {called}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from _help(below, f"{called} {name}")
